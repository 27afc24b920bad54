/** What ended a wait. */
export type WakeReason = 'woken' | 'timeout' | 'signal';

/** A thread as far as a wait queue needs it. `wake` makes it runnable no earlier than virtual time `at` (ns). */
export interface Waiter {
  wake(reason: WakeReason, at: number): void;
}

/**
 * Those who wait for something to change, in the order in which they came. Waking is a hint: a woken handler looks again and
 * may wait once more, so spurious wake-ups are harmless.
 */
export class WaitQueue {
  readonly #waiters = new Set<Waiter>();
  readonly #listeners = new Set<(at: number) => void>();

  add(waiter: Waiter): void {
    this.#waiters.add(waiter);
  }

  remove(waiter: Waiter): void {
    this.#waiters.delete(waiter);
  }

  get size(): number {
    return this.#waiters.size;
  }

  /** Wakes up to `count` waiters, first come first served, and tells every listener. Returns how many were woken. `at` is virtual time in ns. */
  wake(at: number, count = Number.POSITIVE_INFINITY): number {
    let woken = 0;
    for (const waiter of this.#waiters) {
      if (woken >= count) break;
      this.#waiters.delete(waiter);
      waiter.wake('woken', at);
      woken++;
    }
    for (const listener of this.#listeners) listener(at);
    return woken;
  }

  /** Calls `listener` at each wake until the returned function is called: how epoll and simulated clients watch a file. */
  listen(listener: (at: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** What a blocking syscall yields: wait on any of `queues`, or until virtual time `deadline` (ns), or for a signal. */
export interface Wait {
  readonly queues: readonly WaitQueue[];
  readonly deadline?: number;
  /** Shown when the run deadlocks: "futex 0x7f00", "epoll_wait fd 5". */
  readonly what: string;
  /** Only a signal that no process survives (SIGKILL) ends it early. */
  readonly killable?: boolean;
}
