import type { Timer } from '../scheduler/timers.ts';
import type { Process } from './process.ts';
import { Signal, SignalCode, type SignalInfo } from './signals.ts';
import type { Thread } from './thread.ts';

/** What a timer does when it fires. */
export interface TimerTarget {
  readonly signo: number;
  readonly value: bigint;
  /** SIGEV_THREAD_ID. */
  readonly thread?: Thread;
  /** SIGEV_NONE: fires silently. */
  readonly silent?: boolean;
}

/** A timer that sends a signal, once or again and again (timer_create(2), setitimer(2)). */
export class ProcessTimer {
  readonly #process: Process;
  readonly #signal: () => void;
  #timer: Timer | undefined;
  /** Virtual ns; 0 = fires once. */
  interval = 0;

  constructor(process: Process, signal: () => void) {
    this.#process = process;
    this.#signal = signal;
  }

  /** Virtual ns of the next firing, undefined while disarmed. */
  get expires(): number | undefined {
    return this.#timer?.time;
  }

  arm(at: number, interval: number): void {
    this.disarm();
    this.interval = interval;
    this.#timer = this.#process.kernel.timers.at(at, (now) => this.#fire(now));
  }

  disarm(): void {
    if (this.#timer !== undefined) this.#process.kernel.timers.cancel(this.#timer);
    this.#timer = undefined;
  }

  #fire(now: number): void {
    this.#timer = undefined;
    if (this.interval > 0) this.arm(now + this.interval, this.interval);
    this.#signal();
  }
}

/** The timers of one process. */
export class ProcessTimers {
  /** ITIMER_REAL, also behind alarm(2). */
  readonly real: ProcessTimer;
  readonly #posix = new Map<number, { timer: ProcessTimer; clock: number }>();
  readonly #process: Process;
  #nextId = 0;

  constructor(process: Process) {
    this.#process = process;
    this.real = new ProcessTimer(process, () => process.raise({ signo: Signal.SIGALRM, code: SignalCode.SI_KERNEL }));
  }

  create(clock: number, target: TimerTarget): number {
    const id = this.#nextId++;
    const info: SignalInfo = {
      signo: target.signo,
      code: SignalCode.SI_TIMER,
      timerId: id,
      overrun: 0,
      value: target.value,
    };
    const timer = new ProcessTimer(this.#process, () => {
      if (target.silent) return;
      if (target.thread === undefined) this.#process.raise(info);
      else if (target.thread.state !== 'exited') target.thread.raise(info);
    });
    this.#posix.set(id, { timer, clock });
    return id;
  }

  get(id: number): { timer: ProcessTimer; clock: number } | undefined {
    return this.#posix.get(id);
  }

  delete(id: number): boolean {
    this.#posix.get(id)?.timer.disarm();
    return this.#posix.delete(id);
  }

  /** execve: timers of timer_create go, the alarm stays. */
  deletePosix(): void {
    for (const { timer } of this.#posix.values()) timer.disarm();
    this.#posix.clear();
  }

  disarmAll(): void {
    this.real.disarm();
    for (const { timer } of this.#posix.values()) timer.disarm();
  }
}
