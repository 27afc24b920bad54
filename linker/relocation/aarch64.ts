/** AArch64 relocations (ELF for the Arm 64-bit Architecture, section 5.7) for the static model. */
import { alignUp, viewOf, writeU64 } from '../elf.ts';
import type { InputSection } from '../section.ts';
import type { LinkSymbol } from '../symbol.ts';
import type { Dependence, RelocationBackend, RelocationContext, VeneerKind } from './backend.ts';
import { NEEDS_GOT, NEEDS_NOTHING, NEEDS_TLS_GOT, UNSUPPORTED } from './backend.ts';

export const A64 = {
  NONE: 0,
  ABS64: 257,
  ABS32: 258,
  ABS16: 259,
  PREL64: 260,
  PREL32: 261,
  PREL16: 262,
  MOVW_UABS_G0: 263,
  MOVW_UABS_G3: 269,
  MOVW_SABS_G0: 270,
  MOVW_SABS_G2: 272,
  LD_PREL_LO19: 273,
  ADR_PREL_LO21: 274,
  ADR_PREL_PG_HI21: 275,
  ADR_PREL_PG_HI21_NC: 276,
  ADD_ABS_LO12_NC: 277,
  LDST8_ABS_LO12_NC: 278,
  TSTBR14: 279,
  CONDBR19: 280,
  JUMP26: 282,
  CALL26: 283,
  LDST16_ABS_LO12_NC: 284,
  LDST32_ABS_LO12_NC: 285,
  LDST64_ABS_LO12_NC: 286,
  MOVW_PREL_G0: 287,
  MOVW_PREL_G3: 293,
  LDST128_ABS_LO12_NC: 299,
  GOTREL64: 307,
  GOTREL32: 308,
  GOT_LD_PREL19: 309,
  LD64_GOTOFF_LO15: 310,
  ADR_GOT_PAGE: 311,
  LD64_GOT_LO12_NC: 312,
  LD64_GOTPAGE_LO15: 313,
  PLT32: 314,
  GOTPCREL32: 315,
  TLSIE_MOVW_GOTTPREL_G1: 539,
  TLSIE_MOVW_GOTTPREL_G0_NC: 540,
  TLSIE_ADR_GOTTPREL_PAGE21: 541,
  TLSIE_LD64_GOTTPREL_LO12_NC: 542,
  TLSIE_LD_GOTTPREL_PREL19: 543,
  TLSLE_MOVW_TPREL_G2: 544,
  TLSLE_MOVW_TPREL_G0_NC: 548,
  TLSLE_ADD_TPREL_HI12: 549,
  TLSLE_ADD_TPREL_LO12: 550,
  TLSLE_ADD_TPREL_LO12_NC: 551,
  TLSLE_LDST8_TPREL_LO12: 552,
  TLSLE_LDST64_TPREL_LO12_NC: 559,
  TLSDESC_ADR_PAGE21: 562,
  TLSDESC_LD64_LO12: 563,
  TLSDESC_ADD_LO12: 564,
  TLSDESC_CALL: 569,
  TLSLE_LDST128_TPREL_LO12: 570,
  TLSLE_LDST128_TPREL_LO12_NC: 571,
  RELATIVE: 1027,
  IRELATIVE: 1032,
} as const;

