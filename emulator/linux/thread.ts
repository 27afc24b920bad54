import type { Core } from '../core/core.ts';
import type { UserMemory } from '../memory/user-memory.ts';
import type { Cpu } from '../scheduler/cpu.ts';
import type { Task, TaskState } from '../scheduler/task.ts';
import type { Timer } from '../scheduler/timers.ts';
import type { FaultDetail } from './abi/abi.ts';
import { type AlternateStack, NO_ALTERNATE_STACK } from './alternate-stack.ts';
import type { CpuKind } from './cpu-kind.ts';
import type { Kernel } from './kernel.ts';
import type { Process } from './process.ts';
import type { RestartableSequence } from './restartable-sequence.ts';
import { PendingSignals, Signal, type SignalInfo, signalBit, UNBLOCKABLE } from './signals.ts';
import type { Blocking } from './syscall.ts';
import type { Wait, Waiter, WakeReason } from './wait.ts';

export interface ThreadOptions {
  readonly tid: number;
  readonly process: Process;
  readonly core: Core;
  readonly view: number;
  readonly comm: string;
  readonly cpu: Cpu<Thread>;
  readonly affinity: ReadonlySet<number>;
}

/** A guest thread and the core that executes it. */
export class Thread implements Task<Thread>, Waiter {
  /** execve makes its caller the process's first thread, with the process's id. */
  tid: number;
  readonly process: Process;
  readonly kernel: Kernel;
  /** A CPU of another kind has other cores: it changes when the thread moves there. */
  core: Core;
  kind: CpuKind | undefined;
  /** The kind of CPU that policies know it to be on. */
  knownKind: CpuKind | undefined;
  /** The page-table root it runs under, see overlay/. Change it with {@link enterView}. */
  view: number;
  /** Guest memory as its view sees it. */
  memory: UserMemory;
  state: TaskState = 'runnable';
  /** Up to 15 bytes, as /proc/self/task/N/comm shows. */
  comm: string;

  /** Where it runs, or ran last. */
  cpu: Cpu<Thread>;
  /** Where its last slice was. */
  ranOn: Cpu<Thread> | undefined;
  /** Ids of CPUs it may run on. */
  affinity: ReadonlySet<number>;
  /** Set by a policy: counts instead of the affinity, see `Scheduler.override`. */
  overriddenAffinity: ReadonlySet<number> | undefined;
  /** Virtual ns before which it cannot run. */
  readyAt = 0;
  /** What it waits for, while blocked. */
  wait: Wait | undefined;
  /** The syscall it is in the middle of. */
  blocking: Blocking | undefined;
  wakeReason: WakeReason = 'woken';
  /** Result of the finished syscall, given to the core when it runs next. */
  result: number | undefined;
  /** A call was cut short by a signal: whether it starts again depends on the handler. */
  interrupted = false;
  /** sched_yield: others first. */
  yields = false;
  /** Virtual ns at which it came onto its CPU. */
  scheduledAt = 0;
  stoppedAt = 0;
  #deadline: Timer | undefined;

  signalMask = 0n;
  /** Mask to go back to when a call that replaced it (rt_sigsuspend, ppoll) has ended. */
  savedMask: bigint | undefined;
  readonly pending = new PendingSignals();
  /** Signals that rt_sigtimedwait is waiting for. */
  waitedSignals = 0n;
  /** Set when a signal may have to be delivered before the thread goes on in user mode. */
  attention = false;
  alternateStack: AlternateStack = NO_ALTERNATE_STACK;
  /** What became of the last page fault (`Fault`). */
  faultOutcome = 0;
  /** The refused access that causes the signal at hand. */
  fault: FaultDetail | undefined;

