import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type RandomStream, randomStreams, Zipf } from './random.ts';

const take = (stream: RandomStream, count: number): number[] => Array.from({ length: count }, () => stream.fraction());

describe('random streams', () => {
  it('are the same for the same seed, and different from each other', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), (seed) => {
        const [a, b] = randomStreams(seed, 2).map((stream) => take(stream, 20));
        const [again] = randomStreams(seed, 1).map((stream) => take(stream, 20));
        assert.deepEqual(a, again);
        assert.notDeepEqual(a, b);
      }),
    );
  });

  it('give permutations', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), fc.integer({ min: 0, max: 100 }), (seed, count) => {
        const order = randomStreams(seed, 1)[0]!.permutation(count);
        assert.deepEqual(
          order.toSorted((a, b) => a - b),
          [...Array(count).keys()],
        );
      }),
    );
  });

  it('give exponential times with the mean asked for', () => {
    const stream = randomStreams(7, 1)[0]!;
    const count = 20_000;
    const sum = Array.from({ length: count }, () => stream.exponential(50)).reduce((a, b) => a + b);
    // Six standard errors.
    assert.ok(Math.abs(sum / count - 50) < (6 * 50) / Math.sqrt(count));
  });
});

describe('Zipf', () => {
  it('draws ranks as often as the law says', () => {
    const stream = randomStreams(3, 1)[0]!;
    const zipf = new Zipf(4, 1);
    const draws = 48_000;
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < draws; i++) counts[zipf.draw(stream)]!++;
    const total = 1 + 1 / 2 + 1 / 3 + 1 / 4;
    for (const [rank, count] of counts.entries()) {
      const share = 1 / (rank + 1) / total;
      assert.ok(Math.abs(count / draws - share) < 6 * Math.sqrt((share * (1 - share)) / draws), `rank ${rank}`);
    }
  });

  it('stays within its ranks', () => {
    const edge = { fraction: () => 1 - 2 ** -53 } as RandomStream;
    assert.equal(new Zipf(1000, 0.99).draw(edge), 999);
    assert.equal(new Zipf(1, 5).draw(edge), 0);
  });
});
