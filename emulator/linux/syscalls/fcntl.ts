import { ERESTARTSYS, Errno } from '../../errno.ts';
import { FileTable } from '../files/file-table.ts';
import { FileLocks, type Lockable, LockType, type RecordLock } from '../files/locks.ts';
import type { OpenFile } from '../files/open-file.ts';
import { OpenFlag, openFlagsFromGuest, openFlagsToGuest } from '../files/open-flags.ts';
import { PipeEnd } from '../files/pipe.ts';
import { RegularFile, Seal } from '../files/regular-file.ts';
import { type Blocking, block, type SyscallTopic } from '../syscall.ts';
import type { Thread } from '../thread.ts';
import { fileOf, int } from './arguments.ts';

/** asm-generic/fcntl.h and include/uapi/linux/fcntl.h, the same on both ISAs. */
const Command = {
  DUPFD: 0,
  GETFD: 1,
  SETFD: 2,
  GETFL: 3,
  SETFL: 4,
  GETLK: 5,
  SETLK: 6,
  SETLKW: 7,
  SETOWN: 8,
  GETOWN: 9,
  SETSIG: 10,
  GETSIG: 11,
  OFD_GETLK: 36,
  OFD_SETLK: 37,
  OFD_SETLKW: 38,
  DUPFD_CLOEXEC: 1030,
  SETPIPE_SZ: 1031,
  GETPIPE_SZ: 1032,
  ADD_SEALS: 1033,
  GET_SEALS: 1034,
} as const;
/** What a descriptor opened with O_PATH is good for (fs/fcntl.c, check_fcntl_cmd). */
const ofPlaces: ReadonlySet<number> = new Set([
  Command.DUPFD,
  Command.DUPFD_CLOEXEC,
  Command.GETFD,
  Command.SETFD,
  Command.GETFL,
]);
const FD_CLOEXEC = 1;
const SETTABLE = OpenFlag.APPEND | OpenFlag.ASYNC | OpenFlag.DIRECT | OpenFlag.NOATIME | OpenFlag.NONBLOCK;

function duplicate(thread: Thread, file: OpenFile, from: number, closeOnExec: boolean): number {
  const { files } = thread.process;
  return from < 0 || from >= files.limit ? -Errno.EINVAL : files.install(file, { from, closeOnExec });
}

/** Reads a `struct flock`; returns a negated errno for one that makes no sense. */
function lockAt(thread: Thread, file: OpenFile, va: number, owner: object): RecordLock | number {
  const { memory } = thread;
  const type = memory.u16(va);
  if (type > LockType.UNLOCK) return -Errno.EINVAL;
  const whence = memory.u16(va + 2);
  if (whence > 2) return -Errno.EINVAL;
  if (owner === file && memory.i32(va + 24) !== 0) return -Errno.EINVAL;
  const base = whence === 0 ? 0 : whence === 1 ? file.offset : (file.inode?.size ?? 0);
  const length = memory.word(va + 16);
  let start = base + memory.word(va + 8);
  let end = length === 0 ? Number.POSITIVE_INFINITY : start + length;
  if (length < 0) [start, end] = [start + length, start];
  if (start < 0) return -Errno.EINVAL;
  return { start, end, type, owner, pid: owner === file ? -1 : thread.process.pid };
}

const locksOf = (place: Lockable): FileLocks => (place.locks ??= new FileLocks());

function testLock(thread: Thread, file: OpenFile, va: number, owner: object): number {
  const lock = lockAt(thread, file, va, owner);
  if (typeof lock === 'number') return lock;
  if (lock.type === LockType.UNLOCK) return -Errno.EINVAL;
  const { memory } = thread;
  const held = file.lockable.locks?.conflicts(lock)[0];
  if (held === undefined) {
    memory.setU16(va, LockType.UNLOCK);
    return 0;
  }
  memory.setU16(va, held.type);
  memory.setU16(va + 2, 0);
  memory.setWord(va + 8, held.start);
  memory.setWord(va + 16, held.end === Number.POSITIVE_INFINITY ? 0 : held.end - held.start);
  memory.setI32(va + 24, held.pid);
  return 0;
}

function setLock(thread: Thread, file: OpenFile, va: number, owner: object, wait: boolean): number | Blocking {
  const lock = lockAt(thread, file, va, owner);
  if (typeof lock === 'number') return lock;
  if (lock.type === LockType.READ && !file.readable) return -Errno.EBADF;
  if (lock.type === LockType.WRITE && !file.writable) return -Errno.EBADF;
  const locks = locksOf(file.lockable);
  const attempt = (): boolean => {
    if (lock.type !== LockType.UNLOCK && locks.conflicts(lock).length > 0) return false;
    locks.set(lock, thread.now());
    return true;
  };
  if (attempt()) return 0;
  if (!wait) return -Errno.EAGAIN;
  const what = `lock of ${file.path}`;
  return owner instanceof FileTable
    ? untilRecordLocked(owner, locks, lock, attempt, what)
    : untilLocked(locks, attempt, what);
}

/** Whether one who waits for `lock` would wait for himself: each process in its way waits for another, and so on (fs/locks.c, posix_locks_deadlock). */
function closesCircle(locks: FileLocks, lock: RecordLock): boolean {
  const seen = new Set<object>();
  const leadsBack = (at: FileLocks, wanted: RecordLock): boolean =>
    at.conflicts(wanted).some(({ owner }) => {
      if (owner === lock.owner) return true;
      if (!(owner instanceof FileTable) || seen.has(owner)) return false;
      seen.add(owner);
      return [...owner.lockWaits].some((wait) => leadsBack(wait.locks, wait.lock));
    });
  return leadsBack(locks, lock);
}

