import { Errno } from '../errno.ts';
import type { UserMemory } from '../memory/user-memory.ts';
import type { Thread } from './thread.ts';

/** clockid_t values (clock_gettime(2)). */
export const ClockId = {
  REALTIME: 0,
  MONOTONIC: 1,
  PROCESS_CPUTIME_ID: 2,
  THREAD_CPUTIME_ID: 3,
  MONOTONIC_RAW: 4,
  REALTIME_COARSE: 5,
  MONOTONIC_COARSE: 6,
  BOOTTIME: 7,
  REALTIME_ALARM: 8,
  BOOTTIME_ALARM: 9,
  TAI: 11,
} as const;

/** Unless told otherwise a run starts at 2026-01-01 00:00:00 UTC, seconds since the Unix epoch. */
export const EPOCH_SECONDS = 1_767_225_600;

const NS = 1e9;

/** Whether the clock counts from the Unix epoch; undefined for clocks that do not exist. */
export function isWallClock(clock: number): boolean | undefined {
  switch (clock) {
    case ClockId.REALTIME:
    case ClockId.REALTIME_COARSE:
    case ClockId.REALTIME_ALARM:
    case ClockId.TAI:
      return true;
    case ClockId.MONOTONIC:
    case ClockId.MONOTONIC_RAW:
    case ClockId.MONOTONIC_COARSE:
    case ClockId.BOOTTIME:
    case ClockId.BOOTTIME_ALARM:
    case ClockId.PROCESS_CPUTIME_ID:
    case ClockId.THREAD_CPUTIME_ID:
      return false;
    default:
      return undefined;
  }
}

/** Reading of a clock as [seconds, ns]; undefined if there is no such clock. */
export function readClock(thread: Thread, clock: number): readonly [number, number] | undefined {
  const wall = isWallClock(clock);
  if (wall === undefined) return undefined;
  const now =
    clock === ClockId.PROCESS_CPUTIME_ID
      ? thread.process.cpuTime
      : clock === ClockId.THREAD_CPUTIME_ID
        ? thread.kernel.scheduler.cpuTimeOf(thread)
        : thread.now();
  const seconds = Math.floor(now / NS);
  return [seconds + (wall ? thread.kernel.epochSeconds : 0), Math.floor(now - seconds * NS)];
}

/** A duration or point in time in guest memory, in ns; negative errno if it is none. */
export function readTimespec(memory: UserMemory, va: number): number {
  const seconds = memory.word(va);
  const ns = memory.word(va + 8);
  if (seconds < 0 || ns < 0 || ns >= NS) return -Errno.EINVAL;
  return seconds * NS + ns;
}

/** Writes `ns` as a struct timespec. */
export function writeTimespec(memory: UserMemory, va: number, ns: number): void {
  memory.setWord(va, Math.floor(ns / NS));
  memory.setWord(va + 8, Math.floor(ns % NS));
}

/** As {@link readTimespec} for a `struct timeval`. */
export function readTimeval(memory: UserMemory, va: number): number {
  const seconds = memory.word(va);
  const microseconds = memory.word(va + 8);
  if (seconds < 0 || microseconds < 0 || microseconds >= 1e6) return -Errno.EINVAL;
  return seconds * NS + microseconds * 1000;
}

/** Writes `ns` as a struct timeval, rounded down to microseconds. */
export function writeTimeval(memory: UserMemory, va: number, ns: number): void {
  memory.setWord(va, Math.floor(ns / NS));
  memory.setWord(va + 8, Math.floor((ns % NS) / 1000));
}

/** Virtual time of an absolute timespec on `clock`; ns, or a negated errno. Never rounds a wall-clock time through 2^53. */
export function readAbsolute(thread: Thread, va: number, clock: number): number {
  const { memory, kernel } = thread;
  const seconds = memory.word(va);
  const ns = memory.word(va + 8);
  if (seconds < 0 || ns < 0 || ns >= NS) return -Errno.EINVAL;
  return Math.max(0, (seconds - (isWallClock(clock) ? kernel.epochSeconds : 0)) * NS + ns);
}
