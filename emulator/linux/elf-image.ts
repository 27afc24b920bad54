// An executable as the loader sees it: program headers and symbols of an ELF64 file (System V gABI, chapters 4 and 5). Every field is
// checked before it is used: the file may come from anywhere.

import { MelfError } from '../../base/errors.ts';
import { PAGE_SIZE } from '../memory/physical.ts';
import { TASK_SIZE } from '../memory/range.ts';

const DAMAGED = 'The file is damaged: link or copy it again. `readelf -lW` shows its program headers.';

/** The file is no program that this machine can run. */
export class BadExecutable extends MelfError {
  constructor(name: string, what: string, hint = DAMAGED, facts: Record<string, string | number> = {}) {
    super('process.bad-executable', `${name}: ${what}`, { facts, hint });
  }
}

export const PT_LOAD = 1;
const PT_INTERP = 3;
const PT_PHDR = 6;
const ET_EXEC = 2;
const ET_DYN = 3;
const SHT_SYMTAB = 2;
const STT_FUNC = 2;
const HEADER_SIZE = 64;
const PHDR_SIZE = 56;
const SHDR_SIZE = 64;
const SYMBOL_SIZE = 24;
const LOWEST_ADDRESS = 0x10000; // vm.mmap_min_addr
const MOST_SEGMENTS = 512;
const MOST_ALIGNMENT = 2 ** 30;
const CUT_SHORT = 'copy or link it again: a part of it is missing';

export interface Segment {
  readonly type: number;
  /** PF_X 1, PF_W 2, PF_R 4. */
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly align: number;
}

export interface ElfImage {
  readonly machine: number;
  /** Static PIE: addresses are relative to where it is put. */
  readonly relocatable: boolean;
  /** Strictest alignment of its segments. */
  readonly align: number;
  readonly entry: number;
  readonly headerAddress: number;
  readonly headerCount: number;
  readonly segments: readonly Segment[];
}

export interface ElfSymbol {
  readonly name: string;
  readonly address: number;
  readonly size: number;
}

/** Machine of an ELF file, before anything else is known of it; undefined if it is no 64-bit ELF file. */
export function elfMachine(bytes: Uint8Array): number | undefined {
  const isElf64 =
    bytes.length >= HEADER_SIZE && bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
  return isElf64 ? bytes[18]! | (bytes[19]! << 8) : undefined;
}

