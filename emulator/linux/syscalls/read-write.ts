import { Errno } from '../../errno.ts';
import type { OpenFile } from '../files/open-file.ts';
import { OpenFlag } from '../files/open-flags.ts';
import type { Blocking, SyscallTopic } from '../syscall.ts';
import type { Thread } from '../thread.ts';
import { fileOf, int, oneSegment, type Segment, segmentsAt, totalLength } from './arguments.ts';
import { whenOnDisk } from './syncing.ts';
import { readOnce, retrying, writeAll, writeOnce } from './transfer.ts';

/** Moves bytes between guest memory and a file. */
type Transfer = (thread: Thread, file: OpenFile, segments: readonly Segment[], how: How) => number | Blocking;

interface How {
  /** Where in the file; absent: where it stands. */
  readonly offset?: number | undefined;
  /** The call ends when what was written is on the disk. */
  readonly durable?: boolean;
}

/** A transfer by descriptor, after the checks that reading and writing have in common. */
const byDescriptor =
  (access: 'readable' | 'writable', transfer: Transfer) =>
  (thread: Thread, fd: number, segments: readonly Segment[] | number, how: How = {}): number | Blocking => {
    const file = fileOf(thread, fd);
    if (file === undefined || !file[access] || file.flags & OpenFlag.PATH) return -Errno.EBADF;
    if (typeof segments === 'number') return segments;
    if (how.offset !== undefined) {
      if (!file.seekable) return -Errno.ESPIPE;
      if (how.offset < 0) return -Errno.EINVAL;
    }
    return transfer(thread, file, segments, how);
  };

const readSegments = byDescriptor('readable', (thread, file, segments, { offset }) =>
  retrying(thread, file, () => readOnce(thread, file, segments, offset), { what: 'read', wait: !file.nonBlocking }),
);

const writeSegments = byDescriptor('writable', (thread, file, segments, { offset, durable = false }) => {
  const send = (skip: number) =>
    writeOnce(thread, file, segments, skip, offset === undefined ? undefined : offset + skip);
  const written = writeAll(thread, file, totalLength(segments), send, { wait: !file.nonBlocking, what: 'write' });
  return file.flags & OpenFlag.DSYNC || durable ? whenOnDisk(thread, file, written) : written;
});

const RWF_KNOWN = 0x1f;
/** RWF_DSYNC and RWF_SYNC. */
const RWF_DURABLE = 6;

const vectorOf = (thread: Thread, iov: number, count: number) => segmentsAt(thread.memory, iov, int(count));

/** preadv and pwritev. Both ISAs give the whole offset in one register. */
const vectored =
  (transfer: typeof readSegments) => (thread: Thread, fd: number, iov: number, count: number, offset: number) =>
    transfer(thread, fd, vectorOf(thread, iov, count), { offset });

/** preadv2 and pwritev2: an offset of -1 means the file's own position. */
const vectoredWithFlags =
  (transfer: typeof readSegments) =>
  (thread: Thread, fd: number, iov: number, count: number, offset: number, _high: number, flags: number) => {
    if (flags & ~RWF_KNOWN) return -Errno.EOPNOTSUPP;
    const how = { offset: offset === -1 ? undefined : offset, durable: (flags & RWF_DURABLE) !== 0 };
    return transfer(thread, fd, vectorOf(thread, iov, count), how);
  };

/** Moving bytes between guest memory and files. */
export const readWriteSyscalls: SyscallTopic = {
  read: { handler: (thread, fd, va, count) => readSegments(thread, fd, oneSegment(va, count)), note: 'complete' },
  write: { handler: (thread, fd, va, count) => writeSegments(thread, fd, oneSegment(va, count)), note: 'complete' },
  readv: {
    handler: (thread, fd, iov, count) => readSegments(thread, fd, vectorOf(thread, iov, count)),
    note: 'complete',
  },
  writev: {
    handler: (thread, fd, iov, count) => writeSegments(thread, fd, vectorOf(thread, iov, count)),
    note: 'complete',
  },
  pread64: {
    handler: (thread, fd, va, count, offset) => readSegments(thread, fd, oneSegment(va, count), { offset }),
    note: 'complete',
  },
  pwrite64: {
    handler: (thread, fd, va, count, offset) => writeSegments(thread, fd, oneSegment(va, count), { offset }),
    note: 'complete',
  },
  preadv: { handler: vectored(readSegments), note: 'complete' },
  pwritev: { handler: vectored(writeSegments), note: 'complete' },
  preadv2: { handler: vectoredWithFlags(readSegments), note: 'the flags change nothing' },
  pwritev2: {
    handler: vectoredWithFlags(writeSegments),
    note: 'RWF_SYNC and RWF_DSYNC; the other flags change nothing',
  },
};
