// The values of attributes in .debug_info (DWARF 5, section 7.5.6 and table 7.6; versions 2 to 5, and GNU's forms before version 5).

import { Cursor, stringAt } from './cursor.ts';

/** Forms whose values are not what they stand for. */
export const FORM = { addr: 0x01, refAddr: 0x10, refSignature: 0x20, rnglistx: 0x23 } as const;
const INDEXED_ADDRESS: ReadonlySet<number> = new Set([0x1b, 0x29, 0x2a, 0x2b, 0x2c]);
const INDEXED_STRING: ReadonlySet<number> = new Set([0x1a, 0x25, 0x26, 0x27, 0x28]);
const INDIRECT = 0x16;
/** DW_OP_plus_uconst */
const PLUS_CONSTANT = 0x23;

/** What the values of a unit depend on. */
export interface FormContext {
  readonly version: number;
  readonly addressSize: number;
  /** 8 in the 64-bit form of DWARF, else 4. */
  readonly offsetSize: number;
  readonly str: Uint8Array | undefined;
  readonly lineStr: Uint8Array | undefined;
}

/** An attribute's value with its form: indices mean something only with the unit's bases, which may come after them. */
export interface Value {
  readonly form: number;
  readonly value: number | string;
}

export const isIndexedAddress = (form: number): boolean => INDEXED_ADDRESS.has(form);
export const isIndexedString = (form: number): boolean => INDEXED_STRING.has(form);

/** Where strings of the strx forms lie. */
export interface StringTables {
  readonly str: Uint8Array | undefined;
  /** Of a relocatable object with its relocations applied. */
  readonly offsets: Uint8Array | undefined;
}

/** The string that an index stands for. @param base DW_AT_str_offsets_base of the unit, which has a default where there is one unit */
export function indexedString(tables: StringTables, base: number | undefined, index: number, offsetSize: number) {
  if (tables.offsets === undefined) return undefined;
  const first = base ?? offsetSize * 2;
  return stringAt(tables.str, new Cursor(tables.offsets, first + index * offsetSize).unsigned(offsetSize));
}

/** Reads the value of a form; undefined for those that nothing here needs. @throws RangeError */
export function readForm(c: Cursor, form: number, implicit: number, unit: FormContext): Value | undefined {
  if (form === INDIRECT) return readForm(c, c.uleb(), 0, unit);
  const value = readValue(c, form, implicit, unit);
  return value === undefined ? undefined : { form, value };
}

function readValue(c: Cursor, form: number, implicit: number, unit: FormContext): number | string | undefined {
  switch (form) {
    case 0x01: // addr
      return c.unsigned(unit.addressSize);
    case 0x03: // block2
      return skip(c, c.u16());
    case 0x04: // block4
      return skip(c, c.u32());
    case 0x09: // block
    case 0x18: // exprloc
      return constantPlace(c, c.uleb());
    case 0x0a: // block1
      return constantPlace(c, c.u8());
    case 0x0b: // data1
    case 0x0c: // flag
    case 0x11: // ref1
    case 0x25: // strx1
    case 0x29: // addrx1
      return c.u8();
    case 0x05: // data2
    case 0x12: // ref2
    case 0x26: // strx2
    case 0x2a: // addrx2
      return c.u16();
    case 0x27: // strx3
    case 0x2b: // addrx3
      return c.u24();
    case 0x06: // data4
    case 0x13: // ref4
    case 0x1c: // ref_sup4
    case 0x28: // strx4
    case 0x2c: // addrx4
      return c.u32();
    case 0x07: // data8
    case 0x14: // ref8
    case 0x20: // ref_sig8
    case 0x24: // ref_sup8
      return c.u64();
    case 0x08: // string
      return c.string();
    case 0x0d: // sdata
      return c.sleb();
    case 0x0f: // udata
    case 0x15: // ref_udata
    case 0x1a: // strx
    case 0x1b: // addrx
    case 0x22: // loclistx
    case 0x23: // rnglistx
    case 0x1f01: // GNU_addr_index
    case 0x1f02: // GNU_str_index
      return c.uleb();
    case 0x0e: // strp
      return stringAt(unit.str, c.unsigned(unit.offsetSize));
    case 0x1f: // line_strp
      return stringAt(unit.lineStr, c.unsigned(unit.offsetSize));
    case 0x17: // sec_offset
      return c.unsigned(unit.offsetSize);
    case 0x10: // ref_addr
      return c.unsigned(unit.version === 2 ? unit.addressSize : unit.offsetSize);
    case 0x1d: // strp_sup
    case 0x1f20: // GNU_ref_alt
    case 0x1f21: // GNU_strp_alt
      return skip(c, unit.offsetSize);
    case 0x19: // flag_present
      return 1;
    case 0x1e: // data16
      return skip(c, 16);
    case 0x21: // implicit_const
      return implicit;
  }
  throw new RangeError(`unknown form ${form}`);
}

function skip(c: Cursor, bytes: number): undefined {
  c.skip(bytes);
  return undefined;
}

/** Old compilers give a member's place as an expression: DW_OP_plus_uconst n. */
function constantPlace(c: Cursor, length: number): number | undefined {
  const end = c.at + length;
  const value = length > 1 && c.u8() === PLUS_CONSTANT ? c.uleb() : undefined;
  c.at = end;
  c.skip(0);
  return value;
}
