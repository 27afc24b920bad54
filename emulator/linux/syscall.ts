import type { Thread } from './thread.ts';
import type { Wait, WakeReason } from './wait.ts';

/** A handler that may block: yields what it waits for and is resumed with the reason. Returns a result or a negated errno. */
export type Blocking = Generator<Wait, number, WakeReason>;

/**
 * A syscall. Arguments are signed 64-bit values as doubles (exact below 2^53; pointers always fit). Returns the result, a negated
 * errno, or a generator when it has to wait. `thread` leads to everything: process, kernel, memory, files, clock.
 */
export type SyscallHandler = (
  thread: Thread,
  a0: number,
  a1: number,
  a2: number,
  a3: number,
  a4: number,
  a5: number,
) => number | Blocking;

/** One implemented call: how docs/syscalls.md and unknown-call hints learn of it. */
export interface Syscall {
  readonly handler: SyscallHandler;
  /** One line: what is done, and what is left out. */
  readonly note: string;
}

/** Calls of one topic, keyed by Linux name ("read", "epoll_pwait"). */
export type SyscallTopic = Readonly<Record<string, Syscall>>;

/** Waits on `wait` and returns the reason: `const reason = yield* block({ ... })`. */
export function* block(wait: Wait): Generator<Wait, WakeReason, WakeReason> {
  return yield wait;
}