const NAMES = new Map<number, string>(Object.entries(A64).map(([name, type]) => [type, name]));
for (const [first, names] of [
  [
    263,
    [
      'MOVW_UABS_G0',
      'MOVW_UABS_G0_NC',
      'MOVW_UABS_G1',
      'MOVW_UABS_G1_NC',
      'MOVW_UABS_G2',
      'MOVW_UABS_G2_NC',
      'MOVW_UABS_G3',
    ],
  ],
  [270, ['MOVW_SABS_G0', 'MOVW_SABS_G1', 'MOVW_SABS_G2']],
  [
    287,
    [
      'MOVW_PREL_G0',
      'MOVW_PREL_G0_NC',
      'MOVW_PREL_G1',
      'MOVW_PREL_G1_NC',
      'MOVW_PREL_G2',
      'MOVW_PREL_G2_NC',
      'MOVW_PREL_G3',
    ],
  ],
  [
    544,
    [
      'TLSLE_MOVW_TPREL_G2',
      'TLSLE_MOVW_TPREL_G1',
      'TLSLE_MOVW_TPREL_G1_NC',
      'TLSLE_MOVW_TPREL_G0',
      'TLSLE_MOVW_TPREL_G0_NC',
    ],
  ],
  [
    552,
    [
      'TLSLE_LDST8_TPREL_LO12',
      'TLSLE_LDST8_TPREL_LO12_NC',
      'TLSLE_LDST16_TPREL_LO12',
      'TLSLE_LDST16_TPREL_LO12_NC',
      'TLSLE_LDST32_TPREL_LO12',
      'TLSLE_LDST32_TPREL_LO12_NC',
      'TLSLE_LDST64_TPREL_LO12',
      'TLSLE_LDST64_TPREL_LO12_NC',
    ],
  ],
] as const) {
  for (const [i, name] of names.entries()) NAMES.set(first + i, name);
}

/** Types that have only names: those of the dynamic model, and initial-exec TLS of the large code model. */
const UNKNOWN: ReadonlySet<number> = new Set([
  A64.IRELATIVE,
  A64.RELATIVE,
  A64.TLSIE_MOVW_GOTTPREL_G1,
  A64.TLSIE_MOVW_GOTTPREL_G0_NC,
]);

const isSupported = (type: number): boolean => NAMES.has(type) && !UNKNOWN.has(type);

function needs(section: InputSection, index: number): number {
  const type = section.relocations.types[index]!;
  switch (type) {
    case A64.GOT_LD_PREL19:
    case A64.LD64_GOTOFF_LO15:
    case A64.ADR_GOT_PAGE:
    case A64.LD64_GOT_LO12_NC:
    case A64.LD64_GOTPAGE_LO15:
    case A64.GOTPCREL32:
      return NEEDS_GOT;
    case A64.TLSIE_LD_GOTTPREL_PREL19:
      return NEEDS_TLS_GOT;
  }
  return isSupported(type) ? NEEDS_NOTHING : UNSUPPORTED;
}

function dependence(type: number): Dependence {
  if (type === A64.ABS64) return 'word';
  if (type === A64.ABS32 || type === A64.ABS16) return 'narrow';
  if (type >= A64.MOVW_UABS_G0 && type <= A64.MOVW_SABS_G2) return 'narrow';
  // The low twelve bits belong to an ADRP, and images move by whole pages.
  const near = type >= A64.PREL64 && type <= A64.LDST128_ABS_LO12_NC;
  return near || type === A64.PLT32 || type === A64.GOTREL64 || type === A64.GOTREL32 ? 'distance' : 'free';
}

const page = (address: number): number => Math.floor(address / 0x1000) * 0x1000;
const low12 = (address: number): number => ((address % 0x1000) + 0x1000) % 0x1000;
/** Bits [from, from + 16) of a two's complement value. */
const half = (value: number, from: number): number => {
  const scaled = Math.floor(value / 2 ** from);
  return ((scaled % 0x10000) + 0x10000) % 0x10000;
};

/** What writes one instruction or datum and complains about values that do not fit. */
class Writer {
  readonly section: InputSection;
  readonly #context: RelocationContext;
  readonly view: DataView;
  index = 0;
  at = 0;

  constructor(section: InputSection, out: Uint8Array, context: RelocationContext) {
    this.section = section;
    this.#context = context;
    this.view = viewOf(out);
  }

  problem(message: string, hint?: string): void {
    this.#context.problem(this.section, this.index, message, hint);
  }

  range(value: number, low: number, high: number, hint?: string): void {
    if (value >= low && value <= high) return;
    const sign = value < 0 ? '-' : '';
    this.problem(`the value ${sign}0x${Math.abs(value).toString(16)} does not fit`, hint);
  }

