/** A callback waiting for its virtual time. Made by {@link TimerQueue.at}. */
export interface Timer {
  /** Virtual time in ns. */
  readonly time: number;
  readonly callback: (now: number) => void;
}

interface Entry extends Timer {
  /** Insertion number: timers of the same time fire in the order in which they were set. */
  readonly order: number;
  /** Place in the heap, -1 once fired or cancelled. */
  index: number;
}

const before = (a: Entry, b: Entry): boolean => a.time < b.time || (a.time === b.time && a.order < b.order);

/** Everything that is to happen at a virtual time: a binary heap, stable for equal times. */
export class TimerQueue {
  readonly #heap: Entry[] = [];
  #order = 0;

  /** Time of the next timer, `Infinity` when there is none. */
  nextTime = Number.POSITIVE_INFINITY;

  get size(): number {
    return this.#heap.length;
  }

  /** Calls `callback` at virtual time `time` (ns); a time that has passed means as soon as possible. */
  at(time: number, callback: (now: number) => void): Timer {
    if (Number.isNaN(time)) throw new RangeError('a timer needs a time');
    const entry: Entry = { time, callback, order: this.#order++, index: this.#heap.length };
    this.#heap.push(entry);
    this.#up(entry);
    this.#settle();
    return entry;
  }

  /** Takes a timer back. Does nothing if it has fired or was cancelled before. */
  cancel(timer: Timer): void {
    const entry = timer as Entry;
    if (entry.index >= 0) this.#remove(entry);
  }

  next(): number | undefined {
    return this.#heap[0]?.time;
  }

  /** Fires every timer due at `now`, those too that the fired ones set; each is told its own time. Returns how many fired. */
  runDue(now: number): number {
    let fired = 0;
    for (let entry = this.#heap[0]; entry !== undefined && entry.time <= now; entry = this.#heap[0]) {
      this.#remove(entry);
      entry.callback(entry.time);
      fired++;
    }
    return fired;
  }

  /** Fires the first timer, whatever its time, and returns that time; `undefined` when there is none. */
  runNext(): number | undefined {
    const entry = this.#heap[0];
    if (entry === undefined) return undefined;
    this.#remove(entry);
    entry.callback(entry.time);
    return entry.time;
  }

  #settle(): void {
    this.nextTime = this.#heap[0]?.time ?? Number.POSITIVE_INFINITY;
  }

  #remove(entry: Entry): void {
    const last = this.#heap.pop()!;
    if (last !== entry) {
      last.index = entry.index;
      this.#heap[entry.index] = last;
      this.#up(last);
      this.#down(last);
    }
    entry.index = -1;
    this.#settle();
  }

  #up(entry: Entry): void {
    while (entry.index > 0) {
      const parent = this.#heap[(entry.index - 1) >> 1]!;
      if (!before(entry, parent)) return;
      this.#swap(entry, parent);
    }
  }

  #down(entry: Entry): void {
    for (;;) {
      const left = this.#heap[2 * entry.index + 1];
      const right = this.#heap[2 * entry.index + 2];
      const child = right !== undefined && left !== undefined && before(right, left) ? right : left;
      if (child === undefined || !before(child, entry)) return;
      this.#swap(child, entry);
    }
  }

  #swap(a: Entry, b: Entry): void {
    const index = a.index;
    a.index = b.index;
    b.index = index;
    this.#heap[a.index] = a;
    this.#heap[b.index] = b;
  }
}
