import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';

/** 32-bit FNV-1a: tells the streams of one seed apart. */
function hash(text: string, seed: number): number {
  let value = (0x811c9dc5 ^ seed) >>> 0;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193) >>> 0;
  return value;
}

/** Random numbers from the run's seed. Each purpose has its own named stream, so that a new user does not shift the others. */
export class SeededRandom {
  readonly #generator;

  constructor(seed: number, stream: string) {
    const low = seed >>> 0;
    const high = Math.floor(seed / 2 ** 32) >>> 0;
    const state = [hash(stream, low), hash(stream, high ^ 0x9e3779b9), low ^ 0x6a09e667, high ^ 0xbb67ae85];
    this.#generator = xoroshiro128plusFromState(state.map((word) => word | 0));
    for (let i = 0; i < 16; i++) this.#generator.next(); // similar seeds start alike: let them part
  }

  /** Uniform unsigned 32-bit integer. */
  u32(): number {
    return this.#generator.next() >>> 0;
  }

  /** Uniform unsigned 64-bit integer. */
  u64(): bigint {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32());
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let index = 0; index < length; index += 4) {
      const word = this.u32();
      for (let byte = 0; byte < 4 && index + byte < length; byte++) bytes[index + byte] = word >>> (8 * byte);
    }
    return bytes;
  }
}
