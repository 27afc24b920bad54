/** x86-64 relocations (System V ABI, AMD64 supplement 1.0, section 4.4) for the static model. */
import { alignUp, viewOf, writeU64 } from '../elf.ts';
import type { InputSection } from '../section.ts';
import type { LinkSymbol } from '../symbol.ts';
import type { Dependence, RelocationBackend, RelocationContext } from './backend.ts';
import { NEEDS_GOT, NEEDS_NOTHING, NEEDS_TLS_GOT, SKIPS_NEXT, UNSUPPORTED } from './backend.ts';

export const X86 = {
  NONE: 0,
  ABS64: 1,
  PC32: 2,
  GOT32: 3,
  PLT32: 4,
  GOTPCREL: 9,
  ABS32: 10,
  ABS32S: 11,
  ABS16: 12,
  PC16: 13,
  ABS8: 14,
  PC8: 15,
  DTPOFF64: 17,
  TPOFF64: 18,
  TLSGD: 19,
  TLSLD: 20,
  DTPOFF32: 21,
  GOTTPOFF: 22,
  TPOFF32: 23,
  PC64: 24,
  GOTOFF64: 25,
  GOTPC32: 26,
  GOT64: 27,
  GOTPCREL64: 28,
  GOTPC64: 29,
  GOTPLT64: 30,
  PLTOFF64: 31,
  SIZE32: 32,
  SIZE64: 33,
  GOTPC32_TLSDESC: 34,
  TLSDESC_CALL: 35,
  RELATIVE: 8,
  IRELATIVE: 37,
  GOTPCRELX: 41,
  REX_GOTPCRELX: 42,
} as const;

const NAMES: Readonly<Record<number, string>> = {
  0: 'NONE',
  1: '64',
  2: 'PC32',
  3: 'GOT32',
  4: 'PLT32',
  5: 'COPY',
  6: 'GLOB_DAT',
  7: 'JUMP_SLOT',
  8: 'RELATIVE',
  9: 'GOTPCREL',
  10: '32',
  11: '32S',
  12: '16',
  13: 'PC16',
  14: '8',
  15: 'PC8',
  16: 'DTPMOD64',
  17: 'DTPOFF64',
  18: 'TPOFF64',
  19: 'TLSGD',
  20: 'TLSLD',
  21: 'DTPOFF32',
  22: 'GOTTPOFF',
  23: 'TPOFF32',
  24: 'PC64',
  25: 'GOTOFF64',
  26: 'GOTPC32',
  27: 'GOT64',
  28: 'GOTPCREL64',
  29: 'GOTPC64',
  30: 'GOTPLT64',
  31: 'PLTOFF64',
  32: 'SIZE32',
  33: 'SIZE64',
  34: 'GOTPC32_TLSDESC',
  35: 'TLSDESC_CALL',
  36: 'TLSDESC',
  37: 'IRELATIVE',
  38: 'RELATIVE64',
  41: 'GOTPCRELX',
  42: 'REX_GOTPCRELX',
};

/** How an instruction that loads from the GOT can do without (psABI, section B.2). */
type GotRewrite = 'lea' | 'call' | 'jmp' | 'test' | 'binop' | undefined;

function gotRewrite(section: InputSection, index: number, symbol: LinkSymbol, isPie: boolean): GotRewrite {
  const { relocations } = section;
  const at = relocations.offsets[index]!;
  // An absolute symbol may be out of reach of a PC-relative operand.
  if (relocations.addends[index] !== -4 || symbol.kind === 'absolute' || at < 2) return undefined;
  // A distance cannot say "nowhere" in an image that moves: the GOT's entry is 0.
  if (isPie && symbol.kind === 'undefined') return undefined;
  const opcode = section.byteAt(at - 2);
  const modrm = section.byteAt(at - 1);
  if (opcode === 0x8b) return 'lea';
  if (opcode === 0xff && modrm === 0x15) return 'call';
  if (opcode === 0xff && modrm === 0x25) return 'jmp';
  // These would hold the address itself.
  if (!isPie && relocations.types[index] === X86.REX_GOTPCRELX && at >= 3) {
    if (opcode === 0x85) return 'test';
    // adc, add, and, cmp, or, sbb, sub, xor r, r/m: 00xxx011
    if ((opcode & 0xc7) === 0x03) return 'binop';
  }
  return undefined;
}