  insn(): number {
    return this.view.getUint32(this.at, true);
  }

  put(instruction: number): void {
    this.view.setUint32(this.at, instruction >>> 0, true);
  }

  /** Replaces the bits of `mask` by `bits`. */
  patch(mask: number, bits: number): void {
    this.put((this.insn() & ~mask) | (bits & mask));
  }

  /** A word offset of `bits` bits at bit `shift`. */
  branch(value: number, bits: number, shift: number, hint?: string): void {
    const limit = 2 ** (bits + 1);
    this.range(value, -limit, limit - 4, hint);
    if (value % 4 !== 0) this.problem('the target is not aligned to 4 bytes');
    const mask = (2 ** bits - 1) * 2 ** shift;
    this.patch(mask | 0, (Math.floor(value / 4) % 2 ** bits) * 2 ** shift);
  }

  /** The immediate of ADR and ADRP: two low bits at 29, the others at 5. */
  adr(value: number): void {
    this.patch(0x60ffffe0 | 0, ((value & 3) << 29) | (((value >> 2) & 0x7ffff) << 5));
  }

  /** A 12-bit immediate at bit 10, of `value` scaled by 2^scale. */
  imm12(value: number, scale = 0): void {
    if (scale > 0 && value % 2 ** scale !== 0) {
      this.problem(`the address is not aligned to ${2 ** scale} bytes, as this load or store needs`);
    }
    this.patch(0xfff << 10, Math.floor(value / 2 ** scale) << 10);
  }

  imm16(value: number): void {
    this.patch(0xffff << 5, value << 5);
  }

  /** MOVZ for a value that is not negative, MOVN with its complement otherwise. */
  signedMove(value: number, from: number): void {
    const opcode = this.insn();
    if (value < 0) {
      this.put(opcode & ~(1 << 30));
      this.imm16(half(-value - 1, from));
    } else {
      this.put(opcode | (1 << 30));
      this.imm16(half(value, from));
    }
  }
}

const REACH = 'branches reach 128 MiB, and there is no place for a veneer on the way: the overlay window is too large';

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
  const w = new Writer(section, out, context);
  for (let i = first; i < last; i++) {
    const type = types[i]!;
    const width =
      type === A64.NONE
        ? 0
        : type === A64.ABS64 || type === A64.PREL64 || type === A64.GOTREL64
          ? 8
          : type === A64.ABS16 || type === A64.PREL16
            ? 2
            : 4;
    w.index = i;
    if (offsets[i]! + width > section.size) {
      w.problem('the field goes beyond the section');
      continue;
    }
    w.at = offset + offsets[i]!;
    applyOne(w, type, resolved[symbols[i]!]!, addends[i]!, va + offsets[i]!, context);
  }
}