/** A 64-bit field as a number; throws where it does not fit an address or an offset. */
function word(view: DataView, at: number, name: string): number {
  const value = view.getBigUint64(at, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw new BadExecutable(name, 'a header field is out of range', undefined, { at });
  return Number(value);
}

/** Reads and checks the headers. Throws {@link BadExecutable}. */
export function parseElf(name: string, bytes: Uint8Array, machine: number): ElfImage {
  const fail = (what: string, hint?: string): never => {
    throw new BadExecutable(name, what, hint);
  };
  if (elfMachine(bytes) === undefined) {
    fail(bytes.length === 0 ? 'the file is empty' : 'not an ELF executable', 'give a statically linked program');
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes[4] !== 2) fail('not a 64-bit program', 'only x86-64 and AArch64 programs run');
  if (bytes[5] !== 1) fail('a big-endian program', 'only little-endian programs run');
  const found = view.getUint16(18, true);
  if (found !== machine)
    fail(`for another processor (e_machine ${found}, expected ${machine})`, 'choose the ISA with --isa');
  const type = view.getUint16(16, true);
  if (type !== ET_EXEC && type !== ET_DYN)
    fail('an object file or core dump, not a program', 'link it first: melf link');
  const count = view.getUint16(56, true);
  const offset = word(view, 32, name);
  if (view.getUint16(54, true) !== PHDR_SIZE || count === 0 || count > MOST_SEGMENTS)
    fail('its program headers are damaged');
  if (offset + count * PHDR_SIZE > bytes.length)
    fail('the file is truncated: its program headers are beyond its end', CUT_SHORT);
  const segments: Segment[] = [];
  for (let index = 0; index < count; index++) {
    const at = offset + index * PHDR_SIZE;
    segments.push({
      type: view.getUint32(at, true),
      flags: view.getUint32(at + 4, true),
      offset: word(view, at + 8, name),
      address: word(view, at + 16, name),
      fileSize: word(view, at + 32, name),
      memorySize: word(view, at + 40, name),
      align: word(view, at + 48, name),
    });
  }
  if (segments.some((segment) => segment.type === PT_INTERP)) {
    fail('a dynamically linked program', 'link it with -static: there is no dynamic loader in the machine');
  }
  const relocatable = type === ET_DYN;
  const loads = segments.filter((segment) => segment.type === PT_LOAD && segment.memorySize > 0);
  checkLoads(name, loads, bytes.length, relocatable);
  const entry = word(view, 24, name);
  const holdsEntry = (segment: Segment): boolean =>
    (segment.flags & 1) !== 0 && entry >= segment.address && entry < segment.address + segment.memorySize;
  if (!loads.some(holdsEntry)) fail('its entry point is not in an executable segment');
  const holder = loads.find(
    (load) => load.offset <= offset && offset + count * PHDR_SIZE <= load.offset + load.fileSize,
  );
  const own = segments.find((segment) => segment.type === PT_PHDR);
  const headerAddress = own?.address ?? (holder === undefined ? 0 : holder.address + offset - holder.offset);
  const align = Math.max(PAGE_SIZE, ...loads.map((load) => load.align).filter(isPageMultiple));
  return { machine: found, relocatable, align, entry, headerAddress, headerCount: count, segments: loads };
}

/** As Linux does, other alignments are passed over (fs/binfmt_elf.c, maximum_alignment). */
const isPageMultiple = (align: number): boolean =>
  align > PAGE_SIZE && align <= MOST_ALIGNMENT && Number.isInteger(Math.log2(align));

function checkLoads(name: string, loads: readonly Segment[], fileSize: number, relocatable: boolean): void {
  if (loads.length === 0) throw new BadExecutable(name, 'it has no loadable segment');
  let end = 0;
  for (const load of loads) {
    const facts = { segment: `0x${load.address.toString(16)}` };
    const bad = (what: string, hint?: string): never => {
      throw new BadExecutable(name, what, hint, facts);
    };
    if (load.offset + load.fileSize > fileSize) bad('the file is truncated: a segment lies beyond its end', CUT_SHORT);
    if (load.fileSize > load.memorySize) bad('a segment is larger in the file than in memory');
    if (load.address % PAGE_SIZE !== load.offset % PAGE_SIZE)
      bad('a segment is not aligned with its place in the file');
    if (load.address + load.memorySize > TASK_SIZE / 2) bad('a segment lies outside user memory');
    if (!relocatable && load.address < LOWEST_ADDRESS) bad('a segment lies below the lowest user address (0x10000)');
    if (load.address - (load.address % PAGE_SIZE) < end) bad('segments overlap or are out of order');
    end = load.address + load.memorySize;
  }
}

/** Functions of an executable, for reports; empty for stripped files and for tables that make no sense. */
export class SymbolTable {
  readonly #functions: ElfSymbol[];

  constructor(bytes: Uint8Array, bias: number) {
    this.#functions = readFunctions(bytes, bias).sort((a, b) => a.address - b.address);
  }

  /** The function that holds a code address. */
  functionAt(va: number): ElfSymbol | undefined {
    let low = 0;
    let high = this.#functions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#functions[middle]!.address <= va) low = middle + 1;
      else high = middle;
    }
    const found = this.#functions[low - 1];
    return found !== undefined && (found.size === 0 || va < found.address + found.size) ? found : undefined;
  }

  find(name: string): ElfSymbol | undefined {
    return this.#functions.find((symbol) => symbol.name === name);
  }
}

function readFunctions(bytes: Uint8Array, bias: number): ElfSymbol[] {
  if (elfMachine(bytes) === undefined) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const inside = (at: number, length: number): boolean => at >= 0 && at + length <= bytes.length;
  const u64 = (at: number): number => Number(view.getBigUint64(at, true));
  const sections = u64(40);
  const count = view.getUint16(60, true);
  if (view.getUint16(58, true) !== SHDR_SIZE || !inside(sections, count * SHDR_SIZE)) return [];
  const functions: ElfSymbol[] = [];
  for (let index = 0; index < count; index++) {
    const section = sections + index * SHDR_SIZE;
    if (view.getUint32(section + 4, true) !== SHT_SYMTAB) continue;
    const strings = sections + view.getUint32(section + 40, true) * SHDR_SIZE;
    const [offset, size] = [u64(section + 24), u64(section + 32)];
    if (!inside(strings, SHDR_SIZE) || !inside(offset, size)) continue;
    const [names, namesSize] = [u64(strings + 24), u64(strings + 32)];
    if (!inside(names, namesSize)) continue;
    for (let at = offset; at + SYMBOL_SIZE <= offset + size; at += SYMBOL_SIZE) {
      if ((view.getUint8(at + 4) & 15) !== STT_FUNC || view.getUint16(at + 6, true) === 0) continue;
      const start = names + view.getUint32(at, true);
      let end = start;
      while (end < names + namesSize && bytes[end] !== 0) end++;
      const name = new TextDecoder().decode(bytes.subarray(start, end));
      functions.push({ name, address: u64(at + 8) + bias, size: u64(at + 16) });
    }
  }
  return functions;
}
