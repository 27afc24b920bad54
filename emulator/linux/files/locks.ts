import { WaitQueue } from '../wait.ts';

/** fcntl lock types (asm-generic/fcntl.h). */
export const LockType = { READ: 0, WRITE: 1, UNLOCK: 2 } as const;

/** A lock on bytes `start` to `end` (exclusive, `Infinity` = to the end of the file whatever it becomes). */
export interface RecordLock {
  readonly start: number;
  readonly end: number;
  readonly type: number;
  /** The process's file table for POSIX locks, the open file description for OFD locks. */
  readonly owner: object;
  /** For F_GETLK; -1 for OFD locks. */
  readonly pid: number;
}

const overlaps = (a: RecordLock, b: RecordLock): boolean => a.start < b.end && b.start < a.end;

/** What has locks: an inode, or what lies behind an open file that has none. */
export interface Lockable {
  /** Made when somebody first asks for one. */
  locks: FileLocks | undefined;
}

/** Advisory locks on one file: fcntl's byte ranges and flock's whole-file ones, which do not see each other (flock(2)). */
export class FileLocks {
  #records: RecordLock[] = [];
  readonly #whole = new Map<object, number>();
  /** Those who wait for a lock. */
  readonly queue = new WaitQueue();

  /** The locks of other owners that stand in the way of `lock`, by start. */
  conflicts(lock: RecordLock): RecordLock[] {
    return this.#records.filter(
      (held) =>
        held.owner !== lock.owner &&
        (held.type === LockType.WRITE || lock.type === LockType.WRITE) &&
        overlaps(held, lock),
    );
  }

  /** Sets or clears a range for its owner; what the owner held there before is replaced, split at the edges. */
  set(lock: RecordLock, now: number): void {
    const kept: RecordLock[] = [];
    for (const held of this.#records) {
      if (held.owner !== lock.owner || !overlaps(held, lock)) {
        kept.push(held);
        continue;
      }
      if (held.start < lock.start) kept.push({ ...held, end: lock.start });
      if (held.end > lock.end) kept.push({ ...held, start: lock.end });
    }
    if (lock.type !== LockType.UNLOCK) kept.push(lock);
    kept.sort((a, b) => a.start - b.start);
    this.#records = merged(kept);
    this.queue.wake(now);
  }

  /** Takes the whole file (flock). Returns whether it was free for `owner`, who in any case loses a lock of the other kind (flock(2)). */
  takeWhole(owner: object, exclusive: boolean, now: number): boolean {
    const wanted = exclusive ? LockType.WRITE : LockType.READ;
    const had = this.#whole.get(owner);
    if (had === wanted) return true;
    if (had !== undefined) this.releaseWhole(owner, now);
    for (const mode of this.#whole.values()) if (exclusive || mode === LockType.WRITE) return false;
    this.#whole.set(owner, wanted);
    return true;
  }

  releaseWhole(owner: object, now: number): void {
    if (this.#whole.delete(owner)) this.queue.wake(now);
  }

  /** Drops every range of an owner. */
  releaseOwner(owner: object, now: number): void {
    const left = this.#records.filter((held) => held.owner !== owner);
    if (left.length === this.#records.length) return;
    this.#records = left;
    this.queue.wake(now);
  }

  /** Ranges now held, by start. */
  get records(): readonly RecordLock[] {
    return this.#records;
  }
}

/** Joins neighbouring ranges of one owner and type; `locks` is sorted by start. */
function merged(locks: readonly RecordLock[]): RecordLock[] {
  const result: RecordLock[] = [];
  for (const lock of locks) {
    const index = result.findIndex(
      (held) => held.owner === lock.owner && held.type === lock.type && held.end === lock.start,
    );
    if (index >= 0) result[index] = { ...result[index]!, end: lock.end };
    else result.push(lock);
  }
  return result;
}