function applyOne(
  w: Writer,
  type: number,
  symbol: LinkSymbol,
  addend: number,
  place: number,
  context: RelocationContext,
): void {
  const target = (): number => context.target(symbol, addend);
  const entry = (): number => {
    if (addend !== 0)
      w.problem(`the table of addresses holds ${symbol.name} itself, not a place ${addend} bytes from it`);
    return context.gotAddress(symbol);
  };
  const tprel = (): number => target() + context.tlsToThreadPointer;
  switch (type) {
    case A64.NONE:
    case A64.TLSDESC_CALL:
      if (type === A64.TLSDESC_CALL) w.put(NOP);
      return;
    case A64.ABS64:
      writeU64(w.view, w.at, context.target(symbol, addend, w.section));
      return;
    case A64.ABS32:
      w.range(target(), -0x80000000, 0xffffffff);
      w.view.setUint32(w.at, target() >>> 0, true);
      return;
    case A64.ABS16:
      w.range(target(), -0x8000, 0xffff);
      w.view.setUint16(w.at, target() & 0xffff, true);
      return;
    case A64.PREL64:
      writeU64(w.view, w.at, target() - place);
      return;
    case A64.PREL32:
    case A64.PLT32:
      w.range(target() - place, -0x80000000, type === A64.PLT32 ? 0x7fffffff : 0xffffffff);
      w.view.setInt32(w.at, (target() - place) | 0, true);
      return;
    case A64.PREL16:
      w.range(target() - place, -0x8000, 0xffff);
      w.view.setUint16(w.at, (target() - place) & 0xffff, true);
      return;
    case A64.GOTREL64:
      writeU64(w.view, w.at, target() - context.gotBase);
      return;
    case A64.GOTREL32:
      w.range(target() - context.gotBase, -0x80000000, 0x7fffffff);
      w.view.setInt32(w.at, (target() - context.gotBase) | 0, true);
      return;
    case A64.GOTPCREL32:
      w.range(context.gotAddress(symbol) + addend - place, -0x80000000, 0x7fffffff);
      w.view.setInt32(w.at, (context.gotAddress(symbol) + addend - place) | 0, true);
      return;
    case A64.LD_PREL_LO19:
      w.branch(target() - place, 19, 5);
      return;
    case A64.ADR_PREL_LO21:
      w.range(target() - place, -0x100000, 0xfffff);
      w.adr(target() - place);
      return;
    case A64.ADR_PREL_PG_HI21:
    case A64.ADR_PREL_PG_HI21_NC: {
      const value = (page(target()) - page(place)) / 0x1000;
      if (type === A64.ADR_PREL_PG_HI21) w.range(value, -0x100000, 0xfffff);
      w.adr(value);
      return;
    }
    case A64.ADD_ABS_LO12_NC:
      w.imm12(low12(target()));
      return;
    case A64.LDST8_ABS_LO12_NC:
      w.imm12(low12(target()));
      return;
    case A64.LDST16_ABS_LO12_NC:
      w.imm12(low12(target()), 1);
      return;
    case A64.LDST32_ABS_LO12_NC:
      w.imm12(low12(target()), 2);
      return;
    case A64.LDST64_ABS_LO12_NC:
      w.imm12(low12(target()), 3);
      return;
    case A64.LDST128_ABS_LO12_NC:
      w.imm12(low12(target()), 4);
      return;
    case A64.TSTBR14:
      w.branch(target() - place, 14, 5, 'this branch reaches 32 KiB');
      return;
    case A64.CONDBR19:
      w.branch(branchTarget(symbol, target(), place) - place, 19, 5, 'this branch reaches 1 MiB');
      return;
    case A64.JUMP26:
    case A64.CALL26:
      w.branch(nearTarget(symbol, addend, place, context) - place, 26, 0, REACH);
      return;
    case A64.GOT_LD_PREL19:
      w.branch(entry() - place, 19, 5);
      return;
    case A64.ADR_GOT_PAGE: {
      const value = (page(entry()) - page(place)) / 0x1000;
      w.range(value, -0x100000, 0xfffff);
      w.adr(value);
      return;
    }
    case A64.LD64_GOT_LO12_NC:
      w.imm12(low12(entry()), 3);
      return;
    case A64.LD64_GOTOFF_LO15:
      w.range(entry() - context.gotBase, 0, 0x7fff);
      w.imm12(context.gotAddress(symbol) - context.gotBase, 3);
      return;
    case A64.LD64_GOTPAGE_LO15:
      w.range(entry() - page(context.gotBase), 0, 0x7fff);
      w.imm12(context.gotAddress(symbol) - page(context.gotBase), 3);
      return;
    case A64.TLSIE_ADR_GOTTPREL_PAGE21:
      // adrp x, :gottprel:  ->  movz x, #tprel, lsl 16
      w.range(tprel(), 0, 0xffffffff);
      w.put(0xd2a00000 | (half(tprel(), 16) << 5) | (w.insn() & 31));
      return;
    case A64.TLSIE_LD64_GOTTPREL_LO12_NC:
      // ldr x, [x, :gottprel_lo12:]  ->  movk x, #tprel: the upper half is in the register that it loads
      if ((w.insn() & 0xffc00000) >>> 0 !== 0xf9400000 || ((w.insn() >> 5) & 31) !== (w.insn() & 31)) {
        w.problem('this initial-exec TLS load does not load the register that it reads, so it cannot be relaxed');
      }
      w.put(0xf2800000 | (half(tprel(), 0) << 5) | (w.insn() & 31));
      return;
    case A64.TLSIE_LD_GOTTPREL_PREL19:
      w.branch(context.tlsGotAddress(symbol) - place, 19, 5);
      return;
    case A64.TLSDESC_ADR_PAGE21:
      // adrp x0; ldr x1; add x0; blr x1  ->  movz x0, #hi, lsl 16; movk x0, #lo; nop; nop
      w.range(tprel(), 0, 0xffffffff);
      w.put(0xd2a00000 | (half(tprel(), 16) << 5));
      return;
    case A64.TLSDESC_LD64_LO12:
      w.put(0xf2800000 | (half(tprel(), 0) << 5));
      return;
    case A64.TLSDESC_ADD_LO12:
      w.put(NOP);
      return;
    case A64.TLSLE_ADD_TPREL_HI12:
      w.range(tprel(), 0, 0xffffff);
      w.imm12(Math.floor(tprel() / 0x1000));
      return;
    case A64.TLSLE_ADD_TPREL_LO12:
      w.range(tprel(), 0, 0xfff);
      w.imm12(low12(tprel()));
      return;
    case A64.TLSLE_ADD_TPREL_LO12_NC:
      w.imm12(low12(tprel()));
      return;
    case A64.TLSLE_LDST128_TPREL_LO12:
    case A64.TLSLE_LDST128_TPREL_LO12_NC:
      if (type === A64.TLSLE_LDST128_TPREL_LO12) w.range(tprel(), 0, 0xfff);
      w.imm12(low12(tprel()), 4);
      return;
  }
  applyMoves(w, type, target, tprel, place);
  if (type >= A64.TLSLE_LDST8_TPREL_LO12 && type <= A64.TLSLE_LDST64_TPREL_LO12_NC) {
    const step = type - A64.TLSLE_LDST8_TPREL_LO12;
    if (step % 2 === 0) w.range(tprel(), 0, 0xfff);
    w.imm12(low12(tprel()), step >> 1);
  }
}

