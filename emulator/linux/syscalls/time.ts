import { Errno } from '../../errno.ts';
import {
  ClockId,
  isWallClock,
  readAbsolute,
  readClock,
  readTimespec,
  readTimeval,
  writeTimespec,
  writeTimeval,
} from '../clock.ts';
import type { ProcessTimer } from '../process-timers.ts';
import { SIGNAL_COUNT, Signal } from '../signals.ts';
import type { Blocking, SyscallTopic } from '../syscall.ts';
import type { Thread } from '../thread.ts';

const TIMER_ABSTIME = 1;
const TICKS_PER_SECOND = 100;
const ITIMER_REAL = 0;
const Notify = { SIGNAL: 0, NONE: 1, THREAD_ID: 4 } as const;

function getTime(thread: Thread, clock: number, va: number): number {
  const reading = readClock(thread, clock);
  if (reading === undefined) return -Errno.EINVAL;
  thread.memory.setWord(va, reading[0]);
  thread.memory.setWord(va + 8, reading[1]);
  return 0;
}

function getResolution(thread: Thread, clock: number, va: number): number {
  if (isWallClock(clock) === undefined) return -Errno.EINVAL;
  const isCoarse = clock === ClockId.REALTIME_COARSE || clock === ClockId.MONOTONIC_COARSE;
  if (va !== 0) writeTimespec(thread.memory, va, isCoarse ? 4e6 : 1);
  return 0;
}

function getTimeOfDay(thread: Thread, va: number, zoneVa: number): number {
  const [seconds, ns] = thread.kernel.wallClock(thread.now());
  if (va !== 0) {
    thread.memory.setWord(va, seconds);
    thread.memory.setWord(va + 8, Math.floor(ns / 1000));
  }
  if (zoneVa !== 0) thread.memory.setU64(zoneVa, 0n);
  return 0;
}

function* sleepUntil(thread: Thread, deadline: number, remainingVa: number): Blocking {
  if (deadline <= thread.now()) return 0;
  const reason = yield { queues: [], deadline, what: 'sleep' };
  if (reason === 'timeout') return 0;
  if (remainingVa !== 0) writeTimespec(thread.memory, remainingVa, Math.max(0, deadline - thread.now()));
  return -Errno.EINTR;
}

function nanosleep(thread: Thread, va: number, remainingVa: number): number | Blocking {
  const duration = readTimespec(thread.memory, va);
  return duration < 0 ? duration : sleepUntil(thread, thread.now() + duration, remainingVa);
}

function clockNanosleep(
  thread: Thread,
  clock: number,
  flags: number,
  va: number,
  remainingVa: number,
): number | Blocking {
  if (isWallClock(clock) === undefined || clock === ClockId.THREAD_CPUTIME_ID) return -Errno.EINVAL;
  if (clock === ClockId.PROCESS_CPUTIME_ID) return -Errno.EOPNOTSUPP;
  if ((flags & TIMER_ABSTIME) === 0) return nanosleep(thread, va, remainingVa);
  const deadline = readAbsolute(thread, va, clock);
  return deadline < 0 ? deadline : sleepUntil(thread, deadline, 0);
}

/** Writes `struct itimerspec` or `itimerval`: interval, then what is left. */
function writeTimer(thread: Thread, va: number, timer: ProcessTimer, write: typeof writeTimespec): void {
  const left = timer.expires === undefined ? 0 : Math.max(0, timer.expires - thread.now());
  write(thread.memory, va, timer.interval);
  write(thread.memory, va + 16, left);
}

function setItimer(thread: Thread, which: number, newVa: number, oldVa: number): number {
  if (which !== ITIMER_REAL) return which === 1 || which === 2 ? -Errno.ENOSYS : -Errno.EINVAL;
  const { real } = thread.process.timers;
  const interval = newVa === 0 ? 0 : readTimeval(thread.memory, newVa);
  const value = newVa === 0 ? 0 : readTimeval(thread.memory, newVa + 16);
  if (interval < 0 || value < 0) return -Errno.EINVAL;
  if (oldVa !== 0) writeTimer(thread, oldVa, real, writeTimeval);
  if (value === 0) real.disarm();
  else real.arm(thread.now() + value, interval);
  return 0;
}

function getItimer(thread: Thread, which: number, va: number): number {
  if (which !== ITIMER_REAL) return which === 1 || which === 2 ? -Errno.ENOSYS : -Errno.EINVAL;
  writeTimer(thread, va, thread.process.timers.real, writeTimeval);
  return 0;
}

/** Sets the alarm and returns the seconds that were left of the one before, rounded as Linux does (alarm(2)). */
function alarm(thread: Thread, seconds: number): number {
  const { real } = thread.process.timers;
  const left = real.expires === undefined ? 0 : Math.max(0, real.expires - thread.now());
  if (seconds === 0) real.disarm();
  else real.arm(thread.now() + seconds * 1e9, 0);
  return left === 0 ? 0 : Math.max(1, Math.round(left / 1e9));
}

