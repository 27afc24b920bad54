import { Errno } from '../../errno.ts';
import { OpenRegularFile } from '../files/inode-file.ts';
import type { OpenFile } from '../files/open-file.ts';
import { isReadable, isWritable, OpenFlag, openFlagsFromGuest } from '../files/open-flags.ts';
import { Pipe, PipeEnd } from '../files/pipe.ts';
import type { SpecialFile } from '../files/special-file.ts';
import { FileType } from '../files/stat.ts';
import { AT_FDCWD } from '../files/vfs.ts';
import { type Blocking, block, type SyscallTopic } from '../syscall.ts';
import type { Thread } from '../thread.ts';
import { fileOf, int, pathAt } from './arguments.ts';
import { scratchBytes } from './transfer.ts';

function open(thread: Thread, at: number, pathVa: number, guestFlags: number, mode: number): number | Blocking {
  const { kernel, process } = thread;
  const flags = openFlagsFromGuest(kernel.isa, int(guestFlags));
  const file = kernel.files.open(thread, int(at), pathAt(thread, pathVa), flags, mode);
  if (typeof file === 'number') return file;
  const closeOnExec = (flags & OpenFlag.CLOEXEC) !== 0;
  if (file.inode?.type === FileType.FIFO && !(flags & OpenFlag.PATH)) return openFifo(thread, file, flags, closeOnExec);
  const fd = process.files.install(file, { closeOnExec });
  if (fd < 0) file.retain().release(thread.now());
  return fd;
}

/** A FIFO opens when both ends are there (fifo(7)). */
function openFifo(thread: Thread, place: OpenFile, flags: number, closeOnExec: boolean): number | Blocking {
  const node = place.inode as SpecialFile;
  node.attached ??= new Pipe(node.ino, node.mtime);
  const pipe = node.attached as Pipe;
  const readable = isReadable(flags);
  const writable = isWritable(flags);
  const nonBlocking = (flags & OpenFlag.NONBLOCK) !== 0;
  if (writable && !readable && nonBlocking && pipe.readers.size === 0) return -Errno.ENXIO;
  const end = new PipeEnd(pipe, place.flags, { inode: node, path: place.path, now: thread.now() });
  const install = () => thread.process.files.install(end, { closeOnExec });
  const others = () => (readable ? pipe.writerOpens : pipe.readerOpens);
  if (nonBlocking || (readable && writable) || (readable ? pipe.writers : pipe.readers).size > 0) return install();
  return awaitOtherEnd(thread, end, others, install);
}

function* awaitOtherEnd(thread: Thread, end: PipeEnd, opens: () => number, install: () => number): Blocking {
  const before = opens();
  end.retain();
  try {
    while (opens() === before) {
      const reason = yield* block({ queues: [end.queue], what: `open ${end.path}` });
      if (reason === 'signal' && opens() === before) return -Errno.EINTR;
    }
    return install();
  } finally {
    end.release(thread.now());
  }
}

function close(thread: Thread, fd: number): number {
  return thread.process.files.close(int(fd), thread.now());
}

const CLOSE_RANGE_CLOEXEC = 4;
const CLOSE_RANGE_UNSHARE = 2;

function closeRange(thread: Thread, first: number, last: number, flags: number): number {
  if (flags & ~(CLOSE_RANGE_CLOEXEC | CLOSE_RANGE_UNSHARE)) return -Errno.EINVAL;
  const from = first >>> 0;
  const to = last >>> 0;
  if (from > to) return -Errno.EINVAL;
  const { files } = thread.process;
  for (const fd of files.descriptors()) {
    if (fd < from || fd > to) continue;
    if (flags & CLOSE_RANGE_CLOEXEC) files.setCloseOnExec(fd, true);
    else files.close(fd, thread.now());
  }
  return 0;
}

function seek(thread: Thread, fd: number, offset: number, whence: number): number {
  return fileOf(thread, fd)?.seek(offset, int(whence)) ?? -Errno.EBADF;
}

function truncate(thread: Thread, pathVa: number, size: number): number {
  const opened = thread.kernel.files.open(thread, AT_FDCWD, pathAt(thread, pathVa), OpenFlag.WRONLY, 0);
  if (typeof opened === 'number') return opened;
  const result = size < 0 ? -Errno.EINVAL : opened.truncate(size);
  opened.retain().release(thread.now());
  return result;
}

