import { Errno } from '../emulator/errno.ts';
import type { Kernel } from '../emulator/linux/kernel.ts';
import type { Process } from '../emulator/linux/process.ts';
import { shootdownCycles } from '../emulator/linux/table-work.ts';
import type { Thread } from '../emulator/linux/thread.ts';
import type { AddressSpace } from '../emulator/memory/address-space.ts';
import { PAGE_SIZE, pageUp } from '../emulator/memory/physical.ts';
import { TASK_SIZE } from '../emulator/memory/range.ts';

/** Number of the one call `mmview(op, ...)` in the final interface of the mmview kernel, on both ISAs here. */
export const MMVIEW = 1000;

/** First argument of {@link MMVIEW}. */
export const MmviewOp = { create: 0, delete: 1, current: 2, migrate: 3, unshare: 4, share: 5, switchBase: 6 } as const;

/** Views that DELETE took from sight but in which threads still run, per address space. */
const leaving = new WeakMap<AddressSpace, Set<number>>();

const leavingOf = (space: AddressSpace): Set<number> => {
  let set = leaving.get(space);
  if (set === undefined) {
    set = new Set();
    leaving.set(space, set);
  }
  return set;
};

/** Whether a thread may enter the view: it exists and DELETE has not taken it. */
export const isVisible = ({ space }: Process, id: number): boolean => space.views.has(id) && !leavingOf(space).has(id);

/** Frees a deleted view once no thread is in it and it is not the base (a thread may have made it so from within). */
function reap(kernel: Kernel, space: AddressSpace, id: number): void {
  if (id === space.views.base) return;
  for (const thread of kernel.threadsIn(space)) if (thread.view === id) return;
  if (!leavingOf(space).delete(id)) return;
  space.deleteView(id);
}

/** Asked before a thread of the process enters another view; false refuses with EPERM. */
export type MigrationGuard = (thread: Thread, to: number) => boolean;
const guards = new WeakMap<AddressSpace, MigrationGuard>();

/** Puts a guard before the MIGRATE calls of a process and of those forked from it, until they execute another program; see overlay/safety. */
export function guardMigrations(process: Process, guard: MigrationGuard): void {
  guards.set(process.space, guard);
}

/** CREATE: duplicates the caller's view; unshared pages become copy-on-write. The caller stays where it is. */
export function createView(thread: Thread): number {
  const { process, kernel } = thread;
  const { views } = process.space;
  const id = process.space.createView(thread.view);
  if (process.space.window.end > 0) thread.charge(shootdownCycles(thread)); // its pages were made read-only
  thread.charge(
    kernel.costs.costs.viewCreate({
      ownTables: () => views.privateTables(id),
      mappedPages: () => views.mappedPages(thread.view),
    }),
  );
  if (kernel.events.enabled)
    kernel.events.emit({ type: 'view:create', time: thread.now(), tid: thread.tid, view: id, from: thread.view });
  return id;
}

/** DELETE: nobody can enter the view from now on; its memory is freed when the last thread has left it. */
export function deleteView(thread: Thread, id: number): number {
  const { process, kernel } = thread;
  if (!isVisible(process, id)) return -Errno.EINVAL;
  if (id === process.space.views.base) return -Errno.EPERM;
  leavingOf(process.space).add(id);
  reap(kernel, process.space, id);
  if (kernel.events.enabled) kernel.events.emit({ type: 'view:delete', time: thread.now(), tid: thread.tid, view: id });
  return 0;
}

/** MIGRATE: moves the calling thread; returns the view it left. */
export function migrate(thread: Thread, id: number): number {
  const { process, kernel } = thread;
  const from = thread.view;
  if (!isVisible(process, id)) return -Errno.EINVAL;
  if (from === id) return from;
  if (guards.get(process.space)?.(thread, id) === false) return -Errno.EPERM;
  thread.enterView(id);
  thread.charge(kernel.costs.costs.viewSwitch);
  if (leavingOf(process.space).has(from)) reap(kernel, process.space, from);
  if (kernel.events.enabled)
    kernel.events.emit({ type: 'view:switch', time: thread.now(), tid: thread.tid, from, to: id });
  return from;
}

/** UNSHARE and SHARE: whether each view has its own pages in a range. Holes in it are tolerated. */
export function setShared(thread: Thread, address: number, length: number, shared: boolean): number {
  const { space } = thread.process;
  if (space.views.size > 1) return -Errno.EPERM;
  if (address < 0 || address % PAGE_SIZE !== 0 || length <= 0 || address + pageUp(length) > TASK_SIZE)
    return -Errno.EINVAL;
  if (space.areas.find(address) === undefined) return -Errno.EINVAL;
  // Pages of a MAP_SHARED mapping belong to the file: no view can have its own ("Memory contained in the interval cannot
  // be unshared").
  for (const area of space.areas.overlapping(address, address + pageUp(length)))
    if (area.sharedMapping) return -Errno.EACCES;
  const refusal = space.setViewShared(address, length, shared);
  if (refusal < 0) return refusal;
  for (const other of thread.kernel.threadsIn(space)) other.enterView(other.view); // the code window changed
  return 0;
}

/** SWITCH_BASE: the caller's view leads from now on, and the former base may be deleted. Returns the caller's view. */
export function switchBase(thread: Thread): number {
  const { process, kernel } = thread;
  const former = process.space.views.base;
  const copied = process.space.views.switchBase(thread.view);
  thread.charge(copied * kernel.costs.costs.pageTableEntry);
  if (leavingOf(process.space).has(former)) reap(kernel, process.space, former);
  return thread.view;
}

function mmview(thread: Thread, op: number, a: number, b: number): number {
  switch (op) {
    case MmviewOp.create:
      return createView(thread);
    case MmviewOp.delete:
      return deleteView(thread, a);
    case MmviewOp.current:
      return thread.view;
    case MmviewOp.migrate:
      return migrate(thread, a);
    case MmviewOp.unshare:
      return setShared(thread, a, b, false);
    case MmviewOp.share:
      return setShared(thread, a, b, true);
    case MmviewOp.switchBase:
      return switchBase(thread);
    default:
      return -Errno.EINVAL;
  }
}

/** What every personality needs: a thread's end may be the end of a deleted view, and a forked process is guarded as its maker is. */
export function watchProcesses(kernel: Kernel): void {
  kernel.threadEnds.push((_thread, { space, view }) => {
    if (leavingOf(space).has(view)) reap(kernel, space, view);
  });
  kernel.forks.push((child, maker) => {
    const guard = guards.get(maker.process.space);
    if (guard !== undefined) guardMigrations(child, guard);
  });
}

/** Gives a kernel the mmview call (an extension of `MachineOptions`). */
export function installMmview(kernel: Kernel): void {
  watchProcesses(kernel);
  kernel.registerSyscall(MMVIEW, 'mmview', {
    handler: mmview,
    note: 'address-space views: CREATE, DELETE, CURRENT, MIGRATE, UNSHARE, SHARE, SWITCH_BASE (not in stock Linux)',
  });
}
