import { Errno } from '../../errno.ts';
import { discard } from '../../memory/discard.ts';
import { PAGE_SIZE, pageUp } from '../../memory/physical.ts';
import { protect } from '../../memory/protection.ts';
import { rangeOf } from '../../memory/range.ts';
import { remap } from '../../memory/remap.ts';
import { Prot } from '../../memory/vma.ts';
import type { SyscallTopic } from '../syscall.ts';
import { changeTables } from '../table-work.ts';
import type { Thread } from '../thread.ts';
import { int } from './arguments.ts';
import { mayLock, mayLockAny } from './memory-locks.ts';

/** MAP_* of include/uapi/asm-generic/mman-common.h, the same on both ISAs. */
const MapFlag = {
  shared: 1,
  private: 2,
  sharedValidate: 3,
  typeMask: 0xf,
  fixed: 0x10,
  anonymous: 0x20,
  growsDown: 0x100,
  locked: 0x2000,
  fixedNoReplace: 0x100000,
} as const;
const Advice = { dontNeed: 4, free: 8, remove: 9 } as const;
/** MADV_NORMAL to MADV_DONTNEED, MADV_FREE to MADV_POPULATE_WRITE. */
const isAdvice = (advice: number): boolean => (advice >= 0 && advice <= 4) || (advice >= 8 && advice <= 23);
const Remap = { mayMove: 1, fixed: 2, dontUnmap: 4 } as const;
const PROT_ALL = Prot.read | Prot.write | Prot.exec;
const PROT_IGNORED = 0x0300_0008; // PROT_SEM, PROT_GROWSDOWN, PROT_GROWSUP
const O_ACCMODE = 3;
const O_WRONLY = 1;
const O_RDWR = 2;

function mmap(
  thread: Thread,
  address: number,
  length: number,
  prot: number,
  flags: number,
  fd: number,
  offset: number,
): number {
  const type = flags & MapFlag.typeMask;
  const shared = type === MapFlag.shared || type === MapFlag.sharedValidate;
  if (length === 0 || (!shared && type !== MapFlag.private) || offset % PAGE_SIZE !== 0 || offset < 0)
    return -Errno.EINVAL;
  if (length < 0) return -Errno.ENOMEM; // of 64 bits: more than there are addresses
  if (prot & ~(PROT_ALL | PROT_IGNORED)) return -Errno.EINVAL;
  const request = {
    address,
    length,
    prot: prot & PROT_ALL,
    fixed: (flags & MapFlag.fixed) !== 0,
    noReplace: (flags & MapFlag.fixedNoReplace) !== 0,
    shared,
    locked: (flags & MapFlag.locked) !== 0,
  };
  const { space } = thread.process;
  const isLocked = (flags & MapFlag.locked) !== 0;
  if (isLocked && !mayLockAny(thread)) return -Errno.EPERM;
  if ((isLocked || space.locksFuture) && !mayLock(thread, pageUp(length))) return -Errno.EAGAIN;
  if (flags & MapFlag.anonymous) return space.map(request);
  const file = thread.process.files.get(fd);
  if (file === undefined) return -Errno.EBADF;
  if (file.mappable === undefined) return -Errno.ENODEV;
  const mode = file.flags & O_ACCMODE;
  if (mode === O_WRONLY || (shared && (prot & Prot.write) !== 0 && mode !== O_RDWR)) return -Errno.EACCES;
  return space.map({ ...request, file: { mappable: file.mappable, offset } });
}

function madvise(thread: Thread, address: number, length: number, behaviour: number): number {
  const range = rangeOf(address, length);
  const advice = int(behaviour);
  if (!isAdvice(advice) || address % PAGE_SIZE !== 0 || range === undefined) return -Errno.EINVAL;
  const { start, end } = range;
  if (end === start) return length === 0 ? 0 : -Errno.EINVAL;
  const { space } = thread.process;
  if (advice === Advice.dontNeed || advice === Advice.free)
    return changeTables(thread, () => discard(space, thread.view, start, end, advice === Advice.free));
  // The other advices change speed only; MADV_REMOVE would punch a hole into a file.
  if (advice === Advice.remove) return -Errno.EINVAL;
  return space.areas.isGapless(start, end) ? 0 : -Errno.ENOMEM;
}

