// For tests: compares a link of ours with GNU ld's of the same inputs, piece by piece.

import { FIELDS, fieldExtent, PARTIAL_FIELDS, readWidth } from './compare-fields.ts';
import {
  PT_TLS,
  RELA_SIZE,
  readU64,
  SHT_NOBITS,
  SHT_RELA,
  SHT_SYMTAB,
  STB_WEAK,
  STT_FUNC,
  STT_OBJECT,
  STT_SECTION,
  STT_TLS,
  SYM_SIZE,
} from './elf.ts';
import { BODY_THUNK } from './melf-format.ts';
import type { MelfFile, SymbolEntry } from './melf-reader.ts';

/** What was compared, and what differs. */
export interface Comparison {
  /** Functions and objects found in both, byte for byte equal outside the relocated words. */
  readonly compared: number;
  /** Relocated words in those that lead to the same thing in both. */
  readonly words: number;
  readonly differences: readonly string[];
}

const R_X86_64_PC32 = 2;

/** Addresses of bytes that hold addresses, in a file that was linked with -q (ld(1), --emit-relocs). */
function relocatedBytes(file: MelfFile): ReadonlySet<number> {
  const relocated = new Set<number>();
  for (const section of file.sections.filter((s) => s.type === SHT_RELA)) {
    const view = new DataView(file.bytes.buffer, file.bytes.byteOffset + section.offset, section.size);
    for (let at = 0; at + 24 <= section.size; at += 24) {
      const [before, width] = fieldExtent(view.getUint32(at + 8, true));
      for (let i = -before; i < width; i++) relocated.add(readU64(view, at) + i);
    }
  }
  return relocated;
}

/** A word that holds an address or the way to one. */
interface Word {
  readonly va: number;
  readonly type: number;
  readonly addend: number;
  /** Undefined for a section symbol. */
  readonly symbol: string | undefined;
  /** What it leads to, by its symbol and addend. */
  readonly target: number;
}

/** The words of the types that compilers use most, by which of them lie where; those of rewritten instructions are left out. */
function wordsOf(file: MelfFile): Word[] {
  const symtab = file.sections.find((s) => s.type === SHT_SYMTAB);
  const strtab = symtab === undefined ? undefined : file.sections[symtab.link];
  if (symtab === undefined || strtab === undefined) return [];
  const view = new DataView(file.bytes.buffer, file.bytes.byteOffset, file.bytes.byteLength);
  const nameOf = (index: number): string | undefined => {
    const at = symtab.offset + index * SYM_SIZE;
    if ((file.bytes[at + 4]! & 15) === STT_SECTION) return undefined;
    const start = strtab.offset + view.getUint32(at, true);
    return Buffer.from(file.bytes.subarray(start, file.bytes.indexOf(0, start))).toString('latin1');
  };
  const words: Word[] = [];
  for (const section of file.sections.filter((s) => s.type === SHT_RELA)) {
    for (let at = section.offset; at + RELA_SIZE <= section.offset + section.size; at += RELA_SIZE) {
      const type = view.getUint32(at + 8, true);
      if (!(type in FIELDS || type in PARTIAL_FIELDS)) continue;
      const index = view.getUint32(at + 12, true);
      const addend = view.getUint32(at + 16, true) + view.getInt32(at + 20, true) * 2 ** 32;
      const target = readU64(view, symtab.offset + index * SYM_SIZE + 8) + addend;
      words.push({ va: readU64(view, at), type, addend, symbol: nameOf(index), target });
    }
  }
  return words.sort((a, b) => a.va - b.va);
}

/** Where in a file an address is, and what is there. */
class AddressMap {
  readonly #file: MelfFile;
  readonly #variant: number;
  readonly #symbols: readonly SymbolEntry[];

  constructor(file: MelfFile, symbols: readonly SymbolEntry[], variant: number) {
    this.#file = file;
    this.#variant = variant;
    this.#symbols = symbols.filter((s) => s.size > 0 && s.type !== STT_TLS).sort((a, b) => a.va - b.va);
  }

  /** `name+offset` for each symbol that holds the address or lies up to `reach` bytes from it, numbers of statics left out. */
  namesAt(va: number, reach = 0): string[] {
    return this.symbolsAt(va, reach).map((s) => `${baseName(s.name)}+${va - s.va}`);
  }

  symbolsAt(va: number, reach = 0): SymbolEntry[] {
    return this.#symbols.filter((s) => va >= s.va - reach && va < s.va + s.size + reach);
  }

