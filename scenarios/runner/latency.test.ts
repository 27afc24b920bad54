import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Latencies, merged } from './latency.ts';

const record = (values: readonly number[]): Latencies => {
  const latencies = new Latencies();
  for (const value of values) latencies.record(value);
  return latencies;
};

describe('latencies', () => {
  it('have the mean exactly and the percentiles to three digits', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1e9 }), { minLength: 1, maxLength: 300 }), (values) => {
        const summary = record(values).summary()!;
        assert.equal(summary.count, values.length);
        assert.ok(Math.abs(summary.mean - values.reduce((a, b) => a + b) / values.length) < 1e-3);
        const sorted = values.toSorted((a, b) => a - b);
        for (const [percent, found] of [
          [50, summary.p50],
          [95, summary.p95],
          [99, summary.p99],
        ] as const) {
          const exact = sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length - 1e-9) - 1)]!;
          assert.ok(Math.abs(found - exact) <= exact / 1000 + 1, `p${percent}: ${found} for ${exact}`);
        }
      }),
    );
  });

  it('of several runs are those of one long run', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.integer({ min: 1, max: 1e8 }), { maxLength: 50 }), { maxLength: 4 }), (runs) => {
        const together = merged(runs.map((run) => record(run).recorded()));
        assert.deepEqual(together.distribution(), record(runs.flat()).distribution());
        assert.equal(together.summary()?.mean, record(runs.flat()).summary()?.mean);
      }),
      { numRuns: 30 },
    );
  });

  it('of nothing are nothing', () => {
    assert.equal(new Latencies().summary(), undefined);
    assert.deepEqual(new Latencies().distribution(), []);
  });
});