function tlsIeRewrite(section: InputSection, index: number): boolean {
  const at = section.relocations.offsets[index]!;
  if (at < 3 || section.relocations.addends[index] !== -4) return false;
  const rex = section.byteAt(at - 3);
  const opcode = section.byteAt(at - 2);
  return (rex === 0x48 || rex === 0x4c) && (opcode === 0x8b || opcode === 0x03);
}

/** Types of the dynamic model have only names: a static link knows nothing to do with them. */
const DYNAMIC: ReadonlySet<number> = new Set([5, 6, 7, 8, 16, 36, 37, 38]);

const SUPPORTED = Object.keys(NAMES)
  .map(Number)
  .filter((type) => !DYNAMIC.has(type));
/** Of types that only the instruction tells about. */
const ON_CODE = 255;
/** What each type asks for; a table, since V8 would try ten cases one after the other for types that ask for nothing. */
const NEEDS = byType(UNSUPPORTED, [
  [NEEDS_NOTHING, SUPPORTED],
  [NEEDS_GOT, [X86.GOT32, X86.GOTPCREL, X86.GOT64, X86.GOTPCREL64, X86.GOTPLT64]],
  [ON_CODE, [X86.GOTPCRELX, X86.REX_GOTPCRELX, X86.GOTTPOFF]],
  [SKIPS_NEXT, [X86.TLSGD, X86.TLSLD]],
]);

/** A byte for each type, `usual` for those that no row names. */
function byType(usual: number, rows: readonly (readonly [value: number, types: readonly number[]])[]): Uint8Array {
  const table = new Uint8Array(64).fill(usual);
  for (const [value, types] of rows) for (const type of types) table[type] = value;
  return table;
}

function needs(section: InputSection, index: number, symbol: LinkSymbol, isPie: boolean): number {
  const type = section.relocations.types[index]!;
  const known = NEEDS[type] ?? UNSUPPORTED;
  if (known !== ON_CODE) return known;
  if (type === X86.GOTTPOFF) return tlsIeRewrite(section, index) ? NEEDS_NOTHING : NEEDS_TLS_GOT;
  return gotRewrite(section, index, symbol, isPie) === undefined ? NEEDS_GOT : NEEDS_NOTHING;
}

