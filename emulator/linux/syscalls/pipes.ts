import { Errno } from '../../errno.ts';
import { OpenFlag, openFlagsFromGuest } from '../files/open-flags.ts';
import { Pipe, PipeEnd } from '../files/pipe.ts';
import type { SyscallTopic } from '../syscall.ts';
import type { Thread } from '../thread.ts';
import { int } from './arguments.ts';

function pipe(thread: Thread, va: number, guestFlags: number): number {
  const { kernel, process } = thread;
  const flags = openFlagsFromGuest(kernel.isa, int(guestFlags));
  if (flags & ~(OpenFlag.CLOEXEC | OpenFlag.NONBLOCK | OpenFlag.DIRECT)) return -Errno.EINVAL;
  if (flags & OpenFlag.DIRECT) return -Errno.EINVAL;
  thread.memory.ensureWritable(va, 8);
  const now = thread.now();
  const made = new Pipe(kernel.files.nextAnonymousIno(), kernel.files.wallClock());
  const kept = flags & OpenFlag.NONBLOCK;
  const ends = [new PipeEnd(made, kept, { now }), new PipeEnd(made, kept | OpenFlag.WRONLY, { now })] as const;
  const closeOnExec = (flags & OpenFlag.CLOEXEC) !== 0;
  const reader = process.files.install(ends[0], { closeOnExec });
  if (reader < 0) return reader;
  const writer = process.files.install(ends[1], { closeOnExec });
  if (writer < 0) {
    process.files.close(reader, now);
    return writer;
  }
  thread.memory.setI32(va, reader);
  thread.memory.setI32(va + 4, writer);
  return 0;
}

export const pipeSyscalls: SyscallTopic = {
  pipe: { handler: (thread, va) => pipe(thread, va, 0), note: 'complete' },
  pipe2: { handler: pipe, note: 'no packet mode (O_DIRECT: EINVAL)' },
};
