import { RunQueue } from './run-queue.ts';
import type { Task } from './task.ts';

/** One CPU of the machine: its own clock, the thread it runs and those that wait for it. */
export class Cpu<T extends Task<T>> {
  readonly id: number;
  /** Name of its kind in the machine description: "big", "little". */
  readonly kind: string;
  /** Model cycles a second. */
  readonly hz: number;
  readonly nsPerCycle: number;
  /** Virtual time in ns up to which this CPU has run. While it runs a thread, the time of {@link Scheduler.timeOf} is ahead of it. */
  clock = 0;
  /** Sum of the time it ran threads, ns. */
  busy = 0;
  current: T | undefined;
  /** The thread that ran here last: another one costs a context switch. */
  last: T | undefined;
  /** When the current thread has to let others run, ns. */
  timesliceEnd = Number.POSITIVE_INFINITY;
  readonly queue = new RunQueue<T>();

  constructor(id: number, kind: string, hz: number) {
    this.id = id;
    this.kind = kind;
    this.hz = hz;
    this.nsPerCycle = 1e9 / hz;
  }

  get idle(): boolean {
    return this.current === undefined && this.queue.size === 0;
  }
}