function fileTruncate(thread: Thread, fd: number, size: number): number {
  const file = fileOf(thread, fd);
  if (file === undefined) return -Errno.EBADF;
  return size < 0 || !file.writable ? -Errno.EINVAL : file.truncate(size);
}

const FALLOCATE = { KEEP_SIZE: 1, PUNCH_HOLE: 2, ZERO_RANGE: 0x10 } as const;

function fallocate(thread: Thread, fd: number, mode: number, offset: number, length: number): number {
  const file = fileOf(thread, fd);
  if (file === undefined || file.flags & OpenFlag.PATH) return -Errno.EBADF;
  if (offset < 0 || length <= 0) return -Errno.EINVAL;
  // One kind of change at a time, and a hole never beyond the end (fs/open.c, vfs_fallocate).
  const { KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE } = FALLOCATE;
  const kinds: readonly number[] = [0, KEEP_SIZE, PUNCH_HOLE | KEEP_SIZE, ZERO_RANGE, ZERO_RANGE | KEEP_SIZE];
  if (!kinds.includes(mode)) return -Errno.EOPNOTSUPP;
  if (!file.writable) return -Errno.EBADF;
  if (file instanceof PipeEnd) return -Errno.ESPIPE;
  if (!(file instanceof OpenRegularFile)) return -Errno.ENODEV;
  const { inode } = file;
  const grows = !(mode & KEEP_SIZE) && offset + length > inode.size;
  const refusal = mode & PUNCH_HOLE || grows ? inode.sealedAgainst(grows) : 0;
  if (refusal !== 0) return refusal;
  if (mode & (FALLOCATE.PUNCH_HOLE | FALLOCATE.ZERO_RANGE)) {
    const end = Math.min(offset + length, inode.size);
    for (let at = offset; at < end; ) {
      const zeros = scratchBytes(end - at).fill(0);
      const written = inode.content.write(at, zeros);
      if (written < 0) return written;
      at += written;
    }
  }
  if (!(mode & FALLOCATE.KEEP_SIZE) && offset + length > inode.size) return inode.truncate(offset + length);
  inode.modified();
  return 0;
}

const MFD = { CLOEXEC: 1, ALLOW_SEALING: 2, NOEXEC_SEAL: 8, EXEC: 16 } as const;

function createMemoryFile(thread: Thread, nameVa: number, flags: number): number {
  if (flags & ~(MFD.CLOEXEC | MFD.ALLOW_SEALING | MFD.NOEXEC_SEAL | MFD.EXEC)) return -Errno.EINVAL;
  const name = thread.memory.cString(nameVa, 250);
  const inode = thread.kernel.files.anonymousFile(name);
  if (!(flags & MFD.ALLOW_SEALING)) inode.seals = 1; // F_SEAL_SEAL: none may be added
  const file = new OpenRegularFile(inode, OpenFlag.RDWR, `/memfd:${name} (deleted)`);
  return thread.process.files.install(file, { closeOnExec: (flags & MFD.CLOEXEC) !== 0 });
}

const CREAT_FLAGS = OpenFlag.CREAT | OpenFlag.WRONLY | OpenFlag.TRUNC;

/** Opening, closing, and what concerns a file's length. */
export const fileSyscalls: SyscallTopic = {
  open: { handler: (thread, path, flags, mode) => open(thread, AT_FDCWD, path, flags, mode), note: 'see openat' },
  openat: {
    handler: open,
    note: 'with O_TMPFILE and O_PATH; O_SYNC and O_DSYNC wait for the disk where there is one; O_DIRECT changes nothing',
  },
  creat: { handler: (thread, path, mode) => open(thread, AT_FDCWD, path, CREAT_FLAGS, mode), note: 'see openat' },
  close: { handler: close, note: 'complete' },
  close_range: { handler: closeRange, note: 'CLOSE_RANGE_UNSHARE has nobody to part from' },
  lseek: { handler: seek, note: 'SEEK_DATA and SEEK_HOLE see a file without holes' },
  truncate: { handler: truncate, note: 'complete' },
  ftruncate: { handler: fileTruncate, note: 'complete' },
  fallocate: { handler: fallocate, note: 'KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE; reserves no room' },
  readahead: { handler: (thread, fd) => (fileOf(thread, fd) ? 0 : -Errno.EBADF), note: 'does nothing' },
  fadvise64: { handler: (thread, fd) => (fileOf(thread, fd) ? 0 : -Errno.EBADF), note: 'does nothing' },
  memfd_create: { handler: createMemoryFile, note: 'with seals; no huge pages' },
};
