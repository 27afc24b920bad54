import type { Thread } from '../linux/thread.ts';

/** Runnable threads that wait for one CPU, first come first served. */
export class RunQueue {
  readonly #threads: Thread[] = [];

  get size(): number {
    return this.#threads.length;
  }

  push(thread: Thread): void {
    this.#threads.push(thread);
  }

  /** The first thread, or the first that `allowed` accepts, taken out of the queue. */
  take(allowed?: (thread: Thread) => boolean): Thread | undefined {
    if (allowed === undefined) return this.#threads.shift();
    const index = this.#threads.findIndex(allowed);
    return index < 0 ? undefined : this.#threads.splice(index, 1)[0];
  }

  remove(thread: Thread): void {
    const index = this.#threads.indexOf(thread);
    if (index >= 0) this.#threads.splice(index, 1);
  }

  [Symbol.iterator](): IterableIterator<Thread> {
    return this.#threads[Symbol.iterator]();
  }
}
