// What a position-independent executable needs to relocate itself (gABI 5, "Dynamic Section"): musl's and glibc's rcrt1.o read it.

import type { Addresses } from './addresses.ts';
import { describePlace } from './debug/object-lines.ts';
import {
  RELA_SIZE,
  SHF_ALLOC,
  SHF_WRITE,
  SHT_DYNAMIC,
  SHT_DYNSYM,
  SHT_GNU_HASH,
  SHT_RELA,
  SHT_STRTAB,
  SYM_SIZE,
  writeU64,
} from './elf.ts';
import type { Diagnostics } from './errors.ts';
import type { LoadedInputs } from './inputs.ts';
import type { Layout, Placement } from './layout.ts';
import type { Synthetic } from './output.ts';
import type { RelocationBackend } from './relocation/backend.ts';
import { placeOf } from './resolution.ts';
import type { InputSection } from './section.ts';
import type { Finished } from './synthetic.ts';
import { synthetic } from './synthetic.ts';
import type { LinkTables } from './tables.ts';

const DT = {
  NULL: 0,
  HASH_GNU: 0x6ffffef5,
  STRTAB: 5,
  SYMTAB: 6,
  RELA: 7,
  RELASZ: 8,
  RELAENT: 9,
  STRSZ: 10,
  SYMENT: 11,
  DEBUG: 21,
  RELACOUNT: 0x6ffffff9,
  FLAGS_1: 0x6ffffffb,
} as const;
const DF_1_PIE = 0x08000000;
/** Offset of the one address in `.genmeta`. */
const GENMETA_ADDRESS = 24;

/** Those of musl and glibc for executables at a fixed address, and for those that a dynamic loader relocates. */
const START_FILE = /(^|\/)[Sg]?crt1\.o$/;

/** The words of the image that hold addresses: start-up code adds the load bias to each. */
export interface RelativeWords {
  /** Sections with such words. */
  readonly sections: readonly InputSection[];
  /** How many words these have. */
  readonly count: number;
}

/**
 * Finds the addresses that sections hold, once it is known what is live. In code and constants there may be none: nothing writes there at
 * start, so that pages of code can be mapped from the file, whichever variant's they are.
 */
export function findRelativeWords(
  inputs: LoadedInputs,
  backend: RelocationBackend,
  diagnostics: Diagnostics,
): RelativeWords {
  const sections: InputSection[] = [];
  let count = 0;
  for (const file of inputs.objects) {
    if (START_FILE.test(file.identity.path)) {
      diagnostics.error(
        'link.start-file',
        'this start-up file does not relocate a position-independent executable',
        [{ role: 'given', where: file.displayName }],
        'give rcrt1.o in its place; compilers do so with -static-pie',
      );
    }
    for (const section of file.sections) {
      if (section === undefined || section.fate !== 'keep' || !section.isAlloc) continue;
      if (!section.live && section.name !== '.eh_frame') continue;
      const found = wordsOf(section, backend, diagnostics);
      if (found > 0) sections.push(section);
      count += found;
    }
  }
  return { sections, count };
}

function wordsOf(section: InputSection, backend: RelocationBackend, diagnostics: Diagnostics): number {
  const { types, symbols, offsets, first, last } = section.relocations;
  const { resolved } = section.file;
  let words = 0;
  for (let i = first; i < last; i++) {
    const kind = backend.dependence(types[i]!);
    if (kind === 'free') continue;
    const symbol = resolved[symbols[i]!]!;
    const moves = symbol.movesWithImage;
    // A function that was left out has no unwind information either.
    if (section.name === '.eh_frame' && symbol.section?.final.live === false) continue;
    if (kind === 'distance' ? moves || symbol.kind !== 'absolute' : !moves) continue;
    if (kind === 'word' && section.isWritable) {
      words++;
      continue;
    }
    const type = backend.typeName(types[i]!);
    const name = symbol.name === '' ? 'a nameless symbol' : symbol.name;
    diagnostics.error(
      'link.not-position-independent',
      `relocation ${type} to ${name} cannot be used in a position-independent executable`,
      [
        { role: 'referenced by', where: `${describePlace(section, offsets[i]!)}+0x${offsets[i]!.toString(16)}` },
        ...(symbol.section === undefined ? [] : [{ role: 'defined in', where: placeOf(symbol) }]),
      ],
      kind === 'distance'
        ? 'a number has no distance from a place that moves'
        : 'compile with -fPIE, or link with -no-pie',
      { relocation: type, symbol: name },
    );
  }
  return words;
}

