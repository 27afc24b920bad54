// Calls that wait until data is on the disk. Files in memory have none below them, and host folders are the host's: both are done at once.

import { Errno } from '../../errno.ts';
import { pageDown, pageUp } from '../../memory/physical.ts';
import type { OpenFile } from '../files/open-file.ts';
import type { Storage } from '../files/storage.ts';
import { type Blocking, block, type SyscallTopic } from '../syscall.ts';
import type { Thread } from '../thread.ts';
import { fileOf, int } from './arguments.ts';

const MS = { ASYNC: 1, INVALIDATE: 2, SYNC: 4 } as const;

const storageOf = (file: OpenFile): Storage | undefined => file.inode?.fileSystem.storage;

/** Waits for the disk; only then is anything durable, so that a crash in between may take it. A signal does not end the wait (it is short). */
function* flushing(thread: Thread, storage: Storage, flush: () => number): Blocking {
  const deadline = thread.now() + storage.flushTime;
  storage.flushes++;
  yield* block({ queues: [], deadline, what: 'fsync' });
  return flush();
}

const through = (thread: Thread, storage: Storage | undefined, flush: () => number): number | Blocking =>
  storage === undefined ? flush() : flushing(thread, storage, flush);

/** The result of a write, once what it wrote is durable. */
export function whenOnDisk(thread: Thread, file: OpenFile, written: number | Blocking): number | Blocking {
  const storage = storageOf(file);
  if (storage === undefined) return written;
  function* both(disk: Storage): Blocking {
    const count = typeof written === 'number' ? written : yield* written;
    if (count <= 0) return count;
    const result = yield* flushing(thread, disk, () => file.sync());
    return result < 0 ? result : count;
  }
  return both(storage);
}

function sync(thread: Thread, fd: number): number | Blocking {
  const file = fileOf(thread, fd);
  return file === undefined ? -Errno.EBADF : through(thread, storageOf(file), () => file.sync());
}

function syncFileSystem(thread: Thread, fd: number): number | Blocking {
  const file = fileOf(thread, fd);
  if (file === undefined) return -Errno.EBADF;
  const storage = storageOf(file);
  if (storage === undefined) return file.inode === undefined ? 0 : file.sync();
  return flushing(thread, storage, () => {
    storage.sync();
    return 0;
  });
}

function syncEverything(thread: Thread): number | Blocking {
  const { files } = thread.kernel;
  return through(thread, files.root.fileSystem.storage, () => {
    files.sync();
    return 0;
  });
}

function syncMapping(thread: Thread, address: number, length: number, flags: number): number | Blocking {
  const kind = int(flags);
  if (kind & ~(MS.ASYNC | MS.INVALIDATE | MS.SYNC) || (kind & MS.ASYNC && kind & MS.SYNC)) return -Errno.EINVAL;
  const { areas } = thread.process.space;
  if (!areas.isGapless(pageDown(address), pageUp(address + length))) return -Errno.ENOMEM;
  if (!(kind & MS.SYNC)) return 0;
  const contents = areas
    .overlapping(address, address + length)
    .flatMap(({ sharedMapping, file }) => (sharedMapping && file !== undefined ? [file.mappable] : []));
  const flush = (): number => {
    for (const content of contents) content.flush?.();
    return 0;
  };
  return contents.length === 0 ? 0 : through(thread, thread.kernel.files.root.fileSystem.storage, flush);
}

/** Calls after which data outlives a crash. */
export const syncingSyscalls: SyscallTopic = {
  fsync: {
    handler: sync,
    note: 'waits for the disk, if there is one; of a directory: its names; reaches the host for read-write folders',
  },
  fdatasync: { handler: sync, note: 'see fsync' },
  sync: { handler: syncEverything, note: 'everything on the disk, and shared mappings of read-write folders' },
  syncfs: { handler: syncFileSystem, note: 'see sync' },
  sync_file_range: {
    handler: (thread, fd) => (fileOf(thread, fd) === undefined ? -Errno.EBADF : 0),
    note: 'makes nothing durable, as sync_file_range(2) warns',
  },
  msync: { handler: syncMapping, note: 'MS_SYNC waits for the disk with the whole files that are mapped shared' },
};