function apply(
  section: InputSection,
  out: Uint8Array,
  offset: number,
  va: number,
  context: RelocationContext,
  first: number,
  last: number,
): void {
  const { offsets, types, symbols, addends } = section.relocations;
  const { resolved } = section.file;
  const { size } = section;
  const view = viewOf(out);
  for (let i = first; i < last; i++) {
    const type = types[i]!;
    const symbol = resolved[symbols[i]!]!;
    const start = offsets[i]!;
    const at = offset + start;
    const addend = addends[i]!;
    const place = va + start;
    if (start + (WIDTHS[type] ?? 4) > size) {
      context.problem(section, i, 'the field goes beyond the section');
      continue;
    }
    let value: number;
    switch (type) {
      // Most are of these types, and V8 tries one case after the other.
      case X86.PC32:
      case X86.PLT32:
        value = context.target(symbol, addend) - place;
        break;
      case X86.ABS64:
        writeU64(view, at, context.target(symbol, addend, section));
        continue;
      case X86.ABS32:
        value = context.target(symbol, addend);
        if (value < 0 || value > 0xffffffff) outOfRange(section, i, value, context);
        view.setUint32(at, value >>> 0, true);
        continue;
      case X86.ABS32S:
        value = context.target(symbol, addend);
        break;
      case X86.ABS16:
      case X86.PC16:
        value = context.target(symbol, addend) - (type === X86.PC16 ? place : 0);
        if (value < -0x8000 || value > (type === X86.PC16 ? 0x7fff : 0xffff)) outOfRange(section, i, value, context);
        view.setUint16(at, value & 0xffff, true);
        continue;
      case X86.ABS8:
      case X86.PC8:
        value = context.target(symbol, addend) - (type === X86.PC8 ? place : 0);
        if (value < -0x80 || value > (type === X86.PC8 ? 0x7f : 0xff)) outOfRange(section, i, value, context);
        view.setUint8(at, value & 0xff);
        continue;
      case X86.NONE:
        continue;
      case X86.PC64:
        writeU64(view, at, context.target(symbol, addend) - place);
        continue;
      case X86.GOTPCREL:
        value = context.gotAddress(symbol) + addend - place;
        break;
      case X86.GOTPCRELX:
      case X86.REX_GOTPCRELX:
        applyGotLoad(section, i, symbol, view, at, place, context);
        continue;
      case X86.GOT32:
        value = context.gotAddress(symbol) - context.gotBase + addend;
        break;
      case X86.GOT64:
      case X86.GOTPLT64:
        writeU64(view, at, context.gotAddress(symbol) - context.gotBase + addend);
        continue;
      case X86.GOTPCREL64:
        writeU64(view, at, context.gotAddress(symbol) + addend - place);
        continue;
      case X86.GOTOFF64:
      case X86.PLTOFF64:
        writeU64(view, at, context.target(symbol, addend) - context.gotBase);
        continue;
      case X86.GOTPC32:
        value = context.gotBase + addend - place;
        break;
      case X86.GOTPC64:
        writeU64(view, at, context.gotBase + addend - place);
        continue;
      case X86.SIZE32:
        value = symbol.size + addend;
        break;
      case X86.SIZE64:
        writeU64(view, at, symbol.size + addend);
        continue;
      case X86.TPOFF32:
        value = context.target(symbol, addend) + context.tlsToThreadPointer;
        break;
      case X86.TPOFF64:
        writeU64(view, at, context.target(symbol, addend) + context.tlsToThreadPointer);
        continue;
      case X86.DTPOFF32:
        // In code it follows a local-dynamic sequence, rewritten to the thread pointer; in debug information it stays.
        value = context.target(symbol, addend) + (section.isAlloc ? context.tlsToThreadPointer : -context.tlsStart);
        break;
      case X86.DTPOFF64:
        writeU64(
          view,
          at,
          context.target(symbol, addend) + (section.isExec ? context.tlsToThreadPointer : -context.tlsStart),
        );
        continue;
      case X86.GOTTPOFF:
        applyInitialExec(section, i, symbol, view, at, place, context);
        continue;
      case X86.TLSGD:
        if (rewriteGeneralDynamic(section, i, view, out, at)) {
          view.setInt32(at + 8, tpoff(symbol, addend + 4, context), true);
        } else context.problem(section, i, "this general-dynamic TLS sequence is not the psABI's");
        i++;
        continue;
      case X86.TLSLD:
        if (!rewriteLocalDynamic(section, i, out, at)) {
          context.problem(section, i, "this local-dynamic TLS sequence is not the psABI's");
        }
        i++;
        continue;
      case X86.GOTPC32_TLSDESC:
        // lea x@tlsdesc(%rip), %rax  ->  mov $tpoff, %rax
        if (
          offsets[i]! < 3 ||
          out[at - 2] !== 0x8d ||
          (out[at - 3]! & 0xfb) !== 0x48 ||
          (out[at - 1]! & 0xc7) !== 0x05
        ) {
          context.problem(section, i, "this TLS descriptor sequence is not the psABI's");
          continue;
        }
        out[at - 3] = 0x48 | ((out[at - 3]! >> 2) & 1);
        out[at - 2] = 0xc7;
        out[at - 1] = 0xc0 | ((out[at - 1]! >> 3) & 7);
        view.setInt32(at, tpoff(symbol, addend + 4, context), true);
        continue;
      case X86.TLSDESC_CALL:
        out[at] = 0x66;
        out[at + 1] = 0x90;
        continue;
      default:
        continue;
    }
    put32(view, at, section, i, context, value);
  }
}

