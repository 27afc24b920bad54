import { Errno } from '../../errno.ts';
import { anonymousStat } from './anonymous-stat.ts';
import { OpenFile } from './open-file.ts';
import { OpenFlag } from './open-flags.ts';
import { PollEvent, READABLE, WRITABLE } from './poll-events.ts';
import type { FileStat } from './stat.ts';

const LIMIT = 0xffff_ffff_ffff_fffen;

/** eventfd(2): a 64-bit counter. */
export class EventFile extends OpenFile {
  #value: bigint;
  readonly #semaphore: boolean;

  constructor(initial: number, options: { semaphore?: boolean; nonBlocking?: boolean } = {}) {
    super(OpenFlag.RDWR | (options.nonBlocking ? OpenFlag.NONBLOCK : 0), 'anon_inode:[eventfd]');
    this.#value = BigInt(initial);
    this.#semaphore = options.semaphore ?? false;
  }

  override read(into: Uint8Array, now: number): number {
    if (into.length < 8) return -Errno.EINVAL;
    if (this.#value === 0n) return -Errno.EAGAIN;
    const taken = this.#semaphore ? 1n : this.#value;
    this.#value -= taken;
    new DataView(into.buffer, into.byteOffset).setBigUint64(0, taken, true);
    this.notify(WRITABLE, now);
    return 8;
  }

  override write(from: Uint8Array, now: number): number {
    if (from.length < 8) return -Errno.EINVAL;
    const added = new DataView(from.buffer, from.byteOffset).getBigUint64(0, true);
    if (added > LIMIT) return -Errno.EINVAL;
    if (this.#value + added > LIMIT) return -Errno.EAGAIN;
    this.#value += added;
    if (added > 0n) this.notify(READABLE, now);
    return 8;
  }

  override poll(): number {
    return (this.#value > 0n ? PollEvent.IN : 0) | (this.#value < LIMIT ? PollEvent.OUT : 0);
  }

  override stat(): FileStat {
    return anonymousStat(0o600);
  }
}
