import assert from 'node:assert/strict';
import { SeededRandom } from './random.ts';

describe('SeededRandom', () => {
  const sample = (seed: number, stream: string) =>
    Buffer.from(new SeededRandom(seed, stream).bytes(33)).toString('hex');

  it('repeats itself for the same seed and stream', () => {
    assert.equal(sample(1, 'kernel'), sample(1, 'kernel'));
  });

  it('differs between seeds, also between those that agree in their low 32 bits, and between streams', () => {
    const all = [sample(1, 'a'), sample(2, 'a'), sample(1 + 2 ** 32, 'a'), sample(1, 'b'), sample(0, 'a')];
    assert.equal(new Set(all).size, all.length);
  });

  it('spreads over all values', () => {
    const bytes = new SeededRandom(7, 'spread').bytes(65536);
    const counts = new Uint32Array(256);
    for (const byte of bytes) counts[byte]!++;
    assert.ok(
      counts.every((count) => count > 150 && count < 370),
      `${counts}`,
    ); // 256 expected, sigma 16
  });
});
