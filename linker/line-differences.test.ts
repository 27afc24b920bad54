import assert from 'node:assert/strict';
import fc from 'fast-check';
import { alignLines } from './line-differences.ts';

describe('aligning lines', () => {
  const lines = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 30 });

  it('every line once, in order, and equal where they share a row', () => {
    fc.assert(
      fc.property(lines, lines, (left, right) => {
        const rows = alignLines(left, right);
        assert.deepEqual(
          rows.flatMap(([l]) => (l === undefined ? [] : [l])),
          [...left.keys()],
        );
        assert.deepEqual(
          rows.flatMap(([, r]) => (r === undefined ? [] : [r])),
          [...right.keys()],
        );
        for (const [l, r] of rows) if (l !== undefined && r !== undefined) assert.equal(left[l], right[r]);
      }),
    );
  });

  it('as many shared rows as there can be', () => {
    const longest = (a: readonly string[], b: readonly string[]): number => {
      let row = new Array<number>(b.length + 1).fill(0);
      for (const x of a) {
        const next = [0];
        for (const [j, y] of b.entries()) next.push(x === y ? row[j]! + 1 : Math.max(next[j]!, row[j + 1]!));
        row = next;
      }
      return row.at(-1)!;
    };
    fc.assert(
      fc.property(lines, lines, (left, right) => {
        const shared = alignLines(left, right).filter(([l, r]) => l !== undefined && r !== undefined).length;
        assert.equal(shared, longest(left, right));
      }),
    );
  });
});
