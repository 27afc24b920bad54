import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { JumpableRandomGenerator } from 'pure-rand/types/JumpableRandomGenerator';

/** One stream of random numbers. Streams of one seed do not overlap: each starts 2^64 steps after the one before (xoroshiro's jump). */
export class RandomStream {
  readonly #generator: JumpableRandomGenerator;

  constructor(generator: JumpableRandomGenerator) {
    this.#generator = generator;
  }

  /** From 0 (included) to 1 (excluded). */
  fraction(): number {
    return uniformFloat64(this.#generator);
  }

  /** A whole number from `least` to `most`, both included. */
  integer(least: number, most: number): number {
    return uniformInt(this.#generator, least, most);
  }

  /** Exponentially distributed with the given mean: the times between events that do not know of each other. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.fraction());
  }

  /** The numbers below `count` in random order (Fisher and Yates). */
  permutation(count: number): number[] {
    const order = Array.from({ length: count }, (_, index) => index);
    for (let last = count - 1; last > 0; last--) {
      const other = this.integer(0, last);
      [order[last], order[other]] = [order[other]!, order[last]!];
    }
    return order;
  }
}

/** `count` independent streams; the same seed gives the same ones. */
export function randomStreams(seed: number, count: number): RandomStream[] {
  const first = xoroshiro128plus(seed);
  return Array.from({ length: count }, () => {
    const stream = new RandomStream(first.clone());
    first.jump();
    return stream;
  });
}

/** Draws ranks from 0 with probability proportional to 1 / (rank + 1)^exponent: Zipf's law, as requests for cached keys follow it. */
export class Zipf {
  /** Probability of a rank up to this one. */
  readonly #cumulative: Float64Array;

  constructor(count: number, exponent: number) {
    const weights = Float64Array.from({ length: count }, (_, rank) => (rank + 1) ** -exponent);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    let sum = 0;
    this.#cumulative = weights.map((weight) => {
      sum += weight;
      return sum / total;
    });
  }

  draw(stream: RandomStream): number {
    const fraction = stream.fraction();
    let low = 0;
    let high = this.#cumulative.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#cumulative[middle]! > fraction) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
