// For the comparison with GNU ld: where the words that hold addresses lead, read back from the linked file (psABIs).

import { readU64 } from './elf.ts';

/** Bytes before a field that a linker may have rewritten with it, and the field's width: [0, 8] where nothing is known of the type. */
export function fieldExtent(type: number): readonly [before: number, width: number] {
  const plain = PLAIN_FIELDS[type];
  if (plain !== undefined) return plain;
  // AArch64 but for thread-local variables: GNU ld only fills fields in.
  if (type >= 257 && type <= 315) return [0, 4];
  return [3, 8];
}

/** Types of which no linker rewrites the instruction. */
const PLAIN_FIELDS: Readonly<Record<number, readonly [number, number]>> = {
  1: [0, 8],
  2: [0, 4],
  4: [0, 4],
  11: [3, 4],
  257: [0, 8],
  259: [0, 2],
  260: [0, 8],
  262: [0, 2],
  307: [0, 8],
};

type Read = (view: DataView, at: number, place: number) => number;

/** For each type: where a word at `place` leads to, its addend included. */
export const FIELDS: Readonly<Record<number, Read>> = {
  // R_X86_64_64, PC32, PLT32, 32, 32S
  1: (view, at) => readU64(view, at),
  2: (view, at, place) => view.getInt32(at, true) + place,
  4: (view, at, place) => view.getInt32(at, true) + place,
  10: (view, at) => view.getUint32(at, true),
  11: (view, at) => view.getInt32(at, true),
  // R_AARCH64_ABS64, JUMP26, CALL26
  257: (view, at) => readU64(view, at),
  282: (view, at, place) => ((view.getUint32(at, true) << 6) >> 6) * 4 + place,
  283: (view, at, place) => ((view.getUint32(at, true) << 6) >> 6) * 4 + place,
};

/** A field that holds only a part of an address. */
export interface PartialField {
  /** The instruction without the field. */
  readonly opcode: number;
  readonly read: Read;
  /** What it holds for an address. */
  readonly part: (address: number) => number;
  /** Bytes that the instruction loads or stores there; absent: it only computes the address. */
  readonly width?: number;
}

const page = (address: number): number => address - (address % 0x1000);

const pageField: PartialField = {
  opcode: 0x9f00001f,
  read(view, at, place) {
    const instruction = view.getUint32(at, true);
    const pages = (((instruction >> 5) & 0x7ffff) << 2) | ((instruction >> 29) & 3);
    return page(place) + ((pages << 11) >> 11) * 0x1000;
  },
  part: page,
};

/** @param width bytes that the instruction accesses, in which the field counts; absent: it adds bytes */
const lowField = (width?: number): PartialField => ({
  opcode: 0xffc003ff,
  read: (view, at) => ((view.getUint32(at, true) >> 10) & 0xfff) * (width ?? 1),
  part: (address) => address % 0x1000,
  ...(width === undefined ? {} : { width }),
});

export const PARTIAL_FIELDS: Readonly<Record<number, PartialField>> = {
  // R_AARCH64_ADR_PREL_PG_HI21 and _NC, ADD_ABS_LO12_NC, LDST{8,16,32,64,128}_ABS_LO12_NC
  275: pageField,
  276: pageField,
  277: lowField(),
  278: lowField(1),
  284: lowField(2),
  285: lowField(4),
  286: lowField(8),
  299: lowField(16),
};

/** Fewer bytes than a vector that an instruction reads, by its opcode after 0F (Intel SDM volume 2, appendix A). */
const NARROW: Readonly<Record<number, number>> = {
  // MOVLPS, MOVHPS, MOVQ; CVTSI2SD, UCOMISS, COMISS, CVTSS2SD, MOVD; MOVZX and MOVSX.
  18: 8,
  22: 8,
  126: 8,
  42: 4,
  46: 4,
  47: 4,
  90: 4,
  110: 4,
  182: 1,
  183: 2,
  190: 1,
  191: 2,
};

/**
 * How many bytes of a constant an x86-64 instruction reads at the address that its 32-bit field leads to, or fewer.
 * @param at offset of the field
 */
export function readWidth(bytes: Uint8Array, at: number): number {
  const opcode = bytes[at - 2]!;
  if (bytes[at - 3] !== 0x0f) {
    // FLD and FADD of doubles; with REX.W, which stands before the opcode; without.
    const wide = opcode === 0xdc || opcode === 0xdd || (bytes[at - 3]! & 0xf8) === 0x48;
    return wide ? 8 : 4;
  }
  const narrow = NARROW[opcode];
  if (narrow !== undefined) return narrow;
  const hasRex = (bytes[at - 4]! & 0xf0) === 0x40;
  const prefix = bytes[at - (hasRex ? 5 : 4)];
  return prefix === 0xf2 ? 8 : prefix === 0xf3 ? 4 : 16;
}
