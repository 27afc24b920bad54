/** Runnable threads that wait for one CPU, first come first served. */
export class RunQueue<T> {
  readonly #threads: T[] = [];

  get size(): number {
    return this.#threads.length;
  }

  push(thread: T): void {
    this.#threads.push(thread);
  }

  /** The first thread, or the first that `allowed` accepts, taken out of the queue. */
  take(allowed?: (thread: T) => boolean): T | undefined {
    if (allowed === undefined) return this.#threads.shift();
    const index = this.#threads.findIndex(allowed);
    return index < 0 ? undefined : this.#threads.splice(index, 1)[0];
  }

  remove(thread: T): void {
    const index = this.#threads.indexOf(thread);
    if (index >= 0) this.#threads.splice(index, 1);
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this.#threads[Symbol.iterator]();
  }
}
