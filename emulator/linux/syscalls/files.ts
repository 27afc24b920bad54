import { Errno } from '../../errno.ts';
import type { SpecialFile } from '../files/inode.ts';
import { OpenRegularFile } from '../files/inode-file.ts';
import type { OpenFile } from '../files/open-file.ts';
import { isReadable, isWritable, OpenFlag, openFlagsFromGuest } from '../files/open-flags.ts';
import { Pipe, PipeEnd } from '../files/pipe.ts';
import { FileType } from '../files/stat.ts';
import { AT_FDCWD } from '../files/vfs.ts';
import { type Blocking, block, type SyscallTopic } from '../syscall.ts';
import type { Thread } from '../thread.ts';
import { fileOf, int, oneSegment, pathAt, type Segment, segmentsAt, totalLength } from './arguments.ts';
import { whenOnDisk } from './syncing.ts';
import { chargeTransfer, readOnce, retrying, scratchBytes, writeAll, writeOnce } from './transfer.ts';

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

function readSegments(
  thread: Thread,
  fd: number,
  segments: readonly Segment[] | number,
  offset?: number,
): number | Blocking {
  const file = fileOf(thread, fd);
  if (file === undefined || !file.readable || file.flags & OpenFlag.PATH) return -Errno.EBADF;
  if (typeof segments === 'number') return segments;
  if (offset !== undefined) {
    if (!file.seekable) return -Errno.ESPIPE;
    if (offset < 0) return -Errno.EINVAL;
  }
  return retrying(thread, file, () => readOnce(thread, file, segments, offset), {
    what: 'read',
    wait: !file.nonBlocking,
  });
}

function writeSegments(
  thread: Thread,
  fd: number,
  segments: readonly Segment[] | number,
  offset?: number,
  durable = false,
): number | Blocking {
  const file = fileOf(thread, fd);
  if (file === undefined || !file.writable || file.flags & OpenFlag.PATH) return -Errno.EBADF;
  if (typeof segments === 'number') return segments;
  if (offset !== undefined) {
    if (!file.seekable) return -Errno.ESPIPE;
    if (offset < 0) return -Errno.EINVAL;
  }
  const send = (skip: number) =>
    writeOnce(thread, file, segments, skip, offset === undefined ? undefined : offset + skip);
  const written = writeAll(thread, file, totalLength(segments), send, { wait: !file.nonBlocking, what: 'write' });
  return file.flags & OpenFlag.DSYNC || durable ? whenOnDisk(thread, file, written) : written;
}

const RWF_KNOWN = 0x1f;
/** RWF_DSYNC and RWF_SYNC. */
const RWF_DURABLE = 6;

/** preadv2 and pwritev2: an offset of -1 means the file's own position. */
const vectored =
  (transfer: typeof writeSegments, hasFlags: boolean) =>
  (thread: Thread, fd: number, iov: number, count: number, offset: number, _high: number, flags: number) => {
    if (hasFlags && flags & ~RWF_KNOWN) return -Errno.EOPNOTSUPP;
    const at = hasFlags && offset === -1 ? undefined : offset;
    return transfer(
      thread,
      fd,
      segmentsAt(thread.memory, iov, int(count)),
      at,
      hasFlags && (flags & RWF_DURABLE) !== 0,
    );
  };

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
  if (file === undefined || !file.writable) return -Errno.EBADF;
  if (!(file instanceof OpenRegularFile)) return -Errno.ENODEV;
  if (offset < 0 || length <= 0) return -Errno.EINVAL;
  if (mode & ~(FALLOCATE.KEEP_SIZE | FALLOCATE.PUNCH_HOLE | FALLOCATE.ZERO_RANGE)) return -Errno.EOPNOTSUPP;
  if (mode & FALLOCATE.PUNCH_HOLE && !(mode & FALLOCATE.KEEP_SIZE)) return -Errno.EOPNOTSUPP;
  const { inode } = file;
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

/** Copies inside the kernel; offsets are guest pointers or 0 for the file's own position. */
function copyBetween(
  thread: Thread,
  from: OpenFile,
  fromVa: number,
  to: OpenFile,
  toVa: number,
  count: number,
): number | Blocking {
  const { memory } = thread;
  let fromAt = fromVa === 0 ? undefined : memory.word(fromVa);
  let toAt = toVa === 0 ? undefined : memory.word(toVa);
  if ((fromAt !== undefined && (fromAt < 0 || !from.seekable)) || (toAt !== undefined && toAt < 0))
    return -Errno.EINVAL;
  let done = 0;
  const finish = () => {
    if (fromAt !== undefined) memory.setWord(fromVa, fromAt);
    if (toAt !== undefined) memory.setWord(toVa, toAt);
    return done;
  };
  const attempt = (): number => {
    while (done < count) {
      const now = thread.now();
      const buffer = scratchBytes(count - done);
      const got = from.read(buffer, now, fromAt ?? (from.seekable ? from.offset : undefined));
      if (got <= 0) return done > 0 || got === 0 ? finish() : got;
      const put = to.write(buffer.subarray(0, got), now, toAt);
      if (put < 0) return put === -Errno.EAGAIN ? put : done > 0 ? finish() : put;
      chargeTransfer(thread, 2 * put, to.writeCost(thread.kernel.costs.costs));
      if (fromAt !== undefined) fromAt += put;
      else if (from.seekable) from.offset += put;
      if (toAt !== undefined) toAt += put;
      done += put;
    }
    return finish();
  };
  const result = attempt();
  if (result !== -Errno.EAGAIN) return result;
  if (done > 0) return finish();
  return retrying(thread, to, attempt, { what: 'sendfile', wait: !to.nonBlocking });
}

