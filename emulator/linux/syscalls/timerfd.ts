import { Errno } from '../../errno.ts';
import { isWallClock, readAbsolute, readTimespec, writeTimespec } from '../clock.ts';
import { OpenFlag } from '../files/open-flags.ts';
import { TimerFile } from '../files/timerfd.ts';
import type { SyscallTopic } from '../syscall.ts';
import type { Thread } from '../thread.ts';
import { fileOf } from './arguments.ts';

const TFD_TIMER_ABSTIME = 1;
const TFD_TIMER_CANCEL_ON_SET = 2;

/** TFD_CLOEXEC and TFD_NONBLOCK are open(2)'s flags, of the same value on both ISAs. */
function create(thread: Thread, clock: number, flags: number): number {
  if (isWallClock(clock) === undefined || flags & ~(OpenFlag.CLOEXEC | OpenFlag.NONBLOCK)) return -Errno.EINVAL;
  const file = new TimerFile(thread.kernel.timers, clock, (flags & OpenFlag.NONBLOCK) !== 0);
  return thread.process.files.install(file, { closeOnExec: (flags & OpenFlag.CLOEXEC) !== 0 });
}

/** Writes a `struct itimerspec`: interval, then value. */
function writeSetting(thread: Thread, va: number, file: TimerFile): void {
  const { value, interval } = file.remaining(thread.now());
  writeTimespec(thread.memory, va, interval);
  writeTimespec(thread.memory, va + 16, value);
}

function setTime(thread: Thread, fd: number, flags: number, newVa: number, oldVa: number): number {
  const file = fileOf(thread, fd);
  if (file === undefined) return -Errno.EBADF;
  if (!(file instanceof TimerFile) || flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) return -Errno.EINVAL;
  const { memory } = thread;
  const interval = readTimespec(memory, newVa);
  const value = readTimespec(memory, newVa + 16);
  if (interval < 0 || value < 0) return -Errno.EINVAL;
  const first = flags & TFD_TIMER_ABSTIME ? readAbsolute(thread, newVa + 16, file.clock) : thread.now() + value;
  if (oldVa !== 0) writeSetting(thread, oldVa, file);
  file.arm(value === 0 ? undefined : first, interval);
  return 0;
}

function getTime(thread: Thread, fd: number, va: number): number {
  const file = fileOf(thread, fd);
  if (file === undefined) return -Errno.EBADF;
  if (!(file instanceof TimerFile)) return -Errno.EINVAL;
  writeSetting(thread, va, file);
  return 0;
}

export const timerfdSyscalls: SyscallTopic = {
  timerfd_create: { handler: create, note: 'in virtual time' },
  timerfd_settime: { handler: setTime, note: 'TFD_TIMER_CANCEL_ON_SET changes nothing: the clock is never set' },
  timerfd_gettime: { handler: getTime, note: 'complete' },
};
