// Whether a fat object still has the symbols that it was made with. Tools that take the local ones away cannot reach the stored variants:
// their static variables and functions would no longer find the default variant's, and each variant would have its own.

import {
  EHDR_SIZE,
  readU64,
  SHDR_SIZE,
  SHN_UNDEF,
  SHT_SYMTAB,
  STT_FUNC,
  STT_GNU_IFUNC,
  STT_OBJECT,
  STT_TLS,
  SYM_SIZE,
} from './elf.ts';
import { InputError } from './errors.ts';
import { SYMBOL_COUNT } from './fat-object.ts';

const COUNTED: ReadonlySet<number> = new Set([STT_OBJECT, STT_FUNC, STT_TLS, STT_GNU_IFUNC]);
const DOT = 0x2e;
const UNDERSCORE = 0x5f;

/**
 * How many functions and objects an ELF64 file names, global ones too, since objcopy may turn the one kind into the other. Labels of
 * the compiler's own do not count (`.L...`, `_.L_...`): `strip -X` takes them away, and nothing pairs by them.
 */
export function countSymbols(bytes: Uint8Array): number {
  if (bytes.length < EHDR_SIZE) return 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shoff = readU64(view, 40);
  if (shoff === 0 || shoff + SHDR_SIZE > bytes.length) return 0;
  const sections = view.getUint16(60, true) || readU64(view, shoff + 32);
  if (shoff + sections * SHDR_SIZE > bytes.length) return 0;
  let count = 0;
  for (let i = 1; i < sections; i++) {
    const header = shoff + i * SHDR_SIZE;
    if (view.getUint32(header + 4, true) !== SHT_SYMTAB) continue;
    const link = view.getUint32(header + 40, true);
    const names = link < sections ? readU64(view, shoff + link * SHDR_SIZE + 24) : bytes.length;
    const start = readU64(view, header + 24);
    // A table that goes beyond the end is told by whoever reads the object.
    const end = Math.min(start + readU64(view, header + 32), bytes.length);
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
