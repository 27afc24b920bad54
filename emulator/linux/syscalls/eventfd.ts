import { Errno } from '../../errno.ts';
import { EventFile } from '../files/eventfd.ts';
import { OpenFlag } from '../files/open-flags.ts';
import type { SyscallTopic } from '../syscall.ts';
import type { Thread } from '../thread.ts';

const EFD_SEMAPHORE = 1;

/** EFD_CLOEXEC and EFD_NONBLOCK are open(2)'s flags, of the same value on both ISAs. */
function eventfd(thread: Thread, initial: number, flags: number): number {
  if (flags & ~(EFD_SEMAPHORE | OpenFlag.CLOEXEC | OpenFlag.NONBLOCK)) return -Errno.EINVAL;
  const file = new EventFile(initial >>> 0, {
    semaphore: (flags & EFD_SEMAPHORE) !== 0,
    nonBlocking: (flags & OpenFlag.NONBLOCK) !== 0,
  });
  return thread.process.files.install(file, { closeOnExec: (flags & OpenFlag.CLOEXEC) !== 0 });
}

export const eventfdSyscalls: SyscallTopic = {
  eventfd: { handler: (thread, initial) => eventfd(thread, initial, 0), note: 'complete' },
  eventfd2: { handler: eventfd, note: 'complete' },
};
