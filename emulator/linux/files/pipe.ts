import { Errno } from '../../errno.ts';
import type { KernelCosts } from '../../timing/kernel-costs.ts';
import { ByteQueue } from './byte-queue.ts';
import type { Inode } from './inode.ts';
import type { FileLocks, Lockable } from './locks.ts';
import { OpenFile } from './open-file.ts';
import { isReadable, isWritable } from './open-flags.ts';
import { PollEvent, READABLE, WRITABLE } from './poll-events.ts';
import { type FileStat, FileType, type Timestamp } from './stat.ts';

/** Writes of up to this many bytes are not split (pipe(7)). */
export const PIPE_BUF = 4096;
const DEFAULT_CAPACITY = 65536;
const MAX_CAPACITY = 2 ** 20;

/** What flows between the two ends of a pipe or FIFO. */
export class Pipe {
  readonly bytes = new ByteQueue();
  readonly readers = new Set<PipeEnd>();
  readonly writers = new Set<PipeEnd>();
  /** How often the pipe was opened for reading or writing: what an open of a FIFO waits for. */
  readerOpens = 0;
  writerOpens = 0;
  capacity = DEFAULT_CAPACITY;
  locks: FileLocks | undefined;
  readonly ino: number;
  readonly #time: Timestamp;

  constructor(ino: number, time: Timestamp) {
    this.ino = ino;
    this.#time = time;
  }

  get free(): number {
    return Math.max(0, this.capacity - this.bytes.length);
  }

  /** F_SETPIPE_SZ: rounded up to whole pages. Returns the new capacity or a negated errno. */
  resize(size: number): number {
    const capacity = Math.max(PIPE_BUF, 2 ** Math.ceil(Math.log2(Math.max(1, size))));
    if (capacity > MAX_CAPACITY) return -Errno.EPERM;
    if (capacity < this.bytes.length) return -Errno.EBUSY;
    this.capacity = capacity;
    return capacity;
  }

  notifyReaders(events: number, at: number): void {
    for (const end of this.readers) end.notify(events, at);
  }

  notifyWriters(events: number, at: number): void {
    for (const end of this.writers) end.notify(events, at);
  }

  stat(): FileStat {
    const time = this.#time;
    return {
      dev: 0,
      ino: this.ino,
      mode: FileType.FIFO | 0o600,
      nlink: 1,
      uid: 0,
      gid: 0,
      rdev: 0,
      size: 0,
      blksize: 4096,
      blocks: 0,
      atime: time,
      mtime: time,
      ctime: time,
    };
  }
}

/** An open end of a pipe: which one, or both, the access mode says. */
export class PipeEnd extends OpenFile {
  readonly pipe: Pipe;
  readonly #inode: Inode | undefined;

  constructor(pipe: Pipe, flags: number, options: { inode?: Inode; path?: string; now: number }) {
    super(flags, options.path ?? `pipe:[${pipe.ino}]`);
    this.pipe = pipe;
    this.#inode = options.inode;
    if (isReadable(flags)) {
      pipe.readers.add(this);
      pipe.readerOpens++;
      pipe.notifyWriters(WRITABLE, options.now);
    }
    if (isWritable(flags)) {
      pipe.writers.add(this);
      pipe.writerOpens++;
      pipe.notifyReaders(0, options.now);
    }
  }

  override get inode(): Inode | undefined {
    return this.#inode;
  }

  override get lockable(): Lockable {
    return this.#inode ?? this.pipe;
  }

  override read(into: Uint8Array, now: number): number {
    const { pipe } = this;
    if (into.length === 0) return 0;
    if (pipe.bytes.length === 0) return pipe.writers.size === 0 ? 0 : -Errno.EAGAIN;
    const count = pipe.bytes.take(into);
    pipe.notifyWriters(WRITABLE, now);
    return count;
  }

  override write(from: Uint8Array, now: number): number {
    const { pipe } = this;
    if (pipe.readers.size === 0) return -Errno.EPIPE;
    if (from.length === 0) return 0;
    const { free } = pipe;
    if (free === 0 || (from.length <= PIPE_BUF && from.length > free)) return -Errno.EAGAIN;
    const count = Math.min(free, from.length);
    pipe.bytes.push(from.slice(0, count));
    pipe.notifyReaders(READABLE, now);
    return count;
  }

  override poll(): number {
    const { pipe } = this;
    let events = 0;
    if (this.readable) {
      if (pipe.bytes.length > 0) events |= READABLE;
      if (pipe.writers.size === 0 && pipe.writerOpens > 0) events |= PollEvent.HUP;
    }
    if (this.writable) {
      if (pipe.free >= PIPE_BUF) events |= WRITABLE;
      if (pipe.readers.size === 0) events |= PollEvent.ERR;
    }
    return events;
  }

  override available(): number {
    return this.pipe.bytes.length;
  }

  override readCost(costs: KernelCosts): number {
    return costs.localMessage;
  }

  override writeCost(costs: KernelCosts): number {
    return costs.localMessage;
  }

  override stat(): FileStat {
    return this.#inode?.stat() ?? this.pipe.stat();
  }

  protected override closed(now: number): void {
    const { pipe } = this;
    if (pipe.readers.delete(this) && pipe.readers.size === 0) pipe.notifyWriters(PollEvent.ERR, now);
    if (pipe.writers.delete(this) && pipe.writers.size === 0) pipe.notifyReaders(PollEvent.HUP, now);
    if (pipe.readers.size === 0 && pipe.writers.size === 0) pipe.bytes.clear();
  }
}