function* untilRecordLocked(
  owner: FileTable,
  locks: FileLocks,
  lock: RecordLock,
  attempt: () => boolean,
  what: string,
): Blocking {
  if (closesCircle(locks, lock)) return -Errno.EDEADLK;
  const wait = { locks, lock };
  owner.lockWaits.add(wait);
  try {
    return yield* untilLocked(locks, attempt, what);
  } finally {
    owner.lockWaits.delete(wait);
  }
}

function* untilLocked(locks: FileLocks, attempt: () => boolean, what: string): Blocking {
  for (;;) {
    const reason = yield* block({ queues: [locks.queue], what });
    if (attempt()) return 0;
    if (reason === 'signal') return -ERESTARTSYS;
  }
}

function seals(file: OpenFile, added?: number): number {
  const { inode } = file;
  if (!(inode instanceof RegularFile)) return -Errno.EINVAL;
  if (added === undefined) return inode.seals;
  if (added & ~0x1f) return -Errno.EINVAL;
  if (!file.writable || inode.seals & Seal.SEAL) return -Errno.EPERM;
  inode.seals |= added;
  return 0;
}

function fcntl(thread: Thread, fd: number, command: number, argument: number): number | Blocking {
  const file = fileOf(thread, fd);
  if (file === undefined) return -Errno.EBADF;
  if (file.flags & OpenFlag.PATH && !ofPlaces.has(command)) return -Errno.EBADF;
  const { kernel, process } = thread;
  switch (command) {
    case Command.DUPFD:
      return duplicate(thread, file, int(argument), false);
    case Command.DUPFD_CLOEXEC:
      return duplicate(thread, file, int(argument), true);
    case Command.GETFD:
      return process.files.closeOnExec(int(fd)) ? FD_CLOEXEC : 0;
    case Command.SETFD:
      process.files.setCloseOnExec(int(fd), (argument & FD_CLOEXEC) !== 0);
      return 0;
    case Command.GETFL:
      // A 64-bit kernel opens everything with O_LARGEFILE, and tells so (force_o_largefile).
      return openFlagsToGuest(kernel.isa, file.flags | (file.seekable ? OpenFlag.LARGEFILE : 0));
    case Command.SETFL:
      file.flags = (file.flags & ~SETTABLE) | (openFlagsFromGuest(kernel.isa, int(argument)) & SETTABLE);
      return 0;
    case Command.GETLK:
      return testLock(thread, file, argument, process.files);
    case Command.SETLK:
      return setLock(thread, file, argument, process.files, false);
    case Command.SETLKW:
      return setLock(thread, file, argument, process.files, true);
    case Command.OFD_GETLK:
      return testLock(thread, file, argument, file);
    case Command.OFD_SETLK:
      return setLock(thread, file, argument, file, false);
    case Command.OFD_SETLKW:
      return setLock(thread, file, argument, file, true);
    case Command.GETOWN:
    case Command.GETSIG:
      return 0;
    case Command.GETPIPE_SZ:
      return file instanceof PipeEnd ? file.pipe.capacity : -Errno.EBADF;
    case Command.SETPIPE_SZ:
      return file instanceof PipeEnd ? file.pipe.resize(int(argument)) : -Errno.EBADF;
    case Command.GET_SEALS:
      return seals(file);
    case Command.ADD_SEALS:
      return seals(file, int(argument));
    default:
      return -Errno.EINVAL;
  }
}

const FLOCK = { SH: 1, EX: 2, NB: 4, UN: 8 } as const;

function flock(thread: Thread, fd: number, operation: number): number | Blocking {
  const file = fileOf(thread, fd);
  if (file === undefined || file.flags & OpenFlag.PATH) return -Errno.EBADF;
  const locks = locksOf(file.lockable);
  const kind = operation & ~FLOCK.NB;
  if (kind === FLOCK.UN) {
    locks.releaseWhole(file, thread.now());
    return 0;
  }
  if (kind !== FLOCK.SH && kind !== FLOCK.EX) return -Errno.EINVAL;
  const attempt = () => locks.takeWhole(file, kind === FLOCK.EX, thread.now());
  if (attempt()) return 0;
  return operation & FLOCK.NB ? -Errno.EAGAIN : untilLocked(locks, attempt, `flock of ${file.path}`);
}

function dup(thread: Thread, fd: number): number {
  const file = fileOf(thread, fd);
  return file === undefined ? -Errno.EBADF : thread.process.files.install(file);
}

function dup2(thread: Thread, from: number, to: number): number {
  const file = fileOf(thread, from);
  if (file === undefined) return -Errno.EBADF;
  if (int(from) === int(to)) return int(to);
  return thread.process.files.replace(int(to), file, false, thread.now());
}

function dup3(thread: Thread, from: number, to: number, flags: number): number {
  if (flags & ~OpenFlag.CLOEXEC || int(from) === int(to)) return -Errno.EINVAL;
  const file = fileOf(thread, from);
  if (file === undefined) return -Errno.EBADF;
  return thread.process.files.replace(int(to), file, flags !== 0, thread.now());
}

/** Descriptors and locks. */
export const fcntlSyscalls: SyscallTopic = {
  fcntl: { handler: fcntl, note: 'descriptors, flags, record and OFD locks, pipe sizes, seals' },
  flock: { handler: flock, note: 'complete' },
  dup: { handler: dup, note: 'complete' },
  dup2: { handler: dup2, note: 'complete' },
  dup3: { handler: dup3, note: 'complete' },
};
