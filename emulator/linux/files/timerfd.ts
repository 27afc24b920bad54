import { Errno } from '../../errno.ts';
import type { Timer, TimerQueue } from '../../scheduler/timers.ts';
import { anonymousStat } from './anonymous-stat.ts';
import { OpenFile } from './open-file.ts';
import { OpenFlag } from './open-flags.ts';
import { PollEvent, READABLE } from './poll-events.ts';
import type { FileStat } from './stat.ts';

/** timerfd_create(2) in virtual time. Times are in ns. */
export class TimerFile extends OpenFile {
  readonly #timers: TimerQueue;
  #timer: Timer | undefined;
  #interval = 0;
  #expirations = 0;
  /** clockid_t that its absolute times are of. */
  readonly clock: number;

  constructor(timers: TimerQueue, clock: number, nonBlocking: boolean) {
    super(OpenFlag.RDWR | (nonBlocking ? OpenFlag.NONBLOCK : 0), 'anon_inode:[timerfd]');
    this.#timers = timers;
    this.clock = clock;
  }

  /** Time left until it fires, and its period; 0, 0 when it is not armed. */
  remaining(now: number): { value: number; interval: number } {
    const value = this.#timer === undefined ? 0 : Math.max(1, this.#timer.time - now);
    return { value, interval: this.#interval };
  }

  /** Fires at virtual time `first` and then every `interval` (0 = once); `first` undefined disarms it. */
  arm(first: number | undefined, interval: number): void {
    if (this.#timer !== undefined) this.#timers.cancel(this.#timer);
    this.#timer = undefined;
    this.#expirations = 0;
    this.#interval = interval;
    if (first !== undefined) this.#schedule(first);
  }

  override read(into: Uint8Array): number {
    if (into.length < 8) return -Errno.EINVAL;
    if (this.#expirations === 0) return -Errno.EAGAIN;
    new DataView(into.buffer, into.byteOffset).setBigUint64(0, BigInt(this.#expirations), true);
    this.#expirations = 0;
    return 8;
  }

  override poll(): number {
    return this.#expirations > 0 ? PollEvent.IN : 0;
  }

  override stat(): FileStat {
    return anonymousStat(0o600);
  }

  protected override closed(): void {
    this.arm(undefined, 0);
  }

  #schedule(time: number): void {
    this.#timer = this.#timers.at(time, () => {
      this.#timer = undefined;
      this.#expirations++;
      if (this.#interval > 0) this.#schedule(time + this.#interval);
      this.notify(READABLE, time);
    });
  }
}
