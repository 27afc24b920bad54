/** One row of two texts beside each other; undefined where only the other has a line. */
export type Row = readonly [left: number | undefined, right: number | undefined];

/**
 * Aligns two lists of lines by their longest common subsequence: equal lines share a row, the others stand alone, left before right.
 * Takes time in proportion to the product of the lengths that remain without common beginning and end.
 */
export function alignLines(left: readonly string[], right: readonly string[]): Row[] {
  let start = 0;
  while (start < left.length && start < right.length && left[start] === right[start]) start++;
  let tail = 0;
  const rest = Math.min(left.length, right.length) - start;
  while (tail < rest && left[left.length - 1 - tail] === right[right.length - 1 - tail]) tail++;
  const [n, m] = [left.length - start - tail, right.length - start - tail];
  const width = m + 1;
  // Length of the longest common subsequence of what follows (i, j).
  const best = new Uint32Array((n + 1) * width);
  for (let i = n - 1; i >= 0; i--) {
    for (let j = m - 1; j >= 0; j--) {
      const at = i * width + j;
      best[at] =
        left[start + i] === right[start + j] ? best[at + width + 1]! + 1 : Math.max(best[at + width]!, best[at + 1]!);
    }
  }
  const rows: Row[] = [];
  for (let i = 0; i < start; i++) rows.push([i, i]);
  let [i, j] = [0, 0];
  while (i < n || j < m) {
    if (i < n && j < m && left[start + i] === right[start + j]) rows.push([start + i++, start + j++]);
    else if (i < n && (j === m || best[(i + 1) * width + j]! >= best[i * width + j + 1]!))
      rows.push([start + i++, undefined]);
    else rows.push([undefined, start + j++]);
  }
  for (let k = tail; k > 0; k--) rows.push([left.length - k, right.length - k]);
  return rows;
}
