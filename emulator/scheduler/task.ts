import type { Core } from '../core/core.ts';
import type { EventBus } from '../events/events.ts';
import type { KernelCosts } from '../timing/kernel-costs.ts';
import type { Cpu } from './cpu.ts';
import type { TimerQueue } from './timers.ts';

export type TaskState = 'runnable' | 'running' | 'blocked' | 'exited';

/** What the scheduler knows of a thread. `T` is the thread's own type. */
export interface Task<T extends Task<T>> {
  readonly tid: number;
  /** The view it executes, for events. */
  readonly view: number;
  /** The core that executes it; another one after a move to a CPU of another kind. */
  readonly core: Core;
  state: TaskState;
  /** Where it runs, or ran last. */
  cpu: Cpu<T>;
  /** Where its last slice was: `cpu` is already another one when it has been given to that. */
  ranOn: Cpu<T> | undefined;
  /** Ids of CPUs it may run on. */
  affinity: ReadonlySet<number>;
  /** Counts instead of the affinity, see `Scheduler.override`. */
  overriddenAffinity: ReadonlySet<number> | undefined;
  /** Which of the two counts now. */
  readonly allowedCpus: ReadonlySet<number>;
  /** Virtual ns before which it cannot run. */
  readyAt: number;
  /** Virtual ns at which it came onto its CPU. */
  scheduledAt: number;
  /** Virtual ns at which it left its CPU last. */
  stoppedAt: number;
  /** It lets others run first, once. */
  yields: boolean;
  /** Virtual ns of CPU time used in finished slices. */
  cpuTime: number;
  voluntarySwitches: number;
  involuntarySwitches: number;
}

/** What the scheduler needs of whoever owns the threads. */
export interface SchedulerHost<T extends Task<T>> {
  readonly timers: TimerQueue;
  readonly events: EventBus;
  readonly costs: { readonly costs: KernelCosts };
  /** Whether the thread may go to this CPU, as far as the kinds of CPUs are concerned. */
  allowsMove(task: T, cpu: Cpu<T>): boolean;
  /** The thread is about to run on this CPU: afterwards its core is one of the CPU's kind. */
  prepareCore(task: T, cpu: Cpu<T>): void;
  /** The thread comes onto a CPU after another thread, or from another CPU. */
  switchedIn(task: T): void;
  /** The thread runs on this CPU: its clock and its core are set for the slice. */
  announceKind(task: T, cpu: Cpu<T>): void;
  /** Executes the thread until it waits, has ended, or `isSliceOver`, which is asked whenever the core has stopped. */
  execute(task: T, isSliceOver: () => boolean): void;
}
