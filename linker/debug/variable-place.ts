// Where variables are, as far as that is one address (DWARF 5, section 2.5: expressions).

import type { Cursor } from './cursor.ts';
import { type FormContext, readForm } from './forms.ts';

const FORMS: ReadonlyMap<number, (c: Cursor) => number> = new Map([
  [0x09, (c) => c.uleb()], // block
  [0x0a, (c) => c.u8()], // block1, before version 4
  [0x18, (c) => c.uleb()], // exprloc
]);
const OP = { addr: 0x03, const4u: 0x0c, const8u: 0x0e, addrx: 0xa1, gnuAddrIndex: 0xfb } as const;
/** DW_OP_form_tls_address and GNU's before version 5, behind an offset in the block of thread-local variables. */
const THREAD_LOCAL: ReadonlySet<number> = new Set([0x9b, 0xe0]);

/**
 * Reads the place of a variable; undefined for one that is in a register, on the stack, in several places or optimised away. That of a
 * thread-local one counts from the start of its section, as the relocation has it.
 * @param indexed the address of an index
 */
export function readFixedPlace(
  c: Cursor,
  form: number,
  implicit: number,
  unit: FormContext,
  indexed: (index: number) => number | undefined,
): number | undefined {
  const length = FORMS.get(form)?.(c);
  if (length === undefined) {
    readForm(c, form, implicit, unit);
    return undefined;
  }
  const end = c.at + length;
  if (end > c.bytes.length) throw new RangeError('a place beyond the end');
  const place = length === 0 ? undefined : readExpression(c, end, unit, indexed);
  c.at = end;
  return place;
}

function readExpression(
  c: Cursor,
  end: number,
  unit: FormContext,
  indexed: (index: number) => number | undefined,
): number | undefined {
  const rest = end - c.at - 1;
  switch (c.u8()) {
    case OP.addr: {
      // Something behind it makes the address a value.
      return rest === unit.addressSize ? c.unsigned(rest) : undefined;
    }
    case OP.addrx:
    case OP.gnuAddrIndex: {
      const index = c.uleb();
      return c.at === end ? (indexed(index) ?? 0) : undefined;
    }
    case OP.const4u:
    case OP.const8u: {
      const width = c.bytes[c.at - 1] === OP.const4u ? 4 : 8;
      if (rest !== width + 1) return undefined;
      const offset = c.unsigned(width);
      return THREAD_LOCAL.has(c.u8()) ? offset : undefined;
    }
  }
  return undefined;
}
