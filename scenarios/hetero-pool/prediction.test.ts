import assert from 'node:assert/strict';
import fc from 'fast-check';
import { configurations } from './configurations.ts';
import { type JobTimes, paperArithmetic, paperTimes, predict } from './prediction.ts';

const even = { f: 10, m: 10, plain: 2, extended: 2 };
const near = (actual: number, expected: number): void =>
  assert.ok(Math.abs(actual - expected) < 0.005, `${actual}, not ${expected}`);

describe('predictions for the pool', () => {
  it('are those of the paper’s figures for equal numbers', () => {
    const paper = paperArithmetic(paperTimes);
    near(paper.common!, 58.1);
    near(paper['melf-blind']!, 53.025);
    near(paper['melf-aware']!, 47.95);
    near(predict('common', paperTimes, even)!.makespan, (58.1 * 20) / 4);
    near(predict('melf-aware', paperTimes, even)!.makespan, (47.95 * 20) / 4);
    near(predict('melf-strict', paperTimes, even)!.makespan, (57.9 * 10) / 2);
  });

  it('exist for every configuration that ends', () => {
    for (const { id, dies } of configurations) assert.equal(predict(id, paperTimes, even) === undefined, dies, id);
  });

  it('knowing more is never slower, and nothing beats the work itself', () => {
    const times = fc.record({
      fPlain: fc.double({ min: 1, max: 100, noNaN: true }),
      mPlain: fc.double({ min: 1, max: 100, noNaN: true }),
      gain: fc.double({ min: 0.1, max: 1, noNaN: true }),
    });
    const work = fc.record({
      f: fc.integer({ min: 1, max: 100 }),
      m: fc.integer({ min: 1, max: 100 }),
      plain: fc.integer({ min: 1, max: 8 }),
      extended: fc.integer({ min: 1, max: 8 }),
    });
    fc.assert(
      fc.property(times, work, ({ fPlain, mPlain, gain }, one) => {
        const cells: JobTimes = { fPlain, mPlain, fExtended: fPlain, mExtended: mPlain * gain };
        const span = (id: string): number => predict(id, cells, one)!.makespan;
        const slack = 1 + 1e-9;
        assert.ok(span('melf-blind') <= span('common') * slack);
        assert.ok(span('melf-aware') <= span('melf-blind') * slack);
        assert.ok(span('melf-aware') <= span('melf-strict') * slack);
        const least = (one.f * fPlain + one.m * mPlain * gain) / (one.plain + one.extended);
        assert.ok(span('melf-aware') * slack >= least);
      }),
    );
  });
});