/** The groups of MOVZ/MOVK/MOVN relocations: G0 to G3 pick 16 bits each, `_NC` ones do not check the rest. */
function applyMoves(w: Writer, type: number, target: () => number, tprel: () => number, place: number): void {
  if (type >= A64.MOVW_UABS_G0 && type <= A64.MOVW_UABS_G3) {
    const from = ((type - A64.MOVW_UABS_G0) >> 1) * 16;
    const checked = (type - A64.MOVW_UABS_G0) % 2 === 0 && type !== A64.MOVW_UABS_G3;
    if (checked) w.range(target(), 0, 2 ** (from + 16) - 1);
    w.imm16(half(target(), from));
  } else if (type >= A64.MOVW_SABS_G0 && type <= A64.MOVW_SABS_G2) {
    const from = (type - A64.MOVW_SABS_G0) * 16;
    w.range(target(), -(2 ** (from + 16)), 2 ** (from + 16) - 1);
    w.signedMove(target(), from);
  } else if (type >= A64.MOVW_PREL_G0 && type <= A64.MOVW_PREL_G3) {
    const from = ((type - A64.MOVW_PREL_G0) >> 1) * 16;
    const value = target() - place;
    if ((type - A64.MOVW_PREL_G0) % 2 === 0) {
      if (type !== A64.MOVW_PREL_G3) w.range(value, -(2 ** (from + 16)), 2 ** (from + 16) - 1);
      w.signedMove(value, from);
    } else w.imm16(half(value, from));
  } else if (type >= A64.TLSLE_MOVW_TPREL_G2 && type <= A64.TLSLE_MOVW_TPREL_G0_NC) {
    const from = [32, 16, 16, 0, 0][type - A64.TLSLE_MOVW_TPREL_G2]!;
    const checked = type === 544 || type === 545 || type === 547;
    if (checked) {
      w.range(tprel(), 0, 2 ** (from + 16) - 1);
      w.signedMove(tprel(), from);
    } else w.imm16(half(tprel(), from));
  }
}

