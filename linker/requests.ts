// Whether what the options ask for by name or by number can be had.

import { type Diagnostics, LinkError } from './errors.ts';
import { COMMON } from './object.ts';
import type { LinkOptions } from './options.ts';
import type { SymbolTable } from './resolution.ts';
import { closestName } from './suggestion.ts';

/**
 * Segments are mapped by pages, so an address between two of them makes a file that no kernel can start.
 * @throws LinkError `link.image-base`
 */
export function checkImageBase(base: number | undefined, isPie: boolean, page: number): void {
  if (base === undefined) return;
  const least = isPie ? 0 : 0x1000;
  if (Number.isSafeInteger(base) && base >= least && base <= 0x7fff_0000_0000 && base % page === 0) return;
  throw new LinkError('link.image-base', `the program cannot begin at 0x${base.toString(16)}`, {
    hint: `give a multiple of 0x${page.toString(16)}, from 0x${least.toString(16)} to 0x7fff00000000`,
  });
}

/** What `--require-defined` names must be there, whether or not anything refers to it. */
export function checkRequired(
  { requiredSymbols = [] }: LinkOptions,
  table: SymbolTable,
  diagnostics: Diagnostics,
): void {
  for (const name of requiredSymbols) {
    if (table.lookup(name, COMMON) !== undefined) continue;
    const near = closestName(name, table);
    diagnostics.error(
      'link.undefined-symbol',
      `undefined symbol: ${name}`,
      [{ role: 'required by', where: '--require-defined' }],
      near === undefined ? 'give the object or archive that defines it' : `did you mean ${near.name} of ${near.where}?`,
      { symbol: name },
    );
  }
}
