import { Errno } from '../../errno.ts';
import { UserFault } from '../../memory/user-memory.ts';
import { encodeSigInfo, SIGINFO_SIZE } from '../abi/abi.ts';
import { isOnStack, NO_ALTERNATE_STACK, SS_AUTODISARM, SS_DISABLE, SS_ONSTACK } from '../alternate-stack.ts';
import { readTimespec } from '../clock.ts';
import { REGISTERS_SET } from '../dispatch.ts';
import type { Process } from '../process.ts';
import { SIGNAL_COUNT, Signal, SignalCode, type SignalInfo, UNBLOCKABLE } from '../signals.ts';
import { type Blocking, block, type SyscallTopic } from '../syscall.ts';
import type { Thread } from '../thread.ts';

const SET_SIZE = 8;
const How = { BLOCK: 0, UNBLOCK: 1, SETMASK: 2 } as const;
const SMALLEST_STACK = 2048; // MINSIGSTKSZ

const isSignal = (signo: number): boolean => signo >= 1 && signo <= SIGNAL_COUNT;

function action(thread: Thread, signo: number, newVa: number, oldVa: number, size: number): number {
  const { memory, process } = thread;
  if (size !== SET_SIZE || !isSignal(signo)) return -Errno.EINVAL;
  if (newVa !== 0 && (signo === Signal.SIGKILL || signo === Signal.SIGSTOP)) return -Errno.EINVAL;
  const old = process.actions[signo]!;
  const wanted =
    newVa === 0
      ? undefined
      : {
          handler: memory.pointer(newVa),
          flags: memory.u32(newVa + 8),
          restorer: memory.pointer(newVa + 16),
          mask: memory.u64(newVa + 24) & ~UNBLOCKABLE,
        };
  if (oldVa !== 0) {
    memory.setWord(oldVa, old.handler);
    memory.setWord(oldVa + 8, old.flags);
    memory.setWord(oldVa + 16, old.restorer);
    memory.setU64(oldVa + 24, old.mask);
  }
  if (wanted !== undefined) {
    process.actions[signo] = wanted;
    if (process.ignores(signo)) {
      // POSIX: setting a pending signal's action to "ignore" forgets it, blocked or not (sigaction(2)).
      process.pending.discard(signo);
      for (const one of process.threads.values()) one.pending.discard(signo);
    }
  }
  return 0;
}

function mask(thread: Thread, how: number, newVa: number, oldVa: number, size: number): number {
  if (size !== SET_SIZE) return -Errno.EINVAL;
  const { memory } = thread;
  const old = thread.signalMask;
  if (newVa !== 0) {
    const set = memory.u64(newVa);
    switch (how) {
      case How.BLOCK:
        thread.setSignalMask(old | set);
        break;
      case How.UNBLOCK:
        thread.setSignalMask(old & ~set);
        break;
      case How.SETMASK:
        thread.setSignalMask(set);
        break;
      default:
        return -Errno.EINVAL;
    }
  }
  if (oldVa !== 0) memory.setU64(oldVa, old);
  return 0;
}

function pending(thread: Thread, va: number, size: number): number {
  if (size > SET_SIZE) return -Errno.EINVAL;
  thread.memory.setU64(va, (thread.pending.set | thread.process.pending.set) & thread.signalMask);
  return 0;
}

function* untilSignal(what: string): Blocking {
  for (;;) {
    if ((yield { queues: [], what }) === 'signal') return -Errno.EINTR;
  }
}

function suspend(thread: Thread, va: number, size: number): number | Blocking {
  if (size !== SET_SIZE) return -Errno.EINVAL;
  const wanted = thread.memory.u64(va);
  thread.savedMask = thread.signalMask;
  thread.setSignalMask(wanted);
  return untilSignal('rt_sigsuspend');
}

function* timedWait(thread: Thread, set: bigint, infoVa: number, deadline: number | undefined): Blocking {
  const { process, memory } = thread;
  thread.waitedSignals = set;
  try {
    for (;;) {
      const info = thread.pending.take(set) ?? process.pending.take(set);
      if (info !== undefined) {
        thread.attention = thread.deliverable !== 0n;
        if (infoVa !== 0) memory.write(infoVa, encodedInfo(info));
        return info.signo;
      }
      if (deadline !== undefined && deadline <= thread.now()) return -Errno.EAGAIN;
      const reason = yield* block({ queues: [], deadline, what: 'rt_sigtimedwait' });
      const arrived = (thread.pending.set | process.pending.set) & set;
      if (reason === 'signal' && arrived === 0n) return -Errno.EINTR;
    }
  } finally {
    thread.waitedSignals = 0n;
  }
}

function encodedInfo(info: SignalInfo): Uint8Array {
  const bytes = new Uint8Array(SIGINFO_SIZE);
  encodeSigInfo(new DataView(bytes.buffer), 0, info);
  return bytes;
}

function sigTimedWait(
  thread: Thread,
  setVa: number,
  infoVa: number,
  timeoutVa: number,
  size: number,
): number | Blocking {
  if (size !== SET_SIZE) return -Errno.EINVAL;
  const set = thread.memory.u64(setVa) & ~UNBLOCKABLE;
  const timeout = timeoutVa === 0 ? undefined : readTimespec(thread.memory, timeoutVa);
  if (timeout !== undefined && timeout < 0) return timeout;
  return timedWait(thread, set, infoVa, timeout === undefined ? undefined : thread.now() + timeout);
}

