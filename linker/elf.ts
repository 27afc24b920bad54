/**
 * Constants and record sizes of ELF64.
 * Source: System V ABI (gABI) chapters 4 and 5, and the x86-64 and AArch64 psABI supplements.
 */

export const ET_REL = 1;
export const ET_EXEC = 2;
export const ET_DYN = 3;

export const EM_X86_64 = 62;
export const EM_AARCH64 = 183;

export const EHDR_SIZE = 64;
export const PHDR_SIZE = 56;
export const SHDR_SIZE = 64;
export const SYM_SIZE = 24;
export const RELA_SIZE = 24;

export const SHN_UNDEF = 0;
export const SHN_LORESERVE = 0xff00;
export const SHN_ABS = 0xfff1;
export const SHN_COMMON = 0xfff2;
export const SHN_XINDEX = 0xffff;

export const SHT_NULL = 0;
export const SHT_PROGBITS = 1;
export const SHT_SYMTAB = 2;
export const SHT_STRTAB = 3;
export const SHT_RELA = 4;
export const SHT_DYNAMIC = 6;
export const SHT_NOTE = 7;
export const SHT_NOBITS = 8;
export const SHT_REL = 9;
export const SHT_INIT_ARRAY = 14;
export const SHT_FINI_ARRAY = 15;
export const SHT_PREINIT_ARRAY = 16;
export const SHT_GROUP = 17;
export const SHT_DYNSYM = 11;
export const SHT_GNU_HASH = 0x6ffffff6;
export const SHT_SYMTAB_SHNDX = 18;
export const SHT_LLVM_ADDRSIG = 0x6fff4c03;

export const SHF_WRITE = 0x1;
export const SHF_ALLOC = 0x2;
export const SHF_EXECINSTR = 0x4;
export const SHF_MERGE = 0x10;
export const SHF_STRINGS = 0x20;
export const SHF_INFO_LINK = 0x40;
export const SHF_LINK_ORDER = 0x80;
export const SHF_GROUP = 0x200;
export const SHF_TLS = 0x400;
export const SHF_COMPRESSED = 0x800;
export const SHF_GNU_RETAIN = 0x200000;
export const SHF_EXCLUDE = 0x80000000;

export const GRP_COMDAT = 1;

export const STB_LOCAL = 0;
export const STB_GLOBAL = 1;
export const STB_WEAK = 2;

export const STT_NOTYPE = 0;
export const STT_OBJECT = 1;
export const STT_FUNC = 2;
export const STT_SECTION = 3;
export const STT_FILE = 4;
export const STT_COMMON = 5;
export const STT_TLS = 6;
export const STT_GNU_IFUNC = 10;

export const STV_DEFAULT = 0;
export const STV_HIDDEN = 2;
export const STV_PROTECTED = 3;

export const PT_LOAD = 1;
export const PT_DYNAMIC = 2;
export const PT_NOTE = 4;
export const PT_PHDR = 6;
export const PT_TLS = 7;
export const PT_GNU_EH_FRAME = 0x6474e550;
export const PT_GNU_PROPERTY = 0x6474e553;
export const PT_GNU_STACK = 0x6474e551;
export const PT_GNU_RELRO = 0x6474e552;
/** The private type of the published MELF linker: another variant's bytes for the overlay window. */
export const PT_MVS = 0x539;

export const PF_X = 1;
export const PF_W = 2;
export const PF_R = 4;

/** The span of one last-level page table on both ISAs with 4 KiB pages: 512 entries. */
export const TABLE_SPAN = 0x200000;

let lastBytes: Uint8Array | undefined;
let lastView: DataView = new DataView(new ArrayBuffer(0));

/** A view of the bytes; of the same bytes again, the same one: the output is written in a hundred thousand small parts. */
export function viewOf(bytes: Uint8Array): DataView {
  if (bytes !== lastBytes) {
    lastBytes = bytes;
    lastView = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  return lastView;
}

/** Rounds up to a power of two or any other positive multiple; safe beyond 2^31. */
export function alignUp(value: number, align: number): number {
  if (align <= 1) return value;
  const rest = value % align;
  return rest === 0 ? value : value + (align - rest);
}

/** Reads an unsigned 64-bit little-endian field as a number; exact below 2^53. */
export function readU64(view: DataView, offset: number): number {
  const low = view.getUint32(offset, true);
  const high = view.getUint32(offset + 4, true);
  return high === 0 ? low : low + high * 0x100000000;
}

/** The little-endian 32-bit words of [start, end); a copy of them where they begin at no multiple of four. */
export function wordsOf(bytes: Uint8Array, start: number, end: number): Uint32Array {
  const isAligned = (bytes.byteOffset + start) % 4 === 0;
  const from = isAligned ? bytes : bytes.slice(start, end);
  return new Uint32Array(from.buffer, from.byteOffset + (isAligned ? start : 0), (end - start) / 4);
}

/** The unsigned 64-bit field in words `at` and `at + 1`; exact below 2^53. */
export function wideWord(words: Uint32Array, at: number): number {
  const low = words[at]!;
  const high = words[at + 1]!;
  return high === 0 ? low : low + high * 0x100000000;
}

/** Writes a signed or unsigned integer of magnitude below 2^53 to words `at` and `at + 1`. */
export function putWide(words: Uint32Array, at: number, value: number): void {
  words[at] = value;
  words[at + 1] = value >= 0 && value <= 0xffffffff ? 0 : Math.floor(value / 0x100000000);
}

/** A field in two's complement: exact for values near 0 on both sides. */
export function wideInteger(words: Uint32Array, at: number): number {
  const low = words[at]!;
  const high = words[at + 1]! | 0;
  return high === 0 ? low : low + high * 0x100000000;
}

/** Writes a signed or unsigned integer of magnitude below 2^53 as 64 bits. */
export function writeU64(view: DataView, offset: number, value: number): void {
  const high = Math.floor(value / 0x100000000);
  view.setUint32(offset, value - high * 0x100000000, true);
  view.setInt32(offset + 4, high | 0, true);
}
