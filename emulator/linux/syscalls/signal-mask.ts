import { Errno } from '../../errno.ts';
import type { Blocking } from '../syscall.ts';
import type { Thread } from '../thread.ts';

const SIGSET_BYTES = 8;

/**
 * Makes a call under another signal mask (epoll_pwait, ppoll, pselect6). A handler that ends the wait runs before the old mask is
 * back; its frame remembers the old one.
 */
export function underMask(
  thread: Thread,
  maskVa: number,
  bytes: number,
  call: () => number | Blocking,
): number | Blocking {
  if (maskVa === 0) return call();
  if (bytes !== SIGSET_BYTES) return -Errno.EINVAL;
  const mask = thread.memory.u64(maskVa);
  thread.savedMask = thread.signalMask;
  thread.setSignalMask(mask);
  let result: number | Blocking;
  try {
    result = call();
  } catch (error) {
    restore(thread);
    throw error;
  }
  if (typeof result !== 'number') return waiting(thread, result);
  restore(thread);
  return result;
}

function* waiting(thread: Thread, call: Blocking): Blocking {
  let result: number | undefined;
  try {
    result = yield* call;
    return result;
  } finally {
    if (result !== -Errno.EINTR) restore(thread);
  }
}

function restore(thread: Thread): void {
  if (thread.savedMask === undefined) return;
  const mask = thread.savedMask;
  thread.savedMask = undefined;
  thread.setSignalMask(mask);
}
