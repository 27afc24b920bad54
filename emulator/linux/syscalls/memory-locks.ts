// mlock(2) and its like. Guest memory is never swapped: what is left of a lock is that its pages are there at once, that MADV_DONTNEED leaves them
// alone, the limit on how much may be locked, and what /proc says.

import { Errno } from '../../errno.ts';
import { Pte } from '../../memory/page-table.ts';
import { OutOfMemory, PAGE_SIZE, pageDown } from '../../memory/physical.ts';
import { type Range, rangeOf } from '../../memory/range.ts';
import { UserFault } from '../../memory/user-memory.ts';
import { Prot, protIn, type Vma } from '../../memory/vma.ts';
import { Access } from '../../native/binding.ts';
import { RLIMIT_MEMLOCK } from '../resource-limits.ts';
import type { SyscallTopic } from '../syscall.ts';
import type { Thread } from '../thread.ts';

const MLOCK_ONFAULT = 1;
const LockAll = { current: 1, future: 2, onFault: 4 } as const;

/** CAP_IPC_LOCK, which only root has. */
const mayLockAll = ({ process }: Thread): boolean => process.credentials.euid === 0;
const limitOf = ({ process }: Thread): number => Number(process.limits.get(RLIMIT_MEMLOCK)[0]);

/** Whether so many bytes more may be locked (mlock_future_check of mm/mmap.c). */
export const mayLock = (thread: Thread, bytes: number): boolean =>
  mayLockAll(thread) || thread.process.space.areas.lockedBytes() + bytes <= limitOf(thread);

/** Whether the caller may lock anything at all (can_do_mlock). */
export const mayLockAny = (thread: Thread): boolean => mayLockAll(thread) || limitOf(thread) > 0;

/** Makes an area's pages present in the caller's view, as a first access would. Throws UserFault where the view may not look. */
function populate(thread: Thread, area: Vma, start: number, end: number): void {
  const { process, view, memory, kernel } = thread;
  const { views, physical } = process.space;
  const prot = protIn(area, view);
  if (prot === Prot.none) throw new UserFault(start, Access.read);
  const access = (prot & Prot.write) !== 0 && !area.sharedMapping ? Access.write : Access.read;
  for (let page = Math.max(start, area.start); page < Math.min(end, area.end); page += PAGE_SIZE) {
    const entry = views.find(view, page);
    if (entry >= 0 && (physical.u32[entry]! & Pte.present) !== 0) continue;
    memory.translate(page, access);
    thread.charge(kernel.pageFaultCycles.zero);
  }
}

/** Returns 0, or what mlock says of pages that cannot be had (__mlock_posix_error_return). */
function populateRange(thread: Thread, start: number, end: number): number {
  try {
    for (const area of thread.process.space.areas.overlapping(start, end)) populate(thread, area, start, end);
    return 0;
  } catch (error) {
    if (error instanceof UserFault) return -Errno.ENOMEM;
    if (error instanceof OutOfMemory) return -Errno.EAGAIN;
    throw error;
  }
}

/** The pages that some of the bytes lie in. */
const pagesOf = (address: number, length: number): Range | undefined =>
  rangeOf(pageDown(address), length + (address - pageDown(address)));

function lock(thread: Thread, address: number, length: number, isOnFault: boolean): number {
  const { space } = thread.process;
  if (!mayLockAny(thread)) return -Errno.EPERM;
  const range = pagesOf(address, length);
  if (range === undefined) return -Errno.EINVAL;
  const { start, end } = range;
  if (!mayLock(thread, end - start - space.areas.lockedBytes(start, end))) return -Errno.ENOMEM;
  const refusal = setLocked(thread, range, true);
  return isOnFault || refusal < 0 ? refusal : populateRange(thread, start, end);
}

function unlock(thread: Thread, address: number, length: number): number {
  const range = pagesOf(address, length);
  return range === undefined ? -Errno.EINVAL : setLocked(thread, range, false);
}

/** As apply_vma_lock_flags of mm/mlock.c: up to a hole it is done, then comes the error. */
function setLocked(thread: Thread, { start, end }: Range, locked: boolean): number {
  const { space } = thread.process;
  const hole = space.areas.holeIn(start, end);
  const refusal = space.setLocked(start, hole, locked);
  return refusal < 0 || hole >= end ? refusal : -Errno.ENOMEM;
}

function lockAll(thread: Thread, flags: number): number {
  const known = LockAll.current | LockAll.future | LockAll.onFault;
  if (flags === 0 || flags === LockAll.onFault || (flags & ~known) !== 0) return -Errno.EINVAL;
  if (!mayLockAny(thread)) return -Errno.EPERM;
  const { space } = thread.process;
  let total = 0;
  for (const area of space.areas) total += area.end - area.start;
  const isCurrent = (flags & LockAll.current) !== 0;
  if (isCurrent && !mayLockAll(thread) && total > limitOf(thread)) return -Errno.ENOMEM;
  space.locksFuture = (flags & LockAll.future) !== 0;
  if (!isCurrent) return 0;
  for (const area of [...space.areas]) {
    area.locked = true;
    // What cannot be had is passed over here.
    if ((flags & LockAll.onFault) === 0) populateRange(thread, area.start, area.end);
  }
  return 0;
}

function unlockAll(thread: Thread): number {
  const { space } = thread.process;
  space.locksFuture = false;
  for (const area of space.areas) area.locked = false;
  return 0;
}

export const memoryLockSyscalls: SyscallTopic = {
  mlock: {
    handler: (thread, address, length) => lock(thread, address, length, false),
    note: 'in all views; RLIMIT_MEMLOCK unless root; nothing is ever swapped',
  },
  mlock2: {
    handler: (thread, address, length, flags) =>
      flags & ~MLOCK_ONFAULT ? -Errno.EINVAL : lock(thread, address, length, (flags & MLOCK_ONFAULT) !== 0),
    note: 'as mlock, with MLOCK_ONFAULT',
  },
  munlock: { handler: unlock, note: 'in all views' },
  mlockall: { handler: lockAll, note: 'MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT' },
  munlockall: { handler: unlockAll, note: 'complete' },
};
