// Whether a fat object still has the symbols that it was made with. Tools that take the local ones away cannot reach the stored variants:
// their static variables and functions would no longer find the default variant's, and each variant would have its own.

import { SHN_UNDEF, SHT_SYMTAB, STT_FUNC, STT_GNU_IFUNC, STT_OBJECT, STT_TLS, SYM_SIZE } from './elf.ts';
import { InputError } from './errors.ts';
import { SYMBOL_COUNT } from './fat-object.ts';
import { findSectionHeaders } from './section-headers.ts';

const COUNTED: ReadonlySet<number> = new Set([STT_OBJECT, STT_FUNC, STT_TLS, STT_GNU_IFUNC]);
const DOT = 0x2e;
const UNDERSCORE = 0x5f;

/**
 * How many functions and objects an ELF64 file names, global ones too, since objcopy may turn the one kind into the other. Labels of
 * the compiler's own do not count (`.L...`, `_.L_...`): `strip -X` takes them away, and nothing pairs by them.
 */
export function countSymbols(bytes: Uint8Array): number {
  const headers = findSectionHeaders(bytes);
  if (headers === undefined) return 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let count = 0;
  for (const table of headers.ofType(SHT_SYMTAB)) {
    const link = headers.link(table);
    const names = link < headers.count ? headers.offset(link) : bytes.length;
    const start = headers.offset(table);
    // A table that goes beyond the end is told by whoever reads the object.
    const end = Math.min(start + headers.size(table), bytes.length);
    for (let at = start; at + SYM_SIZE <= end; at += SYM_SIZE) {
      if (!COUNTED.has(bytes[at + 4]! & 15) || view.getUint16(at + 6, true) === SHN_UNDEF) continue;
      const name = names + view.getUint32(at, true);
      const isOwnLabel = bytes[name] === DOT || (bytes[name] === UNDERSCORE && bytes[name + 1] === DOT);
      if (!isOwnLabel) count++;
    }
  }
  return count;
}

/**
 * Checks a fat object against the contents of its section.
 * @throws InputError with code `link.stripped`
 */
export function assertUnstripped(bytes: Uint8Array, fat: Uint8Array, where: string): void {
  if (fat.length < SYMBOL_COUNT + 4) return;
  const made = new DataView(fat.buffer, fat.byteOffset, fat.byteLength).getUint32(SYMBOL_COUNT, true);
  const left = countSymbols(bytes);
  if (left >= made) return;
  throw new InputError(
    'link.stripped',
    where,
    `it was stripped of local symbols (${made - left} of ${made} names of functions and variables are gone), by which the statics of its variants are shared`,
    'compile it again; strip objects with -g or -X only (objcopy --strip-debug, --discard-locals), or strip the executable',
    { made, left },
  );
}
