import type { Addresses } from './addresses.ts';
import {
  putWide,
  SHF_ALLOC,
  SHF_TLS,
  SHN_ABS,
  STB_GLOBAL,
  STB_LOCAL,
  STT_COMMON,
  STT_FILE,
  STT_FUNC,
  STT_GNU_IFUNC,
  STT_NOTYPE,
  STT_OBJECT,
  STT_SECTION,
  STT_TLS,
  STV_DEFAULT,
  STV_PROTECTED,
  SYM_SIZE,
} from './elf.ts';
import type { LoadedInputs } from './inputs.ts';
import type { Layout } from './layout.ts';
import type { LinkerSymbol } from './linker-symbols.ts';
import { COMMON } from './object.ts';
import type { OutputSection } from './output.ts';
import type { SymbolTable } from './resolution.ts';
import { type LinkSymbol, unversionedNames } from './symbol.ts';

const WORDS = SYM_SIZE / 4;

/** Entries as the file will have them, but for their names' offsets: a large program has a hundred thousand. */
class Entries {
  readonly names: string[] = [];
  #words = new Uint32Array(1024 * WORDS);

  add(name: string, info: number, other: number, index: number, value: number, size: number): void {
    const at = this.names.push(name) * WORDS - WORDS;
    if (at === this.#words.length) {
      const more = new Uint32Array(2 * at);
      more.set(this.#words);
      this.#words = more;
    }
    const words = this.#words;
    words[at + 1] = info | (other << 8) | (index << 16);
    putWide(words, at + 2, value);
    putWide(words, at + 4, size);
  }

  /** Appends them to a table. */
  write(table: Uint32Array, start: number, strings: StringTableBuilder): void {
    const { names } = this;
    table.set(this.#words.subarray(0, names.length * WORDS), start);
    for (let i = 0, at = start; i < names.length; i++, at += WORDS) table[at] = strings.add(names[i]!);
  }
}

/** The bytes of `.symtab` and `.strtab`. */
export interface SymbolTableBytes {
  readonly symtab: Uint8Array;
  readonly strtab: Uint8Array;
  /** Index of the first symbol that is not local. */
  readonly firstGlobal: number;
}

/** A string table that grows; equal strings once. */
export class StringTableBuilder {
  readonly #offsets = new Map<string, number>([['', 0]]);
  readonly #parts: string[] = ['\0'];
  #size = 1;

  add(text: string): number {
    let offset = this.#offsets.get(text);
    if (offset === undefined) {
      offset = this.#size;
      this.#offsets.set(text, offset);
      this.#parts.push(text, '\0');
      this.#size += text.length + 1;
    }
    return offset;
  }

  bytes(): Uint8Array {
    return Buffer.from(this.#parts.join(''), 'latin1');
  }
}

/**
 * The output's symbol table: locals by file, then globals. A multivariant function appears once for each variant: the
 * default's as its object says, the others' as local symbols of the section with their bodies.
 */
export function buildSymbolTable(
  inputs: LoadedInputs,
  table: SymbolTable,
  own: { readonly places: readonly LinkerSymbol[]; readonly defsyms: readonly LinkSymbol[] },
  layout: Layout,
  addresses: Addresses,
): SymbolTableBytes {
  const locals = new Entries();
  const globals = new Entries();
  const maker = new EntryMaker(layout, addresses, locals);
  for (const file of inputs.objects) {
    let source: string | undefined;
    for (let i = 1; i < file.symbols.length; i++) {
      const symbol = file.symbols[i]!;
      if (symbol.type === STT_FILE) {
        source = symbol.name;
        continue;
      }
      if (symbol.type === STT_SECTION || symbol.name === '' || symbol.name.startsWith('.L')) continue;
      const isGlobal = i >= file.firstGlobal;
      // Globals come below, but for the bodies that other variants have of them.
      if (isGlobal && !isOtherBody(symbol)) continue;
      if (!maker.hasPlace(symbol)) continue;
      if (source !== undefined) locals.add(source, STT_FILE, 0, SHN_ABS, 0, 0);
      source = undefined;
      maker.add(symbol, symbol.name, STB_LOCAL, locals);
    }
  }
  for (const { name } of table.names.values()) {
    const symbol = table.lookup(name, COMMON);
    if (symbol === undefined || symbol.file === undefined || !maker.hasPlace(symbol)) continue;
    // A default version's other names, for references that name none.
    if (symbol.name !== name && unversionedNames(symbol.name).includes(name)) continue;
    const hidden = symbol.visibility !== STV_DEFAULT && symbol.visibility !== STV_PROTECTED;
    if (hidden) maker.add(symbol, name, STB_LOCAL, locals);
    else maker.add(symbol, name, symbol.binding, globals);
  }
  for (const symbol of own.defsyms) {
    const index = symbol.isPlace ? sectionAt(layout, undefined, symbol.value)?.index : undefined;
    if (index === undefined) maker.add(symbol, symbol.name, symbol.binding, globals);
    else globals.add(symbol.name, (STB_GLOBAL << 4) | symbol.type, symbol.visibility, index, symbol.value, 0);
  }
  for (const { symbol, section } of own.places) {
    const out = section === undefined ? undefined : sectionAt(layout, section, symbol.value);
    const index = out?.index ?? SHN_ABS;
    if (symbol.type !== STT_NOTYPE && symbol.type !== STT_OBJECT) continue;
    const size = symbol.name === 'genmeta_start' || symbol.name === '__melf_start' ? (out?.size ?? 0) : 0;
    const info = (STB_GLOBAL << 4) | symbol.type;
    globals.add(symbol.name, info, symbol.visibility, index, symbol.value, size);
  }
  return encode(locals, globals);
}

/** The named section if the address is in it or at its end, or another such one. */
function sectionAt(layout: Layout, name: string | undefined, va: number): OutputSection | undefined {
  const holds = (s: OutputSection): boolean =>
    (s.flags & SHF_ALLOC) !== 0 && s.variant < 0 && (s.flags & SHF_TLS) === 0 && va >= s.va && va <= s.va + s.size;
  const named = name === undefined ? undefined : layout.byName.get(name);
  return named !== undefined && holds(named) ? named : layout.sections.find(holds);
}

function isOtherBody(symbol: LinkSymbol): boolean {
  const slot = symbol.section?.slot;
  return slot !== undefined && slot.bodies[0]!.section !== symbol.section;
}

class EntryMaker {
  readonly #layout: Layout;
  readonly #addresses: Addresses;
  readonly #locals: Entries;

  constructor(layout: Layout, addresses: Addresses, locals: Entries) {
    this.#layout = layout;
    this.#addresses = addresses;
    this.#locals = locals;
  }

  /** False for what is not in the output. */
  hasPlace({ kind, section }: LinkSymbol): boolean {
    if (kind === 'absolute') return true;
    if (section === undefined || section.fate !== 'keep' || !section.live || section.name === '.eh_frame') return false;
    return section.slot !== undefined || this.#layout.byName.has(section.outputName);
  }

  /** Adds the entry of a symbol; several for a body that fills the slots of more variants than its own, local but for the first. */
  add(symbol: LinkSymbol, name: string, binding: number, to: Entries): void {
    const { section, visibility, size } = symbol;
    if (section === undefined || symbol.kind === 'absolute') {
      to.add(name, (binding << 4) | symbol.type, visibility, SHN_ABS, symbol.value, size);
      return;
    }
    const ifunc = symbol.type === STT_GNU_IFUNC;
    const address = this.#addresses.definitionAddress(symbol);
    const value = symbol.type === STT_TLS ? address - (this.#layout.tls?.start ?? 0) : address;
    const type =
      ifunc && symbol.ifuncIndex >= 0
        ? STT_GNU_IFUNC
        : symbol.type === STT_COMMON
          ? STT_OBJECT
          : ifunc
            ? STT_FUNC
            : symbol.type;
    const { slot } = section;
    if (slot === undefined) {
      const { index } = this.#layout.byName.get(section.outputName)!;
      to.add(name, (binding << 4) | type, visibility, index, value, size);
      return;
    }
    let first = true;
    for (const [v, body] of slot.bodies.entries()) {
      const out = body.section === section ? this.#layout.byName.get(`.gen${v}`) : undefined;
      if (out === undefined) continue;
      if (first) to.add(name, (binding << 4) | type, visibility, out.index, value, size);
      else this.#locals.add(name, type, visibility, out.index, value, size);
      first = false;
    }
  }
}

function encode(locals: Entries, globals: Entries): SymbolTableBytes {
  const strings = new StringTableBuilder();
  const count = 1 + locals.names.length + globals.names.length;
  const table = new Uint32Array(count * WORDS);
  const firstGlobal = 1 + locals.names.length;
  locals.write(table, WORDS, strings);
  globals.write(table, firstGlobal * WORDS, strings);
  return { symtab: new Uint8Array(table.buffer), strtab: strings.bytes(), firstGlobal };
}
