// Headers of units in .debug_info and .debug_types (DWARF 5, section 7.5.1; versions 2 to 5, both forms).

import type { Cursor } from './cursor.ts';

const WIDE = 0xffffffff;
const RESERVED = 0xfffffff0;
/** DW_UT_type, _split_type: a signature and an offset follow; DW_UT_skeleton, _split_compile: an identity does. */
const TYPE_KINDS: readonly number[] = [0x02, 0x06];
const SPLIT_KINDS: readonly number[] = [0x04, 0x05];

/** What stands before a unit's entries. */
export interface UnitHeader {
  readonly start: number;
  readonly end: number;
  readonly version: number;
  /** 8 in the 64-bit form of DWARF, else 4. */
  readonly offsetSize: number;
  readonly addressSize: number;
  /** Where its abbreviations begin. */
  readonly abbreviations: number;
}

export const isKnownVersion = (version: number): boolean => version >= 2 && version <= 5;

/**
 * Reads a header and leaves the cursor behind it; of a version that is not known only the first three fields mean something.
 * @param isTypes whether the section is .debug_types, where every unit of version 4 has a signature
 * @throws RangeError
 */
export function readUnitHeader(c: Cursor, isTypes = false): UnitHeader {
  const start = c.at;
  let length = c.u32();
  const offsetSize = length === WIDE ? 8 : 4;
  if (length === WIDE) length = c.u64();
  else if (length >= RESERVED) throw new RangeError('a reserved length');
  const end = c.at + length;
  if (end > c.bytes.length) throw new RangeError('a unit beyond the end');
  const version = c.u16();
  let [addressSize, abbreviations] = [0, 0];
  if (version >= 5 && isKnownVersion(version)) {
    const kind = c.u8();
    addressSize = c.u8();
    abbreviations = c.unsigned(offsetSize);
    if (TYPE_KINDS.includes(kind)) c.skip(8 + offsetSize);
    else if (SPLIT_KINDS.includes(kind)) c.skip(8);
  } else if (isKnownVersion(version)) {
    abbreviations = c.unsigned(offsetSize);
    addressSize = c.u8();
    if (isTypes) c.skip(8 + offsetSize);
  }
  return { start, end, version, offsetSize, addressSize, abbreviations };
}
