import { ERESTARTSYS, Errno } from '../errno.ts';
import type { Blocking } from './syscall.ts';
import type { Thread } from './thread.ts';

/** `FUTEX_BITSET_MATCH_ANY`. */
export const ANY_BIT = 0xffff_ffff;

interface FutexWaiter {
  readonly thread: Thread;
  readonly bitset: number;
  queue: FutexQueue;
}

/** Threads that wait on one futex word, first come first served. */
export class FutexQueue {
  readonly #table: FutexTable;
  readonly key: number;
  readonly #waiters: FutexWaiter[] = [];

  constructor(table: FutexTable, key: number) {
    this.#table = table;
    this.key = key;
  }

  get size(): number {
    return this.#waiters.length;
  }

  push(waiter: FutexWaiter): void {
    waiter.queue = this;
    this.#waiters.push(waiter);
  }

  remove(waiter: FutexWaiter): void {
    const index = this.#waiters.indexOf(waiter);
    if (index >= 0) this.#waiters.splice(index, 1);
    if (this.#waiters.length === 0) this.#table.delete(this);
  }

  /** Wakes up to `count` waiters with a bit in common. Each costs the waker an inter-processor interrupt. */
  wake(by: Thread, count: number, bitset: number = ANY_BIT): number {
    const chosen: FutexWaiter[] = [];
    for (const waiter of this.#waiters) {
      if (chosen.length >= count) break;
      if ((waiter.bitset & bitset) !== 0) chosen.push(waiter);
    }
    const { kernel } = by;
    for (const waiter of chosen) {
      this.remove(waiter);
      by.charge(kernel.costs.costs.wakeup);
      waiter.thread.wake('woken', kernel.now());
    }
    return chosen.length;
  }

  /** Moves up to `count` waiters to another word's queue. */
  requeue(to: FutexQueue, count: number): number {
    const moved = this.#waiters.slice(0, Math.max(0, count));
    for (const waiter of moved) {
      this.remove(waiter);
      to.push(waiter);
    }
    if (to.size > 0) this.#table.restore(to);
    return moved.length;
  }
}

/** The queues of words that somebody waits on. */
export class FutexTable {
  readonly #queues = new Map<number, FutexQueue>();

  find(key: number): FutexQueue | undefined {
    return this.#queues.get(key);
  }

  at(key: number): FutexQueue {
    const found = this.#queues.get(key) ?? new FutexQueue(this, key);
    this.#queues.set(key, found);
    return found;
  }

  delete(queue: FutexQueue): void {
    if (this.#queues.get(queue.key) === queue) this.#queues.delete(queue.key);
  }

  restore(queue: FutexQueue): void {
    this.#queues.set(queue.key, queue);
  }
}

/**
 * Where waiters on the word at `va` queue: by process and address, so that threads in different views meet; only in a
 * MAP_SHARED mapping by physical address, so that two mappings of one frame meet (futex(2)).
 */
export function futexPlace(thread: Thread, va: number, isPrivate: boolean): { table: FutexTable; key: number } {
  const { process, kernel } = thread;
  if (!isPrivate && process.space.areas.find(va)?.sharedMapping === true) {
    return { table: kernel.sharedFutexes, key: thread.memory.translate(va, 2 /* read */) };
  }
  return { table: process.futexes, key: va };
}

/** Wakes waiters on a word as the kernel itself does it (thread exit, robust locks). */
export function wakeFutex(thread: Thread, va: number, count: number): number {
  const { table, key } = futexPlace(thread, va, false);
  const queue = table.find(key);
  return queue === undefined ? 0 : queue.wake(thread, count);
}

/** FUTEX_WAIT and FUTEX_WAIT_BITSET. `deadline` in virtual ns. */
export function* waitOnFutex(
  thread: Thread,
  va: number,
  isPrivate: boolean,
  bitset: number,
  deadline: number | undefined,
): Blocking {
  const { table, key } = futexPlace(thread, va, isPrivate);
  const queue = table.at(key);
  const waiter: FutexWaiter = { thread, bitset, queue };
  queue.push(waiter);
  try {
    const reason = yield { queues: [], deadline, what: `futex 0x${va.toString(16)}` };
    if (reason === 'woken') return 0;
    if (reason === 'timeout') return -Errno.ETIMEDOUT;
    return deadline === undefined ? -ERESTARTSYS : -Errno.EINTR;
  } finally {
    waiter.queue.remove(waiter);
  }
}
