import type { FrameRecord, FrameSection } from './eh-frame.ts';
import { SHF_GNU_RETAIN, SHT_FINI_ARRAY, SHT_INIT_ARRAY, SHT_NOTE, SHT_PREINIT_ARRAY, STT_SECTION } from './elf.ts';
import type { LoadedInputs } from './inputs.ts';
import { COMMON } from './object.ts';
import type { LinkOptions } from './options.ts';
import type { SymbolTable } from './resolution.ts';
import type { InputSection } from './section.ts';
import type { LinkSymbol } from './symbol.ts';

/** True when a section name is a C identifier, so that `__start_NAME` and `__stop_NAME` exist (GNU ld manual). */
export function isCIdentifier(name: string): boolean {
  // Nearly all begin with a dot.
  return name.charCodeAt(0) !== 0x2e && /^[A-Za-z_]\w*$/.test(name);
}

/** Sections that the start-up code walks over, or that exist to be found by tools: roots of the collection. */
function isKept(section: InputSection): boolean {
  switch (section.type) {
    case SHT_INIT_ARRAY:
    case SHT_FINI_ARRAY:
    case SHT_PREINIT_ARRAY:
    case SHT_NOTE:
      return true;
  }
  if ((section.flags & SHF_GNU_RETAIN) !== 0) return true;
  return /^\.(init|fini|jcr|(init|fini|preinit)_array|ctors|dtors)(\.|$)/.test(section.name);
}

/**
 * Marks what is needed. Without `gcSections` that is everything that is not discarded; with it, what the roots reach. All
 * bodies of a multivariant function live or die together, and so do a function and its unwind information.
 */
export function markLive(
  inputs: LoadedInputs,
  options: LinkOptions,
  table: SymbolTable,
  frames: ReadonlyMap<InputSection, FrameSection>,
  defsymTargets: readonly LinkSymbol[],
): void {
  new Marker(inputs, options, table, frames).run(defsymTargets);
}

class Marker {
  readonly #inputs: LoadedInputs;
  readonly #options: LinkOptions;
  readonly #table: SymbolTable;
  readonly #framesOf = new Map<InputSection, FrameRecord[]>();
  readonly #work: InputSection[] = [];
  readonly #byIdentifier = new Map<string, InputSection[]>();
  /** Cuts off what hangs on sections that are not collected but also not roots (debug information). */
  readonly #collect: boolean;

  constructor(
    inputs: LoadedInputs,
    options: LinkOptions,
    table: SymbolTable,
    frames: ReadonlyMap<InputSection, FrameSection>,
  ) {
    this.#inputs = inputs;
    this.#options = options;
    this.#table = table;
    this.#collect = options.gcSections ?? false;
    if (!this.#collect) return;
    for (const { fdes } of frames.values()) {
      for (const fde of fdes) {
        if (fde.code === undefined) continue;
        const list = this.#framesOf.get(fde.code);
        if (list === undefined) this.#framesOf.set(fde.code, [fde]);
        else list.push(fde);
      }
    }
  }

  run(defsymTargets: readonly LinkSymbol[]): void {
    for (const file of this.#inputs.objects) {
      for (const section of file.sections) {
        if (section === undefined || section.fate !== 'keep') continue;
        if (isCIdentifier(section.name)) {
          const list = this.#byIdentifier.get(section.name);
          if (list === undefined) this.#byIdentifier.set(section.name, [section]);
          else list.push(section);
        }
        if (section.name === '.eh_frame' && section.isAlloc) continue;
        if (!section.isAlloc) section.live = true;
        else if (!this.#collect || isKept(section)) this.#mark(section);
      }
    }
    const roots = [
      this.#options.entry ?? '_start',
      ...(this.#options.undefinedSymbols ?? []),
      ...(this.#options.requiredSymbols ?? []),
    ];
    for (const name of roots) this.#markSymbol(this.#table.lookup(name, COMMON));
    for (const symbol of defsymTargets) this.#markSymbol(symbol);
    // Where all is live, nothing has to be followed.
    if (!this.#collect) this.#work.length = 0;
    for (let section = this.#work.pop(); section !== undefined; section = this.#work.pop()) {
      this.#follow(section, section.relocations.first, section.relocations.last);
      const frames = this.#framesOf.get(section);
      if (frames === undefined) continue;
      for (const fde of frames) {
        // All but the first relocation, which is the way back to the code: the LSDA, and the CIE's personality.
        this.#follow(fde.section, fde.firstRelocation + 1, fde.lastRelocation);
        if (fde.cie !== undefined) this.#follow(fde.section, fde.cie.firstRelocation, fde.cie.lastRelocation);
      }
    }
    this.#markDebugPieces();
  }

  #mark(section: InputSection): void {
    const target = section.final;
    if (target.live || target.fate === 'discard') return;
    target.live = true;
    this.#work.push(target);
    if (target.pieces !== undefined && !this.#collect) target.pieces.live.fill(1);
    if (target.slot === undefined) return;
    for (const body of target.slot.bodies) {
      if (body.section !== undefined) this.#mark(body.section);
      this.#markSymbol(body.thunk);
    }
  }

  #follow(section: InputSection, first: number, last: number): void {
    const { symbols, addends } = section.relocations;
    const { resolved } = section.file;
    for (let i = first; i < last; i++) {
      const symbol = resolved[symbols[i]!]!;
      // Most lead to where others have led before.
      if (symbol.section?.live !== true || symbol.section.pieces !== undefined) this.#markSymbol(symbol, addends[i]!);
    }
  }

  #markSymbol(symbol: LinkSymbol | undefined, addend = 0): void {
    if (symbol === undefined) return;
    const { section } = symbol;
    if (section !== undefined) {
      this.#mark(section);
      const pieces = section.pieces;
      if (pieces !== undefined) {
        const piece = pieces.indexOf(symbol.type === STT_SECTION ? symbol.value + addend : symbol.value);
        if (piece >= 0) pieces.live[piece] = 1;
      }
      return;
    }
    const match = /^__(?:start|stop)_(\w+)$/.exec(symbol.name);
    if (match !== null) for (const kept of this.#byIdentifier.get(match[1]!) ?? []) this.#mark(kept);
  }

  /** Strings of debug information are all kept: what refers to them is kept, too. */
  #markDebugPieces(): void {
    for (const file of this.#inputs.objects) {
      for (const section of file.sections) {
        if (section?.pieces !== undefined && !section.isAlloc && section.live) section.pieces.live.fill(1);
      }
    }
  }
}
