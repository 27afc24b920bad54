// The mmview kernel's interface before it became one call: system calls 1000 to 1003, in two generations. Programs of that
// time (WfPatch's library, the Multiverse demo) run unmodified on a machine with this extension instead of installMmview.

import { Errno } from '../emulator/errno.ts';
import type { Kernel } from '../emulator/linux/kernel.ts';
import type { SyscallHandler } from '../emulator/linux/syscall.ts';
import type { Thread } from '../emulator/linux/thread.ts';
import { createView, deleteView, installMmview, migrate, setShared, switchBase, watchProcesses } from './mmview.ts';

export const SeparateCall = { create: 1000, migrate: 1001, share: 1002, delete: 1003 } as const;

/**
 * Which kernel a machine's views look like: `mmview` has the one call of the final kernel; `separate` the calls of 2020/21, where 1002 is
 * `mmview_unshare(addr, len)`; `separate-base` those that followed, where 1002 is `mmview_set_shared(addr, len, shared)` and a negative id
 * given to 1003 makes the caller's view the base.
 */
export const personalities = ['mmview', 'separate', 'separate-base'] as const;
export type Personality = (typeof personalities)[number];

/** A negative id asks for the current view. */
const migrateOrCurrent = (thread: Thread, id: number): number => (id < 0 ? thread.view : migrate(thread, id));

/** The base cannot go, and neither can view 0: both were EINVAL, not EPERM. */
const remove = (thread: Thread, id: number): number =>
  id <= 0 || id === thread.process.space.views.base ? -Errno.EINVAL : deleteView(thread, id);

function removeOrSwitchBase(thread: Thread, id: number): number {
  if (id >= 0) return id === thread.process.space.views.base ? -Errno.EINVAL : deleteView(thread, id);
  switchBase(thread);
  return 0;
}

/** The extension (of `MachineOptions`) that gives a kernel the calls of a personality. */
export function personalityExtension(personality: Personality): (kernel: Kernel) => void {
  return personality === 'mmview' ? installMmview : (kernel) => installSeparateCalls(kernel, personality);
}

function installSeparateCalls(kernel: Kernel, generation: 'separate' | 'separate-base'): void {
  watchProcesses(kernel);
  const register = (number: number, name: string, handler: SyscallHandler, note: string): void =>
    kernel.registerSyscall(number, name, { handler, note: `${note} (mmview kernel before its one call)` });
  register(SeparateCall.create, 'mmview_create', createView, 'duplicates the calling view');
  register(SeparateCall.migrate, 'mmview_migrate', migrateOrCurrent, 'enters a view; a negative id: which is this?');
  if (generation === 'separate') {
    const unshare: SyscallHandler = (thread, address, length) => setShared(thread, address, length, false);
    register(SeparateCall.share, 'mmview_unshare', unshare, 'private per view');
    register(SeparateCall.delete, 'mmview_delete', remove, 'not the base');
  } else {
    const set: SyscallHandler = (thread, address, length, shared) =>
      setShared(thread, address, length, shared % 256 !== 0); // a C bool
    register(SeparateCall.share, 'mmview_set_shared', set, 'private per view, or common again');
    register(SeparateCall.delete, 'mmview_delete', removeOrSwitchBase, 'a negative id makes the calling view the base');
  }
}