function sendFile(thread: Thread, toFd: number, fromFd: number, offsetVa: number, count: number): number | Blocking {
  const from = fileOf(thread, fromFd);
  const to = fileOf(thread, toFd);
  if (from === undefined || to === undefined || !from.readable || !to.writable) return -Errno.EBADF;
  if (!from.seekable) return -Errno.EINVAL;
  return copyBetween(thread, from, offsetVa, to, 0, Math.min(count, 0x7ffff000));
}

function copyFileRange(
  thread: Thread,
  fromFd: number,
  fromVa: number,
  toFd: number,
  toVa: number,
  count: number,
  flags = 0,
): number | Blocking {
  const from = fileOf(thread, fromFd);
  const to = fileOf(thread, toFd);
  if (from === undefined || to === undefined || !from.readable || !to.writable) return -Errno.EBADF;
  if (flags !== 0 || !(from instanceof OpenRegularFile) || !(to instanceof OpenRegularFile)) return -Errno.EINVAL;
  if (to.flags & OpenFlag.APPEND) return -Errno.EBADF;
  return copyBetween(thread, from, fromVa, to, toVa, Math.min(count, 0x7ffff000));
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

/** Opening, closing and moving bytes. */
export const fileSyscalls: SyscallTopic = {
  open: { handler: (thread, path, flags, mode) => open(thread, AT_FDCWD, path, flags, mode), note: 'see openat' },
  openat: {
    handler: open,
    note: 'with O_TMPFILE and O_PATH; O_SYNC and O_DSYNC wait for the disk where there is one; O_DIRECT changes nothing',
  },
  creat: { handler: (thread, path, mode) => open(thread, AT_FDCWD, path, CREAT_FLAGS, mode), note: 'see openat' },
  close: { handler: close, note: 'complete' },
  close_range: { handler: closeRange, note: 'CLOSE_RANGE_UNSHARE has nobody to part from' },
  read: { handler: (thread, fd, va, count) => readSegments(thread, fd, oneSegment(va, count)), note: 'complete' },
  write: { handler: (thread, fd, va, count) => writeSegments(thread, fd, oneSegment(va, count)), note: 'complete' },
  readv: {
    handler: (thread, fd, iov, count) => readSegments(thread, fd, segmentsAt(thread.memory, iov, int(count))),
    note: 'complete',
  },
  writev: {
    handler: (thread, fd, iov, count) => writeSegments(thread, fd, segmentsAt(thread.memory, iov, int(count))),
    note: 'complete',
  },
  pread64: {
    handler: (thread, fd, va, count, offset) => readSegments(thread, fd, oneSegment(va, count), offset),
    note: 'complete',
  },
  pwrite64: {
    handler: (thread, fd, va, count, offset) => writeSegments(thread, fd, oneSegment(va, count), offset),
    note: 'complete',
  },
  preadv: { handler: vectored(readSegments, false), note: 'complete' },
  pwritev: { handler: vectored(writeSegments, false), note: 'complete' },
  preadv2: { handler: vectored(readSegments, true), note: 'the flags change nothing' },
  pwritev2: { handler: vectored(writeSegments, true), note: 'RWF_SYNC and RWF_DSYNC; the other flags change nothing' },
  lseek: { handler: seek, note: 'SEEK_DATA and SEEK_HOLE see a file without holes' },
  truncate: { handler: truncate, note: 'complete' },
  ftruncate: { handler: fileTruncate, note: 'complete' },
  fallocate: { handler: fallocate, note: 'KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE; reserves no room' },
  sendfile: { handler: sendFile, note: 'complete' },
  copy_file_range: { handler: copyFileRange, note: 'complete' },
  readahead: { handler: (thread, fd) => (fileOf(thread, fd) ? 0 : -Errno.EBADF), note: 'does nothing' },
  fadvise64: { handler: (thread, fd) => (fileOf(thread, fd) ? 0 : -Errno.EBADF), note: 'does nothing' },
  memfd_create: { handler: createMemoryFile, note: 'with seals; no huge pages' },
};
