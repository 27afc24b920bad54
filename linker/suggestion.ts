import { editDistance } from '../base/edit-distance.ts';
import type { SymbolTable } from './resolution.ts';
import { placeOf } from './resolution.ts';
import type { LinkSymbol } from './symbol.ts';

/** How many letters a name may be off and still be taken for a slip of the pen. */
export const mostLettersOff = (name: string): number => (name.length < 4 ? 0 : name.length < 8 ? 1 : 2);

/** The plain name of a C++ function outside of namespaces (Itanium C++ ABI, section 5.1.2), or undefined. */
function plainName(mangled: string): string | undefined {
  const [, length, rest] = /^_Z(\d+)(.+)$/.exec(mangled) ?? [];
  return rest !== undefined && rest.length > Number(length) ? rest.slice(0, Number(length)) : undefined;
}

/** What to do about a missing function that is there in the other language's way: C++ adds the parameters to a name, C does not. */
export function linkageHint(name: string, table: SymbolTable): string | undefined {
  const defined = (one: string): LinkSymbol | undefined =>
    table.names.get(one)?.definitions.find((d) => d !== undefined);
  const plain = plainName(name);
  if (plain !== undefined) {
    const own = defined(plain);
    return own && `did you mean extern "C" ${plain}? It is so in ${placeOf(own)}: declare it extern "C" here, too`;
  }
  const prefix = `_Z${name.length}${name}`;
  for (const mangled of table.names.keys()) {
    const own = mangled.startsWith(prefix) && plainName(mangled) === name ? defined(mangled) : undefined;
    if (own !== undefined)
      return `did you mean ${mangled} of C++? It is defined in ${placeOf(own)}: declare it extern "C" there, too`;
  }
  return undefined;
}

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