/** A branch to an undefined weak symbol goes on to the next instruction (AAELF64, "Weak references"). */
function branchTarget(symbol: LinkSymbol, target: number, place: number): number {
  return symbol.kind === 'undefined' ? place + 4 : target;
}

/** The target of a call or jump, or a veneer on the way there. */
function nearTarget(symbol: LinkSymbol, addend: number, place: number, context: RelocationContext): number {
  const target = branchTarget(symbol, context.target(symbol, addend), place);
  return VENEER.reaches(target - place) ? target : (context.veneer(place, symbol, addend) ?? target);
}

const BRANCH_REACH = 2 ** 27;

const VENEER: VeneerKind = {
  reach: BRANCH_REACH,
  size: 16,
  isBranch: (type) => type === A64.CALL26 || type === A64.JUMP26,
  reaches: (distance) => distance >= -BRANCH_REACH && distance < BRANCH_REACH,
  write(view, offset, va, target) {
    const pages = (page(target) - page(va)) / 0x1000;
    // adrp x16, target; add x16, x16, :lo12:target; br x16 (AAPCS64 6.1.1: linkers may use x16 between a call and its target)
    view.setUint32(offset, (0x90000010 | ((pages & 3) << 29) | (((pages >> 2) & 0x7ffff) << 5)) >>> 0, true);
    view.setUint32(offset + 4, (0x91000210 | (low12(target) << 10)) >>> 0, true);
    view.setUint32(offset + 8, 0xd61f0200, true);
    view.setUint32(offset + 12, TRAP, true);
  },
};

const NOP = 0xd503201f;
const BTI_C = 0xd503245f;
/** brk #0 */
const TRAP = 0xd4200000;

function fillWords(out: Uint8Array, start: number, end: number, word: number): void {
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
  const first = alignUp(start, 4);
  out.fill(0, start, Math.min(first, end));
  let at = first;
  for (; at + 4 <= end; at += 4) view.setUint32(at, word, true);
  if (at < end) out.fill(0, at, end);
}

export const AARCH64_BACKEND: RelocationBackend = {
  typeName: (type) => `R_AARCH64_${NAMES.get(type) ?? type}`,
  types: [...NAMES.keys()].filter(isSupported),
  maxPage: 0x10000,
  ipltEntrySize: 16,
  irelativeType: A64.IRELATIVE,
  relativeType: A64.RELATIVE,
  dependence,
  needs,
  apply,
  writeIplt(view, offset, va, gotSlot) {
    // bti c; adrp x16, slot; ldr x17, [x16, :lo12:slot]; br x17
    const pages = (page(gotSlot) - page(va + 4)) / 0x1000;
    view.setUint32(offset, BTI_C, true);
    view.setUint32(offset + 4, (0x90000010 | ((pages & 3) << 29) | (((pages >> 2) & 0x7ffff) << 5)) >>> 0, true);
    view.setUint32(offset + 8, (0xf9400211 | ((low12(gotSlot) >> 3) << 10)) >>> 0, true);
    view.setUint32(offset + 12, 0xd61f0220, true);
  },
  veneer: VENEER,
  writeJump(view, offset, va, target) {
    const distance = target - va;
    if (distance < -0x8000000 || distance > 0x7fffffc) return false;
    view.setUint32(offset, (0x14000000 | ((distance / 4) & 0x3ffffff)) >>> 0, true);
    return true;
  },
  fillTrap: (out, start, end) => fillWords(out, start, end, TRAP),
  fillNop: (out, start, end) => fillWords(out, start, end, NOP),
  // TLS variant I: the thread pointer is at a 16-byte control block before the block (AAELF64, "TLS").
  threadPointerOffset: (_size, align, start) => alignUp(16, align) - start,
};