  /** Offset in the file of what is at an address; undefined where it holds nothing. */
  offsetOf(va: number): number | undefined {
    const section = this.#file.sections.find(
      ({ name, type, va: start, size }) =>
        type !== SHT_NOBITS &&
        start !== 0 &&
        va >= start &&
        va < start + size &&
        (!/^\.gen\d+$/.test(name) || name === `.gen${this.#variant}`),
    );
    return section === undefined ? undefined : section.offset + va - section.va;
  }

  /** What a target without a name has in the file: the string there. */
  textAt(va: number): string | undefined {
    const at = this.offsetOf(va);
    if (at === undefined) return undefined;
    return Buffer.from(this.#file.bytes.subarray(at, this.#file.bytes.indexOf(0, at))).toString('latin1');
  }

  /** `count` bytes at an address, as text to compare. */
  bytesAt(va: number, count: number): string | undefined {
    const at = this.offsetOf(va);
    return at === undefined ? undefined : Buffer.from(this.#file.bytes.subarray(at, at + count)).toString('hex');
  }

  /** The 64-bit word at an address; NaN where the file holds none. */
  wordAt(va: number): number {
    const at = this.offsetOf(va);
    const { bytes } = this.#file;
    return at === undefined ? Number.NaN : readU64(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), at);
  }
}

const baseName = (name: string): string => name.replace(/\.\d+$/, '');

/** A thread-local variable counts from the start of the TLS image (gABI, "Symbol Values"): here with the address of its initial contents. */
function placed(file: MelfFile, symbol: SymbolEntry): SymbolEntry {
  if (symbol.type !== STT_TLS) return symbol;
  const image = file.segments.find((s) => s.type === PT_TLS);
  return image === undefined ? symbol : { ...symbol, va: symbol.va + image.va };
}

function bytesOf(file: MelfFile, s: SymbolEntry): Uint8Array | undefined {
  const section = file.sections[s.section];
  if (section === undefined || section.type === SHT_NOBITS) return undefined;
  const at = section.offset + s.va - section.va;
  return file.bytes.subarray(at, at + s.size);
}

const isZeroed = (file: MelfFile, s: SymbolEntry): boolean => file.sections[s.section]?.type === SHT_NOBITS;

/** Names of the functions in an initialisation array, in order. */
function arrayOrder(file: MelfFile, name: string): string[] {
  const section = file.sections.find((s) => s.name === name);
  if (section === undefined) return [];
  const view = new DataView(file.bytes.buffer, file.bytes.byteOffset + section.offset, section.size);
  const functions = file.symbols().filter((s) => s.type === STT_FUNC);
  const order: string[] = [];
  for (let at = 0; at + 8 <= section.size; at += 8) {
    const names = new Set(functions.filter((s) => s.va === readU64(view, at)).map((s) => s.name));
    order.push([...names].sort().join('='));
  }
  return order;
}

/**
 * Compares what `variant` of our file shows with GNU ld's file (linked with -q) of the same objects.
 * @param variant index of the variant; 0 for a file without variants
 */
