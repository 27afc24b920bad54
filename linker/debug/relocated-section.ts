import type { InputSection } from '../section.ts';

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
