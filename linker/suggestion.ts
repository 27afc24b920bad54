import { editDistance } from '../base/edit-distance.ts';
import type { SymbolTable } from './resolution.ts';
import { placeOf } from './resolution.ts';
import type { LinkSymbol } from './symbol.ts';

/** How many letters a name may be off and still be taken for a slip of the pen. */
export const mostLettersOff = (name: string): number => (name.length < 4 ? 0 : name.length < 8 ? 1 : 2);

/** The defined name nearest to a missing one, or undefined when none is near. */
export function closestName(name: string, table: SymbolTable): { name: string; where: string } | undefined {
  const limit = mostLettersOff(name);
  let best: LinkSymbol | undefined;
  let bestDistance = limit + 1;
  for (const entry of table.names.values()) {
    if (Math.abs(entry.name.length - name.length) > limit) continue;
    const symbol = entry.definitions.find((d) => d !== undefined);
    if (symbol === undefined) continue;
    const sameButCase = entry.name.toLowerCase() === name.toLowerCase();
    const distance = sameButCase ? 0.5 : editDistance(name, entry.name, bestDistance);
    if (distance >= bestDistance) continue;
    bestDistance = distance;
    best = symbol;
  }
  return best === undefined ? undefined : { name: best.name, where: placeOf(best) };
}