function mremap(
  thread: Thread,
  address: number,
  oldLength: number,
  newLength: number,
  flags: number,
  newAddress: number,
): number {
  if (flags & ~(Remap.mayMove | Remap.fixed | Remap.dontUnmap)) return -Errno.EINVAL;
  const mayMove = (flags & Remap.mayMove) !== 0;
  const fixed = (flags & Remap.fixed) !== 0;
  const dontUnmap = (flags & Remap.dontUnmap) !== 0;
  if (fixed && !mayMove) return -Errno.EINVAL;
  const { space } = thread.process;
  const { window } = space;
  const growth = pageUp(newLength) - pageUp(oldLength);
  if (growth > 0 && space.areas.find(address)?.locked === true && !mayLock(thread, growth)) return -Errno.EAGAIN;
  const wanted = fixed || dontUnmap ? newAddress : 0;
  const request = { address, oldLength, newLength, mayMove, fixed, dontUnmap, newAddress: wanted };
  const result = changeTables(thread, () => remap(space, thread.view, request));
  if (space.window !== window) for (const other of thread.kernel.threadsIn(space)) other.enterView(other.view);
  return result;
}

function mprotect(thread: Thread, address: number, length: number, prot: number): number {
  if (prot & ~(PROT_ALL | PROT_IGNORED)) return -Errno.EINVAL;
  return changeTables(thread, () => protect(thread.process.space, thread.view, address, length, prot & PROT_ALL));
}

/** No CPU here has protection keys: x86-64 then knows none (arch/x86/include/asm/pkeys.h), AArch64 the one that all pages have (include/linux/pkeys.h). */
function pkeyMprotect(thread: Thread, address: number, length: number, prot: number, pkey: number): number {
  const key = pkey | 0;
  const isKnown = key === -1 || (key === 0 && thread.kernel.abi.isa === 'aarch64');
  if (!isKnown && address % PAGE_SIZE === 0 && length === 0) return 0;
  return isKnown ? mprotect(thread, address, length, prot) : -Errno.EINVAL;
}

function mincore(thread: Thread, address: number, length: number, vector: number): number {
  if (address % PAGE_SIZE !== 0) return -Errno.EINVAL;
  const { space } = thread.process;
  for (let page = 0; page < pageUp(length) / PAGE_SIZE; page++) {
    const va = address + page * PAGE_SIZE;
    if (space.areas.find(va) === undefined) return -Errno.ENOMEM;
    const entry = space.views.find(thread.view, va);
    thread.memory.setU8(vector + page, entry >= 0 ? space.physical.u32[entry]! & 1 : 0);
  }
  return 0;
}

export const memorySyscalls: SyscallTopic = {
  mmap: {
    handler: mmap,
    note: 'anonymous and file mappings, shared and private, MAP_FIXED(_NOREPLACE); reserved lazily; no huge pages',
  },
  munmap: {
    handler: (thread, address, length) => changeTables(thread, () => thread.process.space.unmap(address, length)),
    note: 'in all views',
  },
  mprotect: {
    handler: mprotect,
    note: 'shared ranges: all views; unshared ranges: the calling view; a page is never writable and executable at once',
  },
  pkey_mprotect: {
    handler: pkeyMprotect,
    note: 'pkey -1: as mprotect; EINVAL otherwise, as on CPUs without protection keys (AArch64 has key 0)',
  },
  mremap: {
    handler: mremap,
    note: 'grows, shrinks and moves, in all views; MREMAP_FIXED, MREMAP_DONTUNMAP',
  },
  brk: {
    handler: (thread, address) => {
      const { space } = thread.process;
      const { heap } = space;
      const growth = pageUp(address) - pageUp(heap.end);
      if (space.locksFuture && growth > 0 && !mayLock(thread, growth)) return heap.end;
      return changeTables(thread, () => heap.brk(address));
    },
    note: 'in all views',
  },
  madvise: {
    handler: madvise,
    note: 'MADV_DONTNEED and MADV_FREE discard: shared ranges in all views, unshared ones in the calling view; advice on speed is accepted',
  },
  mincore: { handler: mincore, note: 'pages present in the calling view' },
};