export function compareLinks(theirs: MelfFile, ours: MelfFile, variant = 0): Comparison {
  const relocated = relocatedBytes(theirs);
  const own = new Map<string, SymbolEntry[]>();
  for (const s of ours.symbols()) {
    const section = ours.sections[s.section]?.name ?? '';
    if (/^\.gen\d+$/.test(section) && section !== `.gen${variant}`) continue;
    own.set(s.name, [...(own.get(s.name) ?? []), s]);
  }
  const folded = (ours.melf?.functions ?? []).filter((f) => ((f.bodies[variant]?.flags ?? 0) & BODY_THUNK) !== 0);
  const jumps = new Set(folded.map((f) => f.name));
  const byBase = new Map<string, SymbolEntry[]>();
  for (const list of own.values()) {
    for (const s of list) byBase.set(baseName(s.name), [...(byBase.get(baseName(s.name)) ?? []), s]);
  }
  const words = wordsOf(theirs);
  const theirMap = new AddressMap(theirs, theirs.symbols(), 0);
  const ourMap = new AddressMap(ours, [...own.values()].flat(), variant);
  const viewOf = ({ bytes }: MelfFile): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [theirView, ourView] = [viewOf(theirs), viewOf(ours)];
  /** The words in a symbol; a text says which of them leads elsewhere. */
  const compareWords = (symbol: SymbolEntry, candidate: SymbolEntry): number | string => {
    const [from, to] = [theirs.sections[symbol.section]!, ours.sections[candidate.section]!];
    let count = 0;
    const parts: { word: Word; actual: number }[] = [];
    for (let i = firstFrom(words, symbol.va); i < words.length && words[i]!.va < symbol.va + symbol.size; i++) {
      const word = words[i]!;
      const place = candidate.va + word.va - symbol.va;
      const [theirAt, ourAt] = [from.offset + word.va - from.va, to.offset + place - to.va];
      const where = `the word at +${word.va - symbol.va}`;
      const partial = PARTIAL_FIELDS[word.type];
      if (partial !== undefined) {
        const actual = partial.read(ourView, ourAt, place);
        const change = theirView.getUint32(theirAt, true) ^ ourView.getUint32(ourAt, true);
        if ((change & partial.opcode) !== 0) return `${where} (its instruction)`;
        const name = theirMap.namesAt(word.target)[0] ?? word.symbol;
        const targets = ourTargets(word);
        if (targets === undefined) parts.push({ word, actual });
        else if (!targets.some((target) => partial.part(target) === actual)) return `${where} (a part of ${name})`;
        else count++;
        continue;
      }
      const field = FIELDS[word.type]!;
      const theirTarget = field(theirView, theirAt, word.va);
      // A load from the GOT that both did without: GNU ld by an immediate (mov $x), ours by a distance (lea x).
      const rewritten =
        word.type === 11 && theirs.bytes[theirAt - 1]! >> 6 === 3 && (ours.bytes[ourAt - 1]! & 0xc7) === 5;
      const distant = ourView.getInt32(ourAt, true) + place + 4;
      // Or ours has kept the load: of a symbol whose address was not known in time.
      const loads = rewritten && ours.bytes[ourAt - 2] !== 0x8d;
      const ourTarget = loads ? ourMap.wordAt(distant) : rewritten ? distant : field(ourView, ourAt, place);
      if (!sameTarget(word, theirTarget, ourTarget) && !sameConstant(word, theirAt, theirTarget, ourTarget)) {
        return `${where} (${word.symbol ?? theirMap.namesAt(theirTarget + 4)[0] ?? 'nameless'})`;
      }
      count++;
    }
    // Strings have no names: the page and what is added to it lead to the same text.
    for (const { word, actual: low } of parts) {
      const text = theirMap.textAt(word.target);
      const pages = parts.filter((one) => one.word.target === word.target && one.actual >= 0x1000);
      // Tables have no names either, and hold addresses, which are three bytes long.
      if (low >= 0x1000 || text === undefined || !/^[\t\n\x20-\x7e]{4,}$/.test(text)) continue;
      if (word.target - word.addend === 0) continue;
      const width = PARTIAL_FIELDS[word.type]!.width;
      const contents = (map: AddressMap, va: number) => (width === undefined ? map.textAt(va) : map.bytesAt(va, width));
      const expected = contents(theirMap, word.target);
      if (pages.length > 0 && !pages.some(({ actual }) => contents(ourMap, actual + low) === expected)) {
        return `the word at +${word.va - symbol.va} (a text)`;
      }
      count++;
    }
    return count;
  };
  /** Addresses in ours of what a word leads to in theirs; undefined where no name tells. */
  const ourTargets = ({ symbol, addend, target }: Word): number[] | undefined => {
    if (symbol !== undefined && (target - addend === 0 || jumps.has(symbol))) return undefined;
    const known = symbol === undefined ? undefined : byBase.get(baseName(symbol));
    if (known !== undefined) return known.map((s) => s.va + addend);
    // A section's symbol and an addend may mean the end of one object, where the next one begins.
    const beginning = theirMap.symbolsAt(target);
    const ending = theirMap.symbolsAt(target - 1).filter((s) => s.va + s.size === target);
    const there = beginning.length === 0 ? [] : [...beginning, ...ending];
    const targets = there.flatMap((s) => (byBase.get(baseName(s.name)) ?? []).map((own) => own.va + target - s.va));
    return targets.length === 0 ? undefined : targets;
  };
  const sameTarget = ({ symbol, addend }: Word, theirTarget: number, ourTarget: number, inTable = false): boolean => {
    if (symbol !== undefined && symbol !== '' && !symbol.startsWith('.L')) {
      // A folded function has one address there and a slot of its own here; either leads to it. Weak ones that nobody defines are 0.
      // The call of a sequence for thread-local variables was rewritten with the sequence.
      if (theirTarget - addend === 0 || jumps.has(symbol) || symbol === '__tls_get_addr') return true;
      const named = byBase.get(baseName(symbol));
      return named === undefined || named.some((s) => s.va === ourTarget - addend);
    }
    // The end of an operand counts in a distance: what it leads to begins up to eight bytes later.
    for (let skip = 0; skip <= 8; skip++) {
      const names = theirMap.namesAt(theirTarget + skip);
      const here = new Set(ourMap.namesAt(ourTarget + skip));
      if (names.some((name) => here.has(name))) return true;
      const text = theirMap.textAt(theirTarget + skip);
      if (names.length === 0 && text !== undefined && text === ourMap.textAt(ourTarget + skip)) return true;
    }
    // A jump table has no name: its first word shall lead to the same place.
    const table = theirTarget + 4;
    const first = words[firstFrom(words, table)];
    const [theirAt, ourAt] = [theirMap.offsetOf(table), ourMap.offsetOf(ourTarget + 4)];
    if (!inTable && first?.va === table && theirAt !== undefined && ourAt !== undefined) {
      const field = FIELDS[first.type]!;
      return sameTarget(first, field(theirView, theirAt, table), field(ourView, ourAt, ourTarget + 4), true);
    }
    // A table that is not indexed from 0 is addressed before its start.
    const here = new Set(ourMap.namesAt(ourTarget, 256));
    return theirMap.namesAt(theirTarget, 256).some((name) => here.has(name));
  };
  /** A constant of a floating-point number or a vector has no name, and linkers put them in orders of their own. */
  const sameConstant = ({ type, symbol }: Word, at: number, theirTarget: number, ourTarget: number): boolean => {
    if (type !== R_X86_64_PC32 || (symbol !== undefined && symbol !== '' && !symbol.startsWith('.L'))) return false;
    const width = readWidth(theirs.bytes, at);
    // The field ends the instruction, or one byte that selects (PSHUFD) does.
    return [4, 5].some((end) => {
      const there = theirMap.bytesAt(theirTarget + end, width);
      return there !== undefined && there === ourMap.bytesAt(ourTarget + end, width);
    });
  };
  const differences: string[] = [];
  let compared = 0;
  let wordCount = 0;
  for (const one of theirs.symbols()) {
    const symbol = placed(theirs, one);
    if (symbol.size === 0 || ![STT_FUNC, STT_OBJECT, STT_TLS].includes(symbol.type)) continue;
    // The number at a static's end is the compiler's own; our file has the default variant's.
    const base = baseName(symbol.name);
    const named = base === symbol.name ? (own.get(base) ?? []) : (byBase.get(base) ?? []);
    const candidates = named.filter((s) => s.size === symbol.size).map((s) => placed(ours, s));
    // A function that the compiler folded into an equal one has a slot with a jump here, so that its address stays its own.
    if (candidates.length === 0 && jumps.has(symbol.name)) continue;
    // What another variant needs is linked, too, and replaces a weak definition that alone would do for this one.
    if (candidates.length === 0 && symbol.binding === STB_WEAK && ours.melf !== undefined && named.length > 0) continue;
    if (candidates.length === 0) {
      differences.push(`${symbol.name} of ${symbol.size} bytes is missing`);
      continue;
    }
    const expected = bytesOf(theirs, symbol);
    if (expected === undefined) continue;
    const equal = candidates.filter((candidate) => {
      // What is constant in one variant and writable in another is writable for all, and zeros then need no bytes in the file.
      if (isZeroed(ours, candidate)) return expected.every((byte, i) => byte === 0 && !relocated.has(symbol.va + i));
      const actual = bytesOf(ours, candidate);
      return actual?.every((byte, i) => byte === expected[i] || relocated.has(symbol.va + i));
    });
    if (equal.length === 0) {
      differences.push(`${symbol.name} differs`);
      continue;
    }
    const results = equal.map((candidate) => (isZeroed(ours, candidate) ? 0 : compareWords(symbol, candidate)));
    const good = results.find((result) => typeof result === 'number');
    if (good === undefined) differences.push(`${symbol.name} differs: ${results[0]}`);
    else {
      compared++;
      wordCount += good as number;
    }
  }
  for (const array of ['.preinit_array', '.init_array', '.fini_array']) {
    const [x, y] = [arrayOrder(theirs, array), arrayOrder(ours, array)];
    if (x.join() !== y.join()) differences.push(`${array} runs ${y.join(', ')} instead of ${x.join(', ')}`);
  }
  return { compared, words: wordCount, differences };
}

/** Index of the first word at an address or after it. */
function firstFrom(words: readonly Word[], va: number): number {
  let low = 0;
  let high = words.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (words[middle]!.va < va) low = middle + 1;
    else high = middle;
  }
  return low;
}
