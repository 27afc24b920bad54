import assert from 'node:assert/strict';
import { randomStreams } from './random.ts';
import { meanWithInterval, relativeChange } from './statistics.ts';

describe('confidence intervals', () => {
  it('agree with a worked example', () => {
    // Student's own kind: n = 5, mean 10, s = sqrt(2.5), t(4) = 2.776.
    const { mean, low, high } = meanWithInterval([8, 9, 10, 11, 12]);
    assert.equal(mean, 10);
    assert.ok(Math.abs(high! - 10 - (2.776 * Math.sqrt(2.5)) / Math.sqrt(5)) < 1e-9);
    assert.ok(Math.abs(10 - low! - (high! - 10)) < 1e-9);
  });

  it('hold the true mean in about 95 of 100 samples', () => {
    const stream = randomStreams(11, 1)[0]!;
    const rounds = 2000;
    let held = 0;
    for (let round = 0; round < rounds; round++) {
      // Sums of twelve uniform numbers: nearly normal with mean 6.
      const sample = Array.from({ length: 5 }, () =>
        Array.from({ length: 12 }, () => stream.fraction()).reduce((a, b) => a + b),
      );
      const { low, high } = meanWithInterval(sample);
      if (low! <= 6 && 6 <= high!) held++;
    }
    assert.ok(held / rounds > 0.93 && held / rounds < 0.97, `${held / rounds}`);
  });

  it('are absent for one value', () => {
    assert.deepEqual(relativeChange([110], [100]), { percent: 10.000000000000009, low: undefined, high: undefined });
  });
});

describe('relative change', () => {
  it('is paired: what a seed does to both cancels out', () => {
    const { percent, low, high } = relativeChange([105, 210, 420], [100, 200, 400])!;
    for (const value of [percent, low!, high!]) assert.ok(Math.abs(value - 5) < 1e-9);
  });

  it('is nothing without pairs', () => {
    assert.equal(relativeChange([], []), undefined);
    assert.equal(relativeChange([1], [1, 2]), undefined);
  });
});
