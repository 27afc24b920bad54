// New processes: fork, vfork and clone without CLONE_THREAD (kernel/fork.c).

import { forkSpace } from '../memory/fork.ts';
import { framesForFault } from '../memory/page-fault.ts';
import { UserFault } from '../memory/user-memory.ts';
import { FutexTable } from './futex.ts';
import { Process } from './process.ts';
import { Signal } from './signals.ts';
import type { Blocking } from './syscall.ts';
import { changeTables } from './table-work.ts';
import type { Thread } from './thread.ts';

/** Flags of clone(2). */
export const Clone = {
  signalMask: 0xff,
  VM: 0x100,
  FS: 0x200,
  FILES: 0x400,
  SIGHAND: 0x800,
  PIDFD: 0x1000,
  VFORK: 0x4000,
  PARENT: 0x8000,
  THREAD: 0x10000,
  NEWNS: 0x20000,
  SETTLS: 0x80000,
  PARENT_SETTID: 0x100000,
  CHILD_CLEARTID: 0x200000,
  CHILD_SETTID: 0x1000000,
  /** CLONE_NEWCGROUP, UTS, IPC, USER, PID, NET. */
  namespaces: 0x7e020000,
} as const;

/** What clone(2) asks for. Addresses are 0 where nothing was given. */
export interface CloneRequest {
  readonly flags: number;
  readonly stack: number;
  readonly parentTid: number;
  readonly childTid: number;
  readonly tls: number;
}

/** A bad address is the guest's affair: kernel_clone and schedule_tail ignore what put_user says. */
function storeTid({ memory }: Thread, va: number, tid: number): void {
  try {
    memory.setU32(va, tid);
  } catch (error) {
    if (!(error instanceof UserFault)) throw error;
  }
}

/** The new thread goes on where its maker is, with a result of 0. */
export function startCopy(thread: Thread, child: Thread, request: CloneRequest): void {
  const { kernel, core } = thread;
  const { context, reg } = kernel.abi;
  const { flags, stack, parentTid, childTid, tls } = request;
  const values = new BigUint64Array(context.length * 2);
  core.readRegisters(context, values);
  child.core.writeRegisters(context, values);
  if (stack !== 0) child.core.sp = stack;
  if (flags & Clone.SETTLS) child.core.setReg(reg.tls, BigInt(tls));
  child.result = 0;
  child.signalMask = thread.signalMask;
  child.timerSlack = thread.timerSlack;
  child.defaultTimerSlack = thread.timerSlack; // as in copy_process
  if (flags & Clone.PARENT_SETTID) storeTid(thread, parentTid, child.tid);
  if (flags & Clone.CHILD_SETTID) storeTid(child, childTid, child.tid);
  if (flags & Clone.CHILD_CLEARTID) child.clearChildTid = childTid;
  if (!(flags & Clone.VM) && thread.sequence !== undefined) child.sequence = { ...thread.sequence };
  thread.charge(kernel.costs.costs.wakeup);
  kernel.scheduler.enqueue(child, thread.now());
}

/** The words that startCopy writes may lie on pages that have to be copied first; a thread that is half made could not be taken back. */
export const requireRoom = ({ process, kernel }: Thread): void =>
  kernel.physical.require(2 * framesForFault(process.space.views.size));

/** The caller's memory for its child: the same, or a copy of what its view shows. */
function memoryFor(thread: Thread, isSame: boolean): { space: Process['space']; view: number } {
  const { process, view, kernel } = thread;
  if (isSame) return { space: process.space.retain(), view };
  const space = changeTables(thread, () => forkSpace(process.space, view));
  const { base } = space.views;
  thread.charge(space.views.mappedPages(base) * kernel.costs.costs.forkPage);
  return { space, view: base };
}

/** Makes a process that goes on where the caller is. Returns its id; with CLONE_VFORK once it has left the caller's memory. */
export function forkProcess(thread: Thread, request: CloneRequest): number | Blocking {
  const { kernel, process: maker } = thread;
  const { flags } = request;
  const pid = kernel.newId();
  const { space, view } = memoryFor(thread, (flags & Clone.VM) !== 0);
  try {
    requireRoom(thread);
  } catch (error) {
    space.release();
    throw error;
  }
  const exitSignal = flags & Clone.signalMask;
  const child = new Process({
    kernel,
    pid,
    space,
    files: flags & Clone.FILES ? maker.files.retain() : maker.files.copy(pid),
    fs: flags & Clone.FS ? maker.fs : maker.fs.copy(),
    exe: maker.exe,
    argv: maker.argv,
    env: maker.env,
    symbols: maker.symbols,
    sigreturnTrampoline: maker.sigreturnTrampoline,
    inherited: {
      maker,
      parent: flags & Clone.PARENT ? maker.parent : maker,
      actions: flags & Clone.SIGHAND ? maker.actions : [...maker.actions],
      futexes: flags & Clone.VM ? maker.futexes : new FutexTable(),
      exitSignal,
    },
  });
  kernel.processes.set(pid, child);
  if (kernel.events.enabled) kernel.events.emit({ type: 'process:fork', time: kernel.now(), pid, parent: maker.pid });
  for (const hook of kernel.forks) hook(child, thread);
  const copy = kernel.newThread(child, { tid: pid, view, comm: thread.comm, affinity: thread.affinity });
  copy.overriddenAffinity = thread.overriddenAffinity;
  // A stack of its own has no room on the alternate one of a maker that goes on meanwhile (copy_process).
  if (!(flags & Clone.VM) || flags & Clone.VFORK) copy.alternateStack = thread.alternateStack;
  startCopy(thread, copy, request);
  return flags & Clone.VFORK ? untilItLeaves(child) : pid;
}

/** vfork's caller goes on when the child executes another program or ends; meanwhile no signal but SIGKILL reaches it. */
function* untilItLeaves(child: Process): Blocking {
  while (!child.hasLeftMemory) {
    const reason = yield { queues: [child.leftMemory], what: `vfork of process ${child.pid}`, killable: true };
    if (reason === 'signal') break;
  }
  return child.pid;
}

/** The arguments of fork(2) and vfork(2) as clone's. */
export const plainRequest = (flags: number): CloneRequest => ({
  flags: flags | Signal.SIGCHLD,
  stack: 0,
  parentTid: 0,
  childTid: 0,
  tls: 0,
});
