import { Errno } from '../../errno.ts';
import type { KernelCosts } from '../../timing/kernel-costs.ts';
import type { Thread } from '../thread.ts';
import { WaitQueue } from '../wait.ts';
import type { Content } from './content.ts';
import type { Inode } from './inode.ts';
import type { FileLocks, Lockable } from './locks.ts';
import { isReadable, isWritable, OpenFlag } from './open-flags.ts';
import { READABLE, WRITABLE } from './poll-events.ts';
import type { FileStat } from './stat.ts';

/** Called at virtual time `at` when `events` of a file may hold now. */
export type Watcher = (events: number, at: number) => void;

/**
 * An open file description: what file descriptors point to. `read` and `write` never wait: they return -EAGAIN where a
 * blocking call would have to, and `queue` is woken whenever that may have changed. `now` is the caller's virtual time in ns.
 */
export abstract class OpenFile {
  /** Access mode and status flags of open(2), see {@link OpenFlag}. */
  flags: number;
  /** What /proc/self/fd/N shows. */
  readonly path: string;
  /** Where the next read or write without an offset begins. */
  offset = 0;
  /** Blocked threads. */
  readonly queue = new WaitQueue();
  /** Of a file without an inode. */
  locks: FileLocks | undefined;
  readonly #watchers = new Set<Watcher>();
  #references = 0;

  constructor(flags: number, path: string) {
    this.flags = flags;
    this.path = path;
  }

  /** The file in a directory that it is open on. */
  get inode(): Inode | undefined {
    return undefined;
  }

  /** Where its locks are. */
  get lockable(): Lockable {
    return this.inode ?? this;
  }

  get readable(): boolean {
    return isReadable(this.flags);
  }

  get writable(): boolean {
    return isWritable(this.flags);
  }

  get nonBlocking(): boolean {
    return (this.flags & OpenFlag.NONBLOCK) !== 0;
  }

  /** Reads at the file's position, or at `offset` without moving it. Returns bytes read, 0 at the end, or a negated errno. */
  read(_into: Uint8Array, _now: number, _offset?: number): number {
    return -Errno.EINVAL;
  }

  /** Writes; returns how many bytes were taken or a negated errno (-EPIPE asks the caller to raise SIGPIPE). */
  write(_from: Uint8Array, _now: number, _offset?: number): number {
    return -Errno.EINVAL;
  }

  /** What holds now, as bits of {@link PollEvent}. */
  poll(_now: number): number {
    return READABLE | WRITABLE;
  }

  seek(_offset: number, _whence: number): number {
    return -Errno.ESPIPE;
  }

  /** Whether reads and writes with an offset make sense (pread on a pipe does not). */
  get seekable(): boolean {
    return false;
  }

  abstract stat(): FileStat;

  ioctl(_thread: Thread, _request: number, _argument: number): number {
    return -Errno.ENOTTY;
  }

  /** fsync. */
  sync(): number {
    return -Errno.EINVAL;
  }

  truncate(_size: number): number {
    return -Errno.EINVAL;
  }

  /** What mmap maps. */
  get mappable(): Content | undefined {
    return undefined;
  }

  /** Bytes that a read would find now (FIONREAD), undefined where nobody can say. */
  available(): number | undefined {
    return undefined;
  }

  /** Cycles of kernel work for one read beyond the call and the copy. */
  readCost(_costs: KernelCosts): number {
    return 0;
  }

  /** The same for one write. */
  writeCost(_costs: KernelCosts): number {
    return 0;
  }

  /** Called once, when the last reference is gone. */
  protected closed(_now: number): void {}

  retain(): this {
    this.#references++;
    return this;
  }

  /** Gives a reference back; the last one closes the file. */
  release(now: number): void {
    if (--this.#references === 0) {
      const { locks } = this.lockable;
      locks?.releaseWhole(this, now);
      locks?.releaseOwner(this, now);
      this.closed(now);
      this.notify(0, now);
    }
  }

  get open(): boolean {
    return this.#references > 0;
  }

  /** Tells blocked threads and watchers that `events` may hold from `at` on. */
  notify(events: number, at: number): void {
    if (this.queue.size > 0) this.queue.wake(at);
    this.notifyWatchers(events, at);
  }

  protected notifyWatchers(events: number, at: number): void {
    for (const watcher of this.#watchers) watcher(events, at);
  }

  /** Calls `watcher` at every {@link notify} until the returned function is called. */
  watch(watcher: Watcher): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }
}
