// Whether a fat object still has the symbols that it was made with. Tools that take away, rename or rebind them cannot reach the stored
// variants: their functions and statics would no longer find the default variant's, and each variant would have its own.

import {
  SHN_UNDEF,
  SHT_SYMTAB,
  STB_LOCAL,
  STB_WEAK,
  STT_FUNC,
  STT_GNU_IFUNC,
  STT_OBJECT,
  STT_TLS,
  SYM_SIZE,
} from './elf.ts';
import { InputError } from './errors.ts';
import { censusIn, type SymbolCensus } from './fat-object.ts';
import { findSectionHeaders } from './section-headers.ts';

const COUNTED: ReadonlySet<number> = new Set([STT_OBJECT, STT_FUNC, STT_TLS, STT_GNU_IFUNC]);
const DOT = 0x2e;
const UNDERSCORE = 0x5f;

/** FNV-1a of the zero-terminated text at an offset. */
function hashText(bytes: Uint8Array, at: number): number {
  let hash = 0x811c9dc5;
  for (let i = at; i < bytes.length && bytes[i] !== 0; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash;
}

/**
 * The functions and objects that an ELF64 file names, global ones too, since objcopy may turn the one kind into the other. Labels of
 * the compiler's own do not count (`.L...`, `_.L_...`): `strip -X` takes them away, and nothing pairs by them.
 */
export function takeCensus(bytes: Uint8Array): SymbolCensus {
  const headers = findSectionHeaders(bytes);
  let [count, strong, hash] = [0, 0, 0];
  if (headers === undefined) return { count, strong, hash };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const table of headers.ofType(SHT_SYMTAB)) {
    const link = headers.link(table);
    const names = link < headers.count ? headers.offset(link) : bytes.length;
    const start = headers.offset(table);
    // A table that goes beyond the end is told by whoever reads the object.
    const end = Math.min(start + headers.size(table), bytes.length);
    for (let at = start; at + SYM_SIZE <= end; at += SYM_SIZE) {
      const name = names + view.getUint32(at, true);
      const binding = bytes[at + 4]! >> 4;
      if (view.getUint16(at + 6, true) === SHN_UNDEF) {
        if (binding !== STB_LOCAL) hash = (hash + hashText(bytes, name)) >>> 0;
        continue;
      }
      if (!COUNTED.has(bytes[at + 4]! & 15)) continue;
      const isOwnLabel = bytes[name] === DOT || (bytes[name] === UNDERSCORE && bytes[name + 1] === DOT);
      if (isOwnLabel) continue;
      count++;
      if (binding !== STB_LOCAL && binding !== STB_WEAK) strong++;
      hash = (hash + hashText(bytes, name)) >>> 0;
    }
  }
  return { count, strong, hash };
}

const DEFAULT_ONLY = "which changes its default variant's only";
const AGAIN =
  'in the sources (or by -D), or list the source under [common] in melf.toml, so that its object is an ordinary one';

/**
 * Checks a fat object against the contents of its section.
 * @throws InputError with code `link.stripped` or `link.symbols-changed`
 */
export function assertSymbols(bytes: Uint8Array, fat: Uint8Array, where: string): void {
  const made = censusIn(fat);
  if (made === undefined) return;
  const left = takeCensus(bytes);
  if (left.count < made.count) {
    throw new InputError(
      'link.stripped',
      where,
      `it was stripped of local symbols (${made.count - left.count} of ${made.count} names of functions and variables are gone), by which the statics of its variants are shared`,
      'compile it again; strip objects with -g or -X only (objcopy --strip-debug, --discard-locals), or strip the executable',
      { made: made.count, left: left.count },
    );
  }
  // Symbols that were added say nothing about those that were there.
  if (left.count === made.count && left.hash !== made.hash) {
    throw new InputError(
      'link.symbols-changed',
      where,
      `symbols of it were renamed (as by objcopy --prefix-symbols or --redefine-sym), ${DEFAULT_ONLY}`,
      `compile it again; rename ${AGAIN}`,
    );
  }
  if (left.strong < made.strong) {
    throw new InputError(
      'link.symbols-changed',
      where,
      `${made.strong - left.strong} of its ${made.strong} global symbols were made local or weak (as by objcopy --localize-symbol or --weaken), ${DEFAULT_ONLY}`,
      `compile it again; make them static or weak ${AGAIN}`,
      { made: made.strong, left: left.strong },
    );
  }
}
