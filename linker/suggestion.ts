import type { SymbolTable } from './resolution.ts';
import { placeOf } from './resolution.ts';

/** The defined name nearest to a missing one, or undefined when none is near. */
export function closestName(name: string, table: SymbolTable): { name: string; where: string } | undefined {
  const limit = name.length < 4 ? 0 : name.length < 8 ? 1 : 2;
  let best: { name: string; where: string } | undefined;
  let bestDistance = limit + 1;
  for (const entry of table.names.values()) {
    if (Math.abs(entry.name.length - name.length) > limit) continue;
    const symbol = entry.definitions.find((d) => d !== undefined);
    if (symbol === undefined) continue;
    const sameButCase = entry.name.toLowerCase() === name.toLowerCase();
    const distance = sameButCase ? 0.5 : editDistance(name, entry.name, bestDistance);
    if (distance >= bestDistance) continue;
    bestDistance = distance;
    best = { name: entry.name, where: placeOf(symbol) };
  }
  return best;
}

/** Levenshtein distance; gives up, returning `limit`, as soon as it cannot be smaller. */
export function editDistance(a: string, b: string, limit: number): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      const value = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + cost);
      next.push(value);
      least = Math.min(least, value);
    }
    if (least >= limit) return limit;
    row = next;
  }
  return row[b.length]!;
}
