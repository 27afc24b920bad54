import assert from 'node:assert/strict';
import { grouped, microseconds, parseDuration, signedPercent } from './units.ts';

describe('units', () => {
  it('reads durations', () => {
    assert.equal(parseDuration('--think', '250us'), 250e3);
    assert.equal(parseDuration('--think', '1.5ms'), 1.5e6);
    assert.equal(parseDuration('--think', '2s'), 2e9);
    for (const wrong of ['', '5', 'us', '-1us', '1 us', '1h', '1e3us'])
      assert.throws(() => parseDuration('--think', wrong), /--think cannot be/);
  });

  it('writes numbers', () => {
    assert.equal(grouped(1234567.8), '1 234 568');
    assert.equal(grouped(999), '999');
    assert.equal(microseconds(87_440), '87.44');
    assert.equal(microseconds(1_204_400), '1204');
    assert.equal(signedPercent(5.944), '+5.94 %');
    assert.equal(signedPercent(-0.1), '−0.10 %');
  });
});
