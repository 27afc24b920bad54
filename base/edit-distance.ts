/**
 * Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`: the restricted Damerau-Levenshtein distance.
 * Gives up, returning `limit`, as soon as it cannot be smaller.
 */
export function editDistance(a: string, b: string, limit = Number.POSITIVE_INFINITY): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, replaced, isSwap ? before[j - 2]! + 1 : replaced));
    }
    // A swap reaches over a row: only two rows that are both too far say that nothing nearer can follow.
    if (Math.min(...next) >= limit && Math.min(...row) >= limit) return limit;
    before = row;
    row = next;
  }
  return Math.min(row[b.length]!, limit);
}
