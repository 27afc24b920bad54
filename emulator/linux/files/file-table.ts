import { Errno } from '../../errno.ts';
import type { FileLocks, RecordLock } from './locks.ts';
import type { OpenFile } from './open-file.ts';

interface Slot {
  readonly file: OpenFile;
  closeOnExec: boolean;
}

/** A process's file descriptors. It is also the owner of the process's record locks, as in Linux. */
export class FileTable {
  /** RLIMIT_NOFILE: descriptors are below it. */
  limit: number;
  /** For F_GETLK. */
  pid: number;
  /** Records that threads of the process wait for. */
  readonly lockWaits = new Set<{ readonly locks: FileLocks; readonly lock: RecordLock }>();
  readonly #slots: (Slot | undefined)[] = [];
  /** No free descriptor below this one. */
  #lowestFree = 0;
  #users = 1;

  constructor(options: { limit?: number; pid?: number } = {}) {
    this.limit = options.limit ?? 1024;
    this.pid = options.pid ?? 1;
  }

  get(fd: number): OpenFile | undefined {
    return this.#slots[fd]?.file;
  }

  /** Puts a file at the lowest free descriptor from `from` on. Returns the descriptor or -EMFILE; then the file is untouched. */
  install(file: OpenFile, options: { closeOnExec?: boolean; from?: number } = {}): number {
    const from = options.from ?? 0;
    let fd = Math.max(from, this.#lowestFree);
    while (this.#slots[fd] !== undefined) fd++;
    if (from <= this.#lowestFree) this.#lowestFree = fd;
    if (fd >= this.limit) return -Errno.EMFILE;
    this.#slots[fd] = { file: file.retain(), closeOnExec: options.closeOnExec ?? false };
    if (fd === this.#lowestFree) this.#lowestFree = fd + 1;
    return fd;
  }

  /** Puts a file at exactly `fd`, closing what was there (dup2). */
  replace(fd: number, file: OpenFile, closeOnExec: boolean, now: number): number {
    if (fd < 0 || fd >= this.limit) return -Errno.EBADF;
    file.retain();
    if (this.#slots[fd] !== undefined) this.close(fd, now);
    this.#slots[fd] = { file, closeOnExec };
    if (fd === this.#lowestFree) this.#lowestFree = fd + 1;
    return fd;
  }

  close(fd: number, now: number): number {
    const slot = this.#slots[fd];
    if (slot === undefined) return -Errno.EBADF;
    this.#slots[fd] = undefined;
    if (fd < this.#lowestFree) this.#lowestFree = fd;
    // POSIX: closing any descriptor of a file drops all of the process's record locks on it (fcntl(2)).
    slot.file.lockable.locks?.releaseOwner(this, now);
    slot.file.release(now);
    return 0;
  }

  closeOnExec(fd: number): boolean {
    return this.#slots[fd]?.closeOnExec ?? false;
  }

  setCloseOnExec(fd: number, on: boolean): void {
    const slot = this.#slots[fd];
    if (slot !== undefined) slot.closeOnExec = on;
  }

  /** Open descriptors in ascending order. */
  descriptors(): number[] {
    const list: number[] = [];
    this.#slots.forEach((slot, fd) => {
      if (slot !== undefined) list.push(fd);
    });
    return list;
  }

  /** One more process uses it (clone with CLONE_FILES). */
  retain(): this {
    this.#users++;
    return this;
  }

  /** A process has ended or executes another program; with the last one every file is closed. */
  release(now: number): void {
    if (--this.#users > 0) return;
    for (const fd of this.descriptors()) this.close(fd, now);
  }

  get isShared(): boolean {
    return this.#users > 1;
  }

  /** fork: the same open files, at the same descriptors, for process `pid`. */
  copy(pid: number): FileTable {
    const copy = new FileTable({ limit: this.limit, pid });
    this.#slots.forEach((slot, fd) => {
      if (slot !== undefined) copy.#slots[fd] = { file: slot.file.retain(), closeOnExec: slot.closeOnExec };
    });
    copy.#lowestFree = this.#lowestFree;
    return copy;
  }

  /** execve: closes what is not to outlive it. */
  closeForExec(now: number): void {
    for (const fd of this.descriptors()) if (this.closeOnExec(fd)) this.close(fd, now);
  }
}
