import type { InputSection } from '../section.ts';

/** Sections of an object all begin at 0: here each has addresses of its own. */
const SECTION_SPAN = 2 ** 32;

/** An address that tells the section. */
export const addressIn = (section: InputSection): number => (section.index + 1) * SECTION_SPAN;

/**
 * A copy of a section of debug information with the offsets into other such sections that relocations stand for.
 * @param addressIn where a section of code or data begins; without it addresses stay as they are
 */
export function relocatedCopy(section: InputSection, addressIn?: (target: InputSection) => number): Uint8Array {
  const bytes = section.data.slice();
  const view = new DataView(bytes.buffer);
  const { first, last, offsets, symbols, addends } = section.relocations;
  for (let i = first; i < last; i++) {
    const { section: target, value } = section.file.symbols[symbols[i]!]!;
    if (target === undefined) continue;
    const at = offsets[i]!;
    const to = value + addends[i]!;
    if (!target.isAlloc) {
      if (at + 4 <= bytes.length) view.setUint32(at, to, true);
    } else if (addressIn !== undefined && at + 8 <= bytes.length) {
      view.setBigUint64(at, BigInt(addressIn(target) + to), true);
    }
  }
  return bytes;
}