/** Bytes of a field by its relocation's type; those that are not named here have 4. */
const WIDTHS = byType(4, [
  [0, [X86.NONE]],
  [1, [X86.ABS8, X86.PC8]],
  [2, [X86.ABS16, X86.PC16, X86.TLSDESC_CALL]],
  [8, [X86.ABS64, X86.DTPOFF64, X86.TPOFF64, X86.PC64, X86.GOTOFF64, X86.GOT64, X86.GOTPCREL64, X86.GOTPC64]],
  [8, [X86.GOTPLT64, X86.PLTOFF64, X86.SIZE64]],
]);

function dependence(type: number): Dependence {
  switch (type) {
    case X86.ABS64:
      return 'word';
    case X86.ABS32:
    case X86.ABS32S:
    case X86.ABS16:
    case X86.ABS8:
      return 'narrow';
    case X86.PC32:
    case X86.PLT32:
    case X86.PC16:
    case X86.PC8:
    case X86.PC64:
    case X86.GOTOFF64:
    case X86.PLTOFF64:
      return 'distance';
    default:
      return 'free';
  }
}

function put32(
  view: DataView,
  at: number,
  section: InputSection,
  i: number,
  context: RelocationContext,
  value: number,
): void {
  if (value < -0x80000000 || value > 0x7fffffff) outOfRange(section, i, value, context);
  view.setInt32(at, value | 0, true);
}

function tpoff(symbol: LinkSymbol, addend: number, context: RelocationContext): number {
  return context.target(symbol, addend) + context.tlsToThreadPointer;
}

function applyGotLoad(
  section: InputSection,
  i: number,
  symbol: LinkSymbol,
  view: DataView,
  at: number,
  place: number,
  context: RelocationContext,
): void {
  const address = context.symbolAddress(symbol);
  switch (gotRewrite(section, i, symbol, context.isPie)) {
    case undefined:
      put32(view, at, section, i, context, context.gotAddress(symbol) + section.relocations.addends[i]! - place);
      return;
    case 'lea':
      view.setUint8(at - 2, 0x8d);
      put32(view, at, section, i, context, address - 4 - place);
      return;
    case 'call':
      // addr32 call: the prefix fills the byte that the shorter opcode leaves.
      view.setUint8(at - 2, 0x67);
      view.setUint8(at - 1, 0xe8);
      put32(view, at, section, i, context, address - 4 - place);
      return;
    case 'jmp': {
      const value = address - 4 - (place - 1);
      if (value < -0x80000000 || value > 0x7fffffff) outOfRange(section, i, value, context);
      view.setUint8(at - 2, 0xe9);
      view.setInt32(at - 1, value | 0, true);
      view.setUint8(at + 3, 0x90);
      return;
    }
    case 'test':
    case 'binop': {
      const test = view.getUint8(at - 2) === 0x85;
      const rex = view.getUint8(at - 3);
      const register = (view.getUint8(at - 1) >> 3) & 7;
      const extension = test ? 0 : (view.getUint8(at - 2) >> 3) & 7;
      // The register moves from ModRM.reg to ModRM.rm, and so its high bit from REX.R to REX.B.
      view.setUint8(at - 3, (rex & ~0x05) | ((rex >> 2) & 1));
      view.setUint8(at - 2, test ? 0xf7 : 0x81);
      view.setUint8(at - 1, 0xc0 | (extension << 3) | register);
      put32(view, at, section, i, context, address);
    }
  }
}

function applyInitialExec(
  section: InputSection,
  i: number,
  symbol: LinkSymbol,
  view: DataView,
  at: number,
  place: number,
  context: RelocationContext,
): void {
  if (!tlsIeRewrite(section, i)) {
    put32(view, at, section, i, context, context.tlsGotAddress(symbol) + section.relocations.addends[i]! - place);
    return;
  }
  // mov/add x@gottpoff(%rip), %r  ->  mov/add $tpoff, %r
  const register = (view.getUint8(at - 1) >> 3) & 7;
  const high = (view.getUint8(at - 3) >> 2) & 1;
  const add = view.getUint8(at - 2) === 0x03;
  view.setUint8(at - 3, 0x48 | high);
  view.setUint8(at - 2, add ? 0x81 : 0xc7);
  view.setUint8(at - 1, 0xc0 | register);
  put32(view, at, section, i, context, tpoff(symbol, 0, context));
}

const GD_TO_LE = [0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0, 0x48, 0x8d, 0x80];

