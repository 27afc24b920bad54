// Processes that have ended, as their parents see them (kernel/exit.c).

import { ERESTARTSYS, Errno } from '../errno.ts';
import type { Process } from './process.ts';
import { SIG_IGN, SigActionFlag, Signal, SignalCode, type SignalInfo } from './signals.ts';
import { type Blocking, block } from './syscall.ts';
import type { Thread } from './thread.ts';

/** Orphans are said to be children of this process, which reaps them. */
const INIT_PID = 1;

/** Options of wait4(2) and waitid(2). */
export const WaitOption = {
  NOHANG: 1,
  UNTRACED: 2,
  EXITED: 4,
  CONTINUED: 8,
  NOWAIT: 0x1000000,
  NOTHREAD: 0x20000000,
  ALL: 0x40000000,
  CLONE: 0x80000000,
} as const;

/** SIGCHLD's information on an ended process, and waitid's. */
export function childInfo({ pid, credentials, end }: Process, signo: number = Signal.SIGCHLD): SignalInfo {
  const signal = end?.signal;
  return {
    signo,
    code: signal === undefined ? SignalCode.CLD_EXITED : SignalCode.CLD_KILLED,
    pid,
    uid: credentials.uid,
    status: signal ?? end?.code ?? 0,
  };
}

/** wait4's status word. Nothing dumps core. */
export const waitStatus = ({ end }: Process): number => end?.signal ?? ((end?.code ?? 0) & 0xff) << 8;

/** The last that is known of an ended process goes. */
export function reap(process: Process): void {
  const { parent, kernel, pid } = process;
  if (parent !== undefined) parent.childrenCpuTime += process.cpuTime + process.childrenCpuTime;
  parent?.children.delete(pid);
  kernel.processes.delete(pid);
}

/** A process has ended: its parent learns of it, and its children get another one. */
export function bequeath(process: Process): void {
  const { kernel, parent, exitSignal } = process;
  for (const child of [...process.children.values()]) {
    child.parent = undefined;
    child.parentPid = INIT_PID;
    if (child.end !== undefined) kernel.processes.delete(child.pid);
    else if (child.parentDeathSignal !== 0)
      child.raise({ signo: child.parentDeathSignal, code: SignalCode.SI_USER, pid: process.pid, uid: 0 });
  }
  process.children.clear();
  if (parent === undefined) {
    if (process.parentPid === INIT_PID) kernel.processes.delete(process.pid);
    return;
  }
  const { handler, flags } = parent.actions[Signal.SIGCHLD]!;
  const isIgnored = exitSignal === Signal.SIGCHLD && handler === SIG_IGN;
  if (exitSignal !== 0 && !isIgnored) parent.raise(childInfo(process, exitSignal));
  if (isIgnored || (exitSignal === Signal.SIGCHLD && (flags & SigActionFlag.SA_NOCLDWAIT) !== 0)) reap(process);
  parent.childEnds.wake(kernel.now());
}

/** Whether a wait with these options looks at the child at all (eligible_child). */
function isEligible({ exitSignal }: Process, options: number): boolean {
  if (options & WaitOption.ALL) return true;
  return (exitSignal !== Signal.SIGCHLD) === ((options & WaitOption.CLONE) !== 0);
}

/**
 * Waits until one of the caller's children that `wanted` names has ended; `take` then makes the call's result. ECHILD when there is none, 0 at
 * once with WNOHANG.
 */
export function* awaitChild(
  thread: Thread,
  wanted: (child: Process) => boolean,
  options: number,
  take: (child: Process) => number,
): Blocking {
  const { children, childEnds } = thread.process;
  let isInterrupted = false;
  for (;;) {
    const candidates = [...children.values()].filter((child) => isEligible(child, options) && wanted(child));
    if (candidates.length === 0) return -Errno.ECHILD;
    const ended = candidates.find(({ end }) => end !== undefined);
    if (ended !== undefined && (options & WaitOption.EXITED) !== 0) {
      const result = take(ended);
      if (!(options & WaitOption.NOWAIT)) reap(ended);
      return result;
    }
    if (options & WaitOption.NOHANG) return 0;
    // The signal may be the very SIGCHLD of the child that is waited for: that is looked for first, as do_wait does.
    if (isInterrupted) return -ERESTARTSYS;
    const what = `wait for ${candidates.length === 1 ? `process ${candidates[0]!.pid}` : 'a child'}`;
    isInterrupted = (yield* block({ queues: [childEnds], what })) === 'signal';
  }
}
