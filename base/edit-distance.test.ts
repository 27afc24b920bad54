import assert from 'node:assert/strict';
import fc from 'fast-check';
import { editDistance } from './edit-distance.ts';

describe('editDistance', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 7 });

  it('counts each kind of edit once', () => {
    const cases: readonly (readonly [string, string, number])[] = [
      ['', 'link', 4],
      ['link', 'link', 0],
      ['lnk', 'link', 1],
      ['linnk', 'link', 1],
      ['lonk', 'link', 1],
      ['ilnk', 'link', 1],
      ['inspect', 'link', 6],
    ];
    for (const [a, b, distance] of cases) assert.equal(editDistance(a, b), distance, `${a} to ${b}`);
  });

  it('is symmetric, 0 for equal words alone, and not above the longer length', () => {
    fc.assert(
      fc.property(word, word, (a, b) => {
        const distance = editDistance(a, b);
        assert.equal(editDistance(b, a), distance);
        assert.equal(distance === 0, a === b);
        assert.ok(distance <= Math.max(a.length, b.length));
      }),
    );
  });

  it('differs under a limit only where the distance reaches it', () => {
    fc.assert(
      fc.property(word, word, fc.integer({ min: 1, max: 5 }), (a, b, limit) => {
        assert.equal(editDistance(a, b, limit), Math.min(editDistance(a, b), limit));
      }),
    );
  });
});