/** data16 lea x@tlsgd(%rip),%rdi; call __tls_get_addr  ->  mov %fs:0,%rax; lea tpoff(%rax),%rax (psABI, table 11.3) */
function rewriteGeneralDynamic(
  section: InputSection,
  i: number,
  _view: DataView,
  out: Uint8Array,
  at: number,
): boolean {
  const offset = section.relocations.offsets[i]!;
  if (offset < 4 || offset + 12 > section.size || i + 1 >= section.relocations.last) return false;
  if (out[at - 4] !== 0x66 || out[at - 3] !== 0x48 || out[at - 2] !== 0x8d || out[at - 1] !== 0x3d) return false;
  const call =
    (out[at + 6] === 0x48 && out[at + 7] === 0xe8) ||
    (out[at + 5] === 0x48 && out[at + 6] === 0xff && out[at + 7] === 0x15);
  if (!call && !(out[at + 4] === 0x66 && out[at + 7] === 0xe8)) return false;
  out.set(GD_TO_LE, at - 4);
  return true;
}

/** lea x@tlsld(%rip),%rdi; call __tls_get_addr  ->  mov %fs:0,%rax, padded with prefixes (psABI, table 11.8) */
function rewriteLocalDynamic(section: InputSection, i: number, out: Uint8Array, at: number): boolean {
  const offset = section.relocations.offsets[i]!;
  if (offset < 3 || offset + 9 > section.size || i + 1 >= section.relocations.last) return false;
  if (out[at - 3] !== 0x48 || out[at - 2] !== 0x8d || out[at - 1] !== 0x3d) return false;
  const direct = out[at + 4] === 0xe8;
  if (!direct && !(out[at + 4] === 0xff && out[at + 5] === 0x15 && offset + 10 <= section.size)) return false;
  const body = [0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0];
  const prefixes = direct ? [0x66, 0x66, 0x66] : [0x66, 0x66, 0x66, 0x66];
  out.set([...prefixes, ...body], at - 3);
  return true;
}

/** Fields of fewer bits than any code model's. */
const NARROW: Readonly<Record<number, 8 | 16>> = { [X86.ABS8]: 8, [X86.PC8]: 8, [X86.ABS16]: 16, [X86.PC16]: 16 };

function outOfRange(section: InputSection, i: number, value: number, context: RelocationContext): void {
  const sign = value < 0 ? '-' : '';
  const narrow = NARROW[section.relocations.types[i]!];
  context.problem(
    section,
    i,
    `the value ${sign}0x${Math.abs(value).toString(16)} does not fit`,
    narrow === undefined
      ? 'non-PIC code must lie below 2 GiB; an executable larger than that needs -mcmodel=large'
      : `assembly asked for a field of ${narrow} bits: give it a wider one, or a distance or number that is small enough`,
  );
}

export const X86_64_BACKEND: RelocationBackend = {
  typeName: (type) => `R_X86_64_${NAMES[type] ?? type}`,
  types: SUPPORTED,
  maxPage: 0x1000,
  ipltEntrySize: 16,
  irelativeType: X86.IRELATIVE,
  relativeType: X86.RELATIVE,
  dependence,
  needs,
  apply,
  writeIplt(view, offset, va, gotSlot) {
    // endbr64; jmp *slot(%rip); int3…
    for (let i = 0; i < 16; i++) view.setUint8(offset + i, 0xcc);
    view.setUint32(offset, 0xfa1e0ff3, true);
    view.setUint16(offset + 4, 0x25ff, true);
    view.setInt32(offset + 6, gotSlot - (va + 10), true);
  },
  veneer: undefined,
  writeJump(view, offset, va, target) {
    const distance = target - (va + 5);
    if (distance < -0x80000000 || distance > 0x7fffffff) return false;
    view.setUint8(offset, 0xe9);
    view.setInt32(offset + 1, distance, true);
    return true;
  },
  fillTrap: (out, start, end) => out.fill(0xcc, start, end),
  fillNop: (out, start, end) => out.fill(0x90, start, end),
  // TLS variant II: the block ends at the thread pointer.
  threadPointerOffset: (size, align, start) => -(start + alignUp(size, align)),
};
