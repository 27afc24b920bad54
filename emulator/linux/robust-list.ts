// Robust futexes: what exit does for the locks that a thread still holds (Documentation/locking/robust-futexes.rst, set_robust_list(2)).

import { OutOfMemory } from '../memory/physical.ts';
import { UserFault } from '../memory/user-memory.ts';
import { wakeFutex } from './futex.ts';
import type { Thread } from './thread.ts';

const FUTEX_WAITERS = 0x8000_0000;
const FUTEX_OWNER_DIED = 0x4000_0000;
const FUTEX_TID_MASK = 0x3fff_ffff;
/** As the kernel's ROBUST_LIST_LIMIT: a list may be circular. */
const MOST_ENTRIES = 2048;
export const ROBUST_HEAD_SIZE = 24;

/** Marks each lock on the list as one whose owner died and wakes one waiter of it. A bad list ends the walk, silently as in Linux. */
export function wakeRobustFutexes(thread: Thread): void {
  const { robustList: head, memory } = thread;
  if (head === 0) return;
  try {
    const offset = memory.word(head + 8);
    const pending = untagged(memory.pointer(head + 16));
    let entry = untagged(memory.pointer(head));
    for (let count = 0; entry !== head && count < MOST_ENTRIES; count++) {
      const next = untagged(memory.pointer(entry));
      if (entry !== pending) ownerDied(thread, entry + offset);
      entry = next;
    }
    if (pending !== 0) ownerDied(thread, pending + offset);
  } catch (error) {
    if (!(error instanceof UserFault || error instanceof OutOfMemory)) throw error;
  }
}

/** Bit 0 of an entry's address marks a priority-inheritance lock. */
const untagged = (pointer: number): number => pointer - (pointer % 2);

function ownerDied(thread: Thread, va: number): void {
  const word = thread.memory.u32(va);
  if ((word & FUTEX_TID_MASK) !== thread.tid) return;
  thread.memory.setU32(va, ((word & FUTEX_WAITERS) | FUTEX_OWNER_DIED) >>> 0);
  if (word & FUTEX_WAITERS) wakeFutex(thread, va, 1);
}