function timerCreate(thread: Thread, clock: number, eventVa: number, idVa: number): number {
  const { memory, process } = thread;
  if (isWallClock(clock) === undefined) return -Errno.EINVAL;
  if (clock === ClockId.PROCESS_CPUTIME_ID || clock === ClockId.THREAD_CPUTIME_ID) return -Errno.EOPNOTSUPP;
  let target = { signo: Signal.SIGALRM as number, value: 0n, silent: false, thread: undefined as Thread | undefined };
  if (eventVa !== 0) {
    const notify = memory.i32(eventVa + 12);
    const signo = memory.i32(eventVa + 8);
    if (notify !== Notify.SIGNAL && notify !== Notify.NONE && notify !== Notify.THREAD_ID) return -Errno.EINVAL;
    if (notify !== Notify.NONE && (signo < 1 || signo > SIGNAL_COUNT)) return -Errno.EINVAL;
    const receiver = notify === Notify.THREAD_ID ? process.threads.get(memory.i32(eventVa + 16)) : undefined;
    if (notify === Notify.THREAD_ID && receiver === undefined) return -Errno.EINVAL;
    target = { signo, value: memory.u64(eventVa), silent: notify === Notify.NONE, thread: receiver };
  }
  memory.setI32(idVa, process.timers.create(clock, target));
  return 0;
}

function timerSetTime(thread: Thread, id: number, flags: number, newVa: number, oldVa: number): number {
  const found = thread.process.timers.get(id);
  if (found === undefined) return -Errno.EINVAL;
  const interval = readTimespec(thread.memory, newVa);
  const value = readTimespec(thread.memory, newVa + 16);
  if (interval < 0 || value < 0) return -Errno.EINVAL;
  if (oldVa !== 0) writeTimer(thread, oldVa, found.timer, writeTimespec);
  if (value === 0) found.timer.disarm();
  else if (flags & TIMER_ABSTIME) found.timer.arm(readAbsolute(thread, newVa + 16, found.clock), interval);
  else found.timer.arm(thread.now() + value, interval);
  return 0;
}

function timerGetTime(thread: Thread, id: number, va: number): number {
  const found = thread.process.timers.get(id);
  if (found === undefined) return -Errno.EINVAL;
  writeTimer(thread, va, found.timer, writeTimespec);
  return 0;
}

function times(thread: Thread, va: number): number {
  if (va !== 0) {
    const { cpuTime, childrenCpuTime } = thread.process;
    const [own, children] = [cpuTime, childrenCpuTime].map((ns) => Math.floor((ns / 1e9) * TICKS_PER_SECOND));
    for (const [index, value] of [own!, 0, children!, 0].entries()) thread.memory.setWord(va + 8 * index, value);
  }
  return Math.floor((thread.now() / 1e9) * TICKS_PER_SECOND);
}

const timeIsVirtual = () => -Errno.EPERM;

export const timeSyscalls: SyscallTopic = {
  clock_gettime: { handler: getTime, note: 'virtual time; the wall clock starts at 2026-01-01' },
  clock_getres: { handler: getResolution, note: 'complete' },
  clock_settime: { handler: timeIsVirtual, note: 'EPERM: time is virtual' },
  clock_adjtime: { handler: timeIsVirtual, note: 'EPERM: time is virtual' },
  settimeofday: { handler: timeIsVirtual, note: 'EPERM: time is virtual' },
  gettimeofday: { handler: getTimeOfDay, note: 'complete' },
  time: {
    handler: (thread, va) => {
      const seconds = thread.kernel.epochSeconds + Math.floor(thread.now() / 1e9);
      if (va !== 0) thread.memory.setWord(va, seconds);
      return seconds;
    },
    note: 'complete',
  },
  nanosleep: { handler: nanosleep, note: 'complete' },
  clock_nanosleep: { handler: clockNanosleep, note: 'wall and monotonic clocks' },
  getitimer: { handler: getItimer, note: 'ITIMER_REAL; the CPU-time timers are ENOSYS' },
  setitimer: { handler: setItimer, note: 'ITIMER_REAL; the CPU-time timers are ENOSYS' },
  alarm: { handler: alarm, note: 'complete' },
  timer_create: { handler: timerCreate, note: 'SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD_ID; no CPU-time clocks' },
  timer_settime: { handler: timerSetTime, note: 'complete' },
  timer_gettime: { handler: timerGetTime, note: 'complete' },
  timer_getoverrun: {
    handler: (thread, id) => (thread.process.timers.get(id) === undefined ? -Errno.EINVAL : 0),
    note: 'always 0',
  },
  timer_delete: {
    handler: (thread, id) => (thread.process.timers.delete(id) ? 0 : -Errno.EINVAL),
    note: 'complete',
  },
  times: { handler: times, note: 'all CPU time counts as user time' },
};