function alternateStack(thread: Thread, newVa: number, oldVa: number): number {
  const { memory, core } = thread;
  const old = thread.alternateStack;
  const onIt = isOnStack(old, core.sp);
  if (newVa !== 0) {
    if (onIt) return -Errno.EPERM;
    const flags = memory.u32(newVa + 8);
    const mode = (flags & ~SS_AUTODISARM) >>> 0;
    if (mode !== 0 && mode !== SS_DISABLE && mode !== SS_ONSTACK) return -Errno.EINVAL;
    const size = memory.word(newVa + 16);
    if (mode !== SS_DISABLE && size < SMALLEST_STACK) return -Errno.ENOMEM;
    const kept = (flags & SS_AUTODISARM) >>> 0;
    thread.alternateStack =
      mode === SS_DISABLE ? NO_ALTERNATE_STACK : { address: memory.pointer(newVa), size, flags: kept };
  }
  if (oldVa !== 0) {
    memory.setWord(oldVa, old.address);
    memory.setWord(oldVa + 8, old.flags + (onIt ? SS_ONSTACK : 0));
    memory.setWord(oldVa + 16, old.size);
  }
  return 0;
}

function sigReturn(thread: Thread): number {
  const { kernel, core, memory } = thread;
  try {
    const restored = kernel.abi.restoreFrame(core, memory);
    thread.alternateStack = restored.alternateStack;
    thread.setSignalMask(restored.mask);
  } catch (error) {
    if (!(error instanceof UserFault)) throw error;
    kernel.exits.bySignal(thread, { signo: Signal.SIGSEGV, code: SignalCode.SI_KERNEL, address: error.va });
  }
  return REGISTERS_SET;
}

const sentBy = (thread: Thread, signo: number, code: number): SignalInfo => ({
  signo,
  code,
  pid: thread.process.pid,
  uid: thread.process.credentials.uid,
});

/** kill(2): one process, a group, or all but the caller. */
function kill(thread: Thread, pidArgument: number, signo: number): number {
  const pid = pidArgument | 0;
  if (signo < 0 || signo > SIGNAL_COUNT) return -Errno.EINVAL;
  const { process, kernel } = thread;
  const group = pid === 0 ? process.group : -pid;
  const all = [...kernel.processes.values()];
  const targets = all.filter((one) =>
    pid > 0 ? one.pid === pid : pid === -1 ? one !== process && one.end === undefined : one.group === group,
  );
  if (targets.length === 0) return -Errno.ESRCH;
  // One that has ended and was not waited for is there, but nothing reaches it.
  if (signo !== 0)
    for (const one of targets) if (one.end === undefined) one.raise(sentBy(thread, signo, SignalCode.SI_USER));
  return 0;
}

function livingProcess(thread: Thread, pid: number): Process | undefined {
  const found = thread.kernel.processes.get(pid);
  return found?.end === undefined ? found : undefined;
}

function killThread(target: Thread | undefined, info: SignalInfo): number {
  if (info.signo < 0 || info.signo > SIGNAL_COUNT) return -Errno.EINVAL;
  if (target === undefined) return -Errno.ESRCH;
  if (info.signo !== 0) target.raise(info);
  return 0;
}

function killThreadOf(thread: Thread, pid: number, tid: number, info: SignalInfo): number {
  if (pid <= 0 || tid <= 0) return -Errno.EINVAL;
  return killThread(livingProcess(thread, pid)?.threads.get(tid), info);
}

/** A siginfo_t that the guest made for a queued signal. */
function queuedInfo(thread: Thread, signo: number, va: number): SignalInfo | number {
  const code = thread.memory.i32(va + 8);
  if (code >= 0 || code === SignalCode.SI_TKILL) return -Errno.EPERM;
  return { ...sentBy(thread, signo, code), value: thread.memory.u64(va + 24) };
}

export const signalSyscalls: SyscallTopic = {
  rt_sigaction: { handler: action, note: 'complete' },
  rt_sigprocmask: { handler: mask, note: 'complete' },
  rt_sigpending: { handler: pending, note: 'complete' },
  rt_sigsuspend: { handler: suspend, note: 'complete' },
  rt_sigtimedwait: { handler: sigTimedWait, note: 'complete' },
  rt_sigreturn: { handler: sigReturn, note: 'general, x87, SSE or FP/SIMD registers; no AVX or SVE state' },
  sigaltstack: { handler: alternateStack, note: 'complete, with SS_AUTODISARM' },
  pause: { handler: () => untilSignal('pause'), note: 'complete' },
  kill: { handler: kill, note: 'complete' },
  tkill: {
    handler: (thread, tid, signo) =>
      tid <= 0 ? -Errno.EINVAL : killThread(thread.kernel.threadById(tid), sentBy(thread, signo, SignalCode.SI_TKILL)),
    note: 'complete',
  },
  tgkill: {
    handler: (thread, pid, tid, signo) => killThreadOf(thread, pid, tid, sentBy(thread, signo, SignalCode.SI_TKILL)),
    note: 'complete',
  },
  rt_sigqueueinfo: {
    handler: (thread, pid, signo, va) => {
      const info = queuedInfo(thread, signo, va);
      if (typeof info === 'number') return info;
      if (!isSignal(signo)) return -Errno.EINVAL;
      const target = livingProcess(thread, pid);
      target?.raise(info);
      return target === undefined ? -Errno.ESRCH : 0;
    },
    note: 'complete',
  },
  rt_tgsigqueueinfo: {
    handler: (thread, pid, tid, signo, va) => {
      const info = queuedInfo(thread, signo, va);
      return typeof info === 'number' ? info : killThreadOf(thread, pid, tid, info);
    },
    note: 'complete',
  },
};