  /** Address of the futex word that exit clears and wakes (set_tid_address). */
  clearChildTid = 0;
  /** PR_SET_TIMERSLACK in ns: kept, and given to new threads; timers are exact. */
  timerSlack = 50_000;
  /** What PR_SET_TIMERSLACK of 0 goes back to. */
  defaultTimerSlack = 50_000;
  robustList = 0;
  /** What rseq(2) registered. */
  sequence: RestartableSequence | undefined;
  /** Voluntary and forced context switches, as getrusage shows them. */
  voluntarySwitches = 0;
  involuntarySwitches = 0;
  /** Virtual ns of CPU time used in finished slices. */
  cpuTime = 0;

  constructor(options: ThreadOptions) {
    this.tid = options.tid;
    this.process = options.process;
    this.kernel = options.process.kernel;
    this.core = options.core;
    this.view = options.view;
    this.memory = options.process.space.userMemory(options.view);
    this.comm = options.comm;
    this.cpu = options.cpu;
    this.affinity = options.affinity;
  }

  /** Ids of CPUs on which the scheduler may put it. */
  get allowedCpus(): ReadonlySet<number> {
    return this.overriddenAffinity ?? this.affinity;
  }

  /** Virtual time in ns, on its CPU. */
  now(): number {
    return this.kernel.scheduler.timeOf(this);
  }

  /** Lets the thread's CPU spend `cycles` of kernel work. */
  charge(cycles: number): void {
    this.core.cycles += cycles;
  }

  /** Makes a blocked thread runnable no earlier than virtual time `at`. Does nothing if it is not blocked. */
  wake(reason: WakeReason, at: number): void {
    if (this.state !== 'blocked') return;
    this.stopWaiting();
    this.wakeReason = reason;
    this.kernel.scheduler.enqueue(this, at);
  }

  /** Enters `wait`'s queues; the scheduler then takes it off its CPU. */
  startWaiting(wait: Wait): void {
    this.state = 'blocked';
    this.wait = wait;
    for (const queue of wait.queues) queue.add(this);
    if (wait.deadline !== undefined && wait.deadline < Number.POSITIVE_INFINITY) {
      this.#deadline = this.kernel.timers.at(wait.deadline, (now) => this.wake('timeout', now));
    }
  }

  stopWaiting(): void {
    for (const queue of this.wait?.queues ?? []) queue.remove(this);
    this.wait = undefined;
    if (this.#deadline !== undefined) this.kernel.timers.cancel(this.#deadline);
    this.#deadline = undefined;
  }

  /** Sends a signal to this thread alone (tgkill, faults, SIGPIPE). */
  raise(signal: number | SignalInfo): void {
    const info = typeof signal === 'number' ? { signo: signal, code: 0x80 } : signal;
    const blocked = (this.signalMask & signalBit(info.signo)) !== 0n;
    if (!blocked && this.process.ignores(info.signo)) return;
    this.pending.add(info);
    this.noticeSignals();
  }

  setSignalMask(mask: bigint): void {
    this.signalMask = mask & ~UNBLOCKABLE;
    this.attention = this.deliverable !== 0n;
  }

  /** Signals that would be delivered now. */
  get deliverable(): bigint {
    return (this.pending.set | this.process.pending.set) & (~this.signalMask | UNBLOCKABLE);
  }

  /** Looks again whether a signal is to be delivered, and ends an interruptible wait for it. */
  noticeSignals(): void {
    this.attention = this.deliverable !== 0n;
    const awaited = (this.pending.set | this.process.pending.set) & this.waitedSignals;
    if (this.state !== 'blocked' || !(this.attention || awaited !== 0n)) return;
    if (this.wait?.killable === true && !this.isKilled) return;
    this.wake('signal', this.kernel.now());
  }

  /** Whether a SIGKILL waits for it. */
  get isKilled(): boolean {
    return ((this.pending.set | this.process.pending.set) & signalBit(Signal.SIGKILL)) !== 0n;
  }

  /** Goes on under another view of the process's address space. */
  enterView(view: number): void {
    this.view = view;
    this.memory = this.process.space.userMemory(view);
    this.core.enter(this.process.space, view);
  }
}
