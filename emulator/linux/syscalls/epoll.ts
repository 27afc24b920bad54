import { Errno } from '../../errno.ts';
import { readTimespec } from '../clock.ts';
import { EpollFile, EpollFlag, type EpollInterest } from '../files/epoll.ts';
import { OpenDirectory, OpenRegularFile } from '../files/inode-file.ts';
import { OpenFlag } from '../files/open-flags.ts';
import { type Blocking, block, type SyscallTopic } from '../syscall.ts';
import type { Thread } from '../thread.ts';
import { fileOf, int } from './arguments.ts';
import { underMask } from './signal-mask.ts';

const Control = { ADD: 1, DEL: 2, MOD: 3 } as const;

/** `struct epoll_event` is packed on x86-64 only (include/uapi/linux/eventpoll.h). */
const eventLayout = (thread: Thread) =>
  thread.kernel.isa === 'x86-64' ? ({ size: 12, data: 4 } as const) : ({ size: 16, data: 8 } as const);

function create(thread: Thread, flags: number): number {
  if (flags & ~OpenFlag.CLOEXEC) return -Errno.EINVAL;
  return thread.process.files.install(new EpollFile(), { closeOnExec: flags !== 0 });
}

function control(thread: Thread, epfd: number, operation: number, fd: number, va: number): number {
  const epoll = fileOf(thread, epfd);
  const file = fileOf(thread, fd);
  if (epoll === undefined || file === undefined) return -Errno.EBADF;
  if (!(epoll instanceof EpollFile) || epoll === file) return -Errno.EINVAL;
  if (file instanceof OpenRegularFile || file instanceof OpenDirectory) return -Errno.EPERM;
  if (operation === Control.DEL) return epoll.remove(int(fd), file);
  const { memory } = thread;
  const { data } = eventLayout(thread);
  const interest: EpollInterest = {
    events: memory.u32(va),
    dataLow: memory.u32(va + data),
    dataHigh: memory.u32(va + data + 4),
  };
  const exclusive = (interest.events & EpollFlag.EXCLUSIVE) !== 0;
  switch (operation) {
    case Control.ADD:
      if (exclusive && file instanceof EpollFile) return -Errno.EINVAL;
      return epoll.add(int(fd), file, interest, thread.now());
    case Control.MOD:
      if (exclusive || epoll.isExclusive(int(fd), file)) return -Errno.EINVAL;
      return epoll.modify(int(fd), file, interest, thread.now());
    default:
      return -Errno.EINVAL;
  }
}

/** Reports what is ready now: the number of events written. */
function report(thread: Thread, epoll: EpollFile, va: number, most: number): number {
  const { memory } = thread;
  const { size, data } = eventLayout(thread);
  const results = epoll.collect(most, thread.now());
  results.forEach(({ events, dataLow, dataHigh }, index) => {
    const at = va + size * index;
    memory.setU32(at, events);
    memory.setU32(at + data, dataLow);
    memory.setU32(at + data + 4, dataHigh);
  });
  return results.length;
}

function* untilReady(
  thread: Thread,
  epoll: EpollFile,
  va: number,
  most: number,
  deadline: number | undefined,
): Blocking {
  epoll.retain();
  try {
    for (;;) {
      const reason = yield* block({ queues: [epoll.queue], deadline, what: 'epoll_wait' });
      const count = report(thread, epoll, va, most);
      if (count > 0 || reason === 'timeout') return count;
      if (reason === 'signal') return -Errno.EINTR;
    }
  } finally {
    epoll.release(thread.now());
  }
}

/** `timeout` in ns, negative = for ever. */
function wait(thread: Thread, epfd: number, va: number, most: number, timeout: number): number | Blocking {
  const epoll = fileOf(thread, epfd);
  if (epoll === undefined) return -Errno.EBADF;
  const count = int(most);
  const { size } = eventLayout(thread);
  if (!(epoll instanceof EpollFile) || count <= 0 || count > 0x7fffffff / size) return -Errno.EINVAL;
  const ready = report(thread, epoll, va, count);
  if (ready !== 0 || timeout === 0) return ready;
  return untilReady(thread, epoll, va, count, timeout < 0 ? undefined : thread.now() + timeout);
}

const milliseconds = (timeout: number): number => int(timeout) * 1e6;

function waitTimespec(thread: Thread, epfd: number, va: number, most: number, timeoutVa: number): number | Blocking {
  const timeout = timeoutVa === 0 ? -1 : readTimespec(thread.memory, timeoutVa);
  return timeoutVa !== 0 && timeout < 0 ? timeout : wait(thread, epfd, va, most, timeout);
}

/** epoll(7). */
export const epollSyscalls: SyscallTopic = {
  epoll_create: { handler: (thread, size) => (size <= 0 ? -Errno.EINVAL : create(thread, 0)), note: 'complete' },
  epoll_create1: { handler: create, note: 'complete' },
  epoll_ctl: { handler: control, note: 'EPOLLEXCLUSIVE wakes like any other interest; EPOLLWAKEUP changes nothing' },
  epoll_wait: {
    handler: (thread, epfd, va, most, timeout) => wait(thread, epfd, va, most, milliseconds(timeout)),
    note: 'complete',
  },
  epoll_pwait: {
    handler: (thread, epfd, va, most, timeout, mask) =>
      // The sixth argument, the mask's size, is always 8 and arrives as such from every C library.
      underMask(thread, mask, 8, () => wait(thread, epfd, va, most, milliseconds(timeout))),
    note: 'complete',
  },
  epoll_pwait2: {
    handler: (thread, epfd, va, most, timeoutVa, mask) =>
      underMask(thread, mask, 8, () => waitTimespec(thread, epfd, va, most, timeoutVa)),
    note: 'complete',
  },
};