/** `.rela.dyn`, `.dynamic`, and the empty symbol table that it must name. */
export function dynamicPlacements(
  words: RelativeWords,
  tables: LinkTables,
  genmeta: Synthetic | undefined,
  backend: RelocationBackend,
  finished: Finished,
): Placement[] {
  const addresses = tables.got.filter((symbol) => symbol.movesWithImage);
  const relative = words.count + addresses.length + (genmeta === undefined ? 0 : 1);
  const rela = synthetic(
    'rela.dyn',
    (relative + tables.ifuncs.length) * RELA_SIZE,
    8,
    finished,
    (out, offset, context) => {
      const writer = new RelaWriter(out, offset, backend);
      const rows = relativeRows(words, backend, context, relative);
      for (const symbol of addresses) rows.add(context.gotAddress(symbol), context.target(symbol, 0));
      if (genmeta !== undefined) rows.add(genmeta.va + GENMETA_ADDRESS, context.windowVa);
      for (const row of rows.inOrder()) writer.put(rows.places[row]!, backend.relativeType, rows.addends[row]!);
      for (const [i, symbol] of tables.ifuncs.entries()) {
        writer.put(context.ifuncSlot(i), backend.irelativeType, context.definitionAddress(symbol));
      }
    },
  );
  const symtab = synthetic('dynsym', SYM_SIZE, 8, finished, () => undefined);
  const strtab = synthetic('dynstr', 1, 1, finished, () => undefined);
  // One bucket, one filter word, both empty: no name is found.
  const hash = synthetic('gnu.hash', 28, 8, finished, (out, offset) => {
    const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
    for (const [i, word] of [1, 1, 1, 0].entries()) view.setUint32(offset + i * 4, word, true);
  });
  const entries = (): [number, number][] => [
    [DT.HASH_GNU, hash.va],
    [DT.STRTAB, strtab.va],
    [DT.SYMTAB, symtab.va],
    [DT.STRSZ, strtab.size],
    [DT.SYMENT, SYM_SIZE],
    [DT.DEBUG, 0],
    [DT.RELA, rela.va],
    [DT.RELASZ, rela.size],
    [DT.RELAENT, RELA_SIZE],
    [DT.FLAGS_1, DF_1_PIE],
    [DT.RELACOUNT, relative],
    [DT.NULL, 0],
  ];
  const dynamic = synthetic('dynamic', entries().length * 16, 8, finished, (out, offset) => {
    const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
    for (const [i, pair] of entries().entries())
      for (const [n, value] of pair.entries()) writeU64(view, offset + i * 16 + n * 8, value);
  });
  const read = (section: string, type: number, entrySize: number, content: Synthetic): Placement => ({
    section,
    region: 'read',
    type,
    flags: SHF_ALLOC,
    entrySize,
    synthetic: content,
  });
  return [
    read('.gnu.hash', SHT_GNU_HASH, 0, hash),
    read('.dynsym', SHT_DYNSYM, SYM_SIZE, symtab),
    read('.dynstr', SHT_STRTAB, 0, strtab),
    read('.rela.dyn', SHT_RELA, RELA_SIZE, rela),
    {
      section: '.dynamic',
      region: 'relro',
      type: SHT_DYNAMIC,
      flags: SHF_ALLOC | SHF_WRITE,
      entrySize: 16,
      synthetic: dynamic,
    },
  ];
}

class RelaWriter {
  readonly #view: DataView;
  readonly #backend: RelocationBackend;
  #at: number;

  constructor(out: Uint8Array, offset: number, backend: RelocationBackend) {
    this.#view = new DataView(out.buffer, out.byteOffset, out.byteLength);
    this.#at = offset;
    this.#backend = backend;
  }

  put(place: number, type: number, addend: number): void {
    if (place % 8 !== 0 && type === this.#backend.irelativeType) throw new Error('an ifunc slot that is not aligned');
    writeU64(this.#view, this.#at, place);
    this.#view.setUint32(this.#at + 8, type, true);
    this.#view.setUint32(this.#at + 12, 0, true);
    writeU64(this.#view, this.#at + 16, addend);
    this.#at += RELA_SIZE;
  }
}

/** Places and link-time values of the words, as columns. */
class Rows {
  readonly places: Float64Array;
  readonly addends: Float64Array;
  #count = 0;

  constructor(size: number) {
    this.places = new Float64Array(size);
    this.addends = new Float64Array(size);
  }

  add(place: number, addend: number): void {
    this.places[this.#count] = place;
    this.addends[this.#count++] = addend;
  }

  /** Row numbers by ascending place. */
  inOrder(): Uint32Array {
    if (this.#count !== this.places.length) throw new Error('relative relocations were counted wrongly');
    const order = Uint32Array.from(this.places.keys());
    return order.sort((a, b) => this.places[a]! - this.places[b]!);
  }
}

function relativeRows(words: RelativeWords, backend: RelocationBackend, context: Addresses, size: number): Rows {
  const rows = new Rows(size);
  for (const section of words.sections) {
    const { types, symbols, offsets, addends, first, last } = section.relocations;
    const { resolved } = section.file;
    for (let i = first; i < last; i++) {
      if (backend.dependence(types[i]!) !== 'word') continue;
      const symbol = resolved[symbols[i]!]!;
      if (symbol.movesWithImage) rows.add(section.va + offsets[i]!, context.target(symbol, addends[i]!));
    }
  }
  return rows;
}

/** Makes the sections of a position-independent executable name each other, as section headers must. */
export function linkDynamicSections(layout: Layout): void {
  const index = (name: string): number => layout.byName.get(name)?.index ?? 0;
  for (const [name, link] of [
    ['.gnu.hash', '.dynsym'],
    ['.rela.dyn', '.dynsym'],
    ['.dynsym', '.dynstr'],
    ['.dynamic', '.dynstr'],
  ] as const) {
    const section = layout.byName.get(name);
    if (section !== undefined) section.link = index(link);
  }
  const symbols = layout.byName.get('.dynsym');
  if (symbols !== undefined) symbols.info = 1;
}
