import type { Addresses } from './addresses.ts';
import {
  SHF_ALLOC,
  SHF_TLS,
  SHN_ABS,
  STB_GLOBAL,
  STB_LOCAL,
  STT_FILE,
  STT_FUNC,
  STT_GNU_IFUNC,
  STT_NOTYPE,
  STT_SECTION,
  STV_DEFAULT,
  STV_PROTECTED,
  SYM_SIZE,
  writeU64,
} from './elf.ts';
import type { LoadedInputs } from './inputs.ts';
import type { Layout } from './layout.ts';
import type { LinkerSymbol } from './linker-symbols.ts';
import { COMMON } from './object.ts';
import type { OutputSection } from './output.ts';
import type { SymbolTable } from './resolution.ts';
import type { InputSection } from './section.ts';
import type { LinkSymbol } from './symbol.ts';

interface Entry {
  readonly name: string;
  readonly info: number;
  readonly other: number;
  readonly index: number;
  readonly value: number;
  readonly size: number;
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
  linkerSymbols: readonly LinkerSymbol[],
  layout: Layout,
  addresses: Addresses,
): SymbolTableBytes {
  const maker = new EntryMaker(layout, addresses);
  const locals: Entry[] = [];
  const globals: Entry[] = [];
  for (const file of inputs.objects) {
    let source: Entry | undefined;
    for (let i = 1; i < file.symbols.length; i++) {
      const symbol = file.symbols[i]!;
      if (symbol.type === STT_FILE) {
        source = { name: symbol.name, info: STT_FILE, other: 0, index: SHN_ABS, value: 0, size: 0 };
        continue;
      }
      if (symbol.type === STT_SECTION || symbol.name === '' || symbol.name.startsWith('.L')) continue;
      const own = i >= file.firstGlobal;
      // Globals come below, but for the bodies that other variants have of them.
      if (own && !isOtherBody(symbol)) continue;
      const entries = maker.entries(symbol, STB_LOCAL);
      if (entries.length === 0) continue;
      if (source !== undefined) locals.push(source);
      source = undefined;
      locals.push(...entries);
    }
  }
  for (const name of table.names.values()) {
    const symbol = table.lookup(name.name, COMMON);
    if (symbol === undefined || symbol.file === undefined) continue;
    const hidden = symbol.visibility !== STV_DEFAULT && symbol.visibility !== STV_PROTECTED;
    const entries = maker.entries(symbol, hidden ? STB_LOCAL : symbol.binding);
    for (const [i, entry] of entries.entries())
      (hidden || i > 0 ? locals : globals).push({ ...entry, name: name.name });
  }
  for (const { symbol, section } of linkerSymbols) {
    const out = section === undefined ? undefined : sectionAt(layout, section, symbol.value);
    const index = out?.index ?? SHN_ABS;
    if (symbol.type !== STT_NOTYPE && symbol.type !== 1) continue;
    const size = symbol.name === 'genmeta_start' || symbol.name === '__melf_start' ? (out?.size ?? 0) : 0;
    const info = (STB_GLOBAL << 4) | symbol.type;
    globals.push({ name: symbol.name, info, other: symbol.visibility, index, value: symbol.value, size });
  }
  return encode(locals, globals);
}

/** The named section if the address is in it or at its end, or another such one. */
function sectionAt(layout: Layout, name: string, va: number): OutputSection | undefined {
  const holds = (s: OutputSection): boolean =>
    (s.flags & SHF_ALLOC) !== 0 && s.variant < 0 && (s.flags & SHF_TLS) === 0 && va >= s.va && va <= s.va + s.size;
  const named = layout.byName.get(name);
  return named !== undefined && holds(named) ? named : layout.sections.find(holds);
}

function isOtherBody(symbol: LinkSymbol): boolean {
  const slot = symbol.section?.slot;
  return slot !== undefined && slot.bodies[0]!.section !== symbol.section;
}

class EntryMaker {
  readonly #layout: Layout;
  readonly #addresses: Addresses;

  constructor(layout: Layout, addresses: Addresses) {
    this.#layout = layout;
    this.#addresses = addresses;
  }

  /** None for what has no place; several for a body that fills the slots of more variants than its own, local but for the first. */
  entries(symbol: LinkSymbol, binding: number): Entry[] {
    const { section } = symbol;
    const other = symbol.visibility;
    if (symbol.kind === 'absolute') {
      const info = (binding << 4) | symbol.type;
      return [{ name: symbol.name, info, other, index: SHN_ABS, value: symbol.value, size: symbol.size }];
    }
    if (section === undefined || section.fate !== 'keep' || !section.live) return [];
    const isTls = symbol.type === 6;
    const ifunc = symbol.type === STT_GNU_IFUNC;
    const address = this.#addresses.definitionAddress(symbol);
    const value = isTls ? address - (this.#layout.tls?.start ?? 0) : address;
    const type =
      ifunc && symbol.ifuncIndex >= 0 ? STT_GNU_IFUNC : symbol.type === 5 ? 1 : ifunc ? STT_FUNC : symbol.type;
    return this.#indicesOf(section).map((index, i) => {
      const bound = i === 0 ? binding : STB_LOCAL;
      return { name: symbol.name, info: (bound << 4) | type, other, index, value, size: symbol.size };
    });
  }

  #indicesOf(section: InputSection): number[] {
    const { slot } = section;
    if (section.name === '.eh_frame') return [];
    const names =
      slot === undefined
        ? [section.outputName]
        : slot.bodies.flatMap((body, v) => (body.section === section ? [`.gen${v}`] : []));
    return names.flatMap((name) => this.#layout.byName.get(name)?.index ?? []);
  }
}

function encode(locals: readonly Entry[], globals: readonly Entry[]): SymbolTableBytes {
  const strings = new StringTableBuilder();
  const count = 1 + locals.length + globals.length;
  const symtab = new Uint8Array(count * SYM_SIZE);
  const view = new DataView(symtab.buffer);
  let at = SYM_SIZE;
  for (const entries of [locals, globals]) {
    for (const e of entries) {
      view.setUint32(at, strings.add(e.name), true);
      symtab[at + 4] = e.info;
      symtab[at + 5] = e.other;
      view.setUint16(at + 6, e.index, true);
      writeU64(view, at + 8, e.value);
      writeU64(view, at + 16, e.size);
      at += SYM_SIZE;
    }
  }
  return { symtab, strtab: strings.bytes(), firstGlobal: 1 + locals.length };
}
