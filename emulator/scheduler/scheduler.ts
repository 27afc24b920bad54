import { Cpu } from './cpu.ts';
import { Placement } from './placement.ts';
import type { SchedulerHost, Task, TaskState } from './task.ts';

/** One CPU of the machine as the scheduler needs it. */
export interface CpuDescription {
  readonly kind: string;
  readonly hz: number;
}

export interface SchedulerOptions {
  readonly cpus: readonly CpuDescription[];
  /** How long a thread runs while others wait for its CPU, ns of virtual time. */
  readonly timeslice?: number;
  /** How far a CPU may run ahead of the slowest busy one, ns of virtual time. */
  readonly lookahead?: number;
}

/**
 * Of the order of Linux's sched_min_granularity (0.75 ms, kernel/sched/fair.c); the difference hardly shows, since threads that share a
 * CPU while computing are rare in our runs.
 */
const TIMESLICE = 1_000_000;
/** A run over a network sets it to what the network's latency allows: then nothing that a CPU sends arrives in another one's past. */
const LOOKAHEAD = 50_000;
/** A thread that runs alone still gives way now and then, so that limits and the host are looked at. */
const LONGEST_SLICE = 10_000_000;

/** What {@link Scheduler.step} did. */
export type Step = 'ran' | 'timer' | 'idle';

/**
 * Decides which thread runs on which CPU, deterministically. Each CPU has its own clock; the busy CPU that is furthest behind
 * runs next, until it is {@link SchedulerOptions.lookahead} ahead of the others or the next timer is due. All CPUs share one
 * host thread, so nothing ever happens at the same time.
 */
export class Scheduler<T extends Task<T>> {
  readonly cpus: readonly Cpu<T>[];
  readonly placement: Placement<T>;
  readonly timeslice: number;
  readonly lookahead: number;
  /** The thread whose code, syscall or fault is being executed. */
  current: T | undefined;
  /** Model cycles and instructions of all finished slices. */
  cycles = 0;
  instructions = 0;
  contextSwitches = 0;
  readonly #host: SchedulerHost<T>;
  /** Cycles of the current thread's core when its slice began. */
  #sliceStart = 0;
  #sliceEnd = 0;
  #reconsider = false;

  constructor(host: SchedulerHost<T>, options: SchedulerOptions) {
    this.#host = host;
    this.cpus = options.cpus.map(({ kind, hz }, id) => new Cpu<T>(id, kind, hz));
    this.placement = new Placement(this.cpus, host);
    this.timeslice = options.timeslice ?? TIMESLICE;
    this.lookahead = options.lookahead ?? LOOKAHEAD;
  }

  /** Virtual ns on the thread's CPU. */
  timeOf(thread: T): number {
    const cpu = thread.cpu;
    return thread === this.current ? cpu.clock + (thread.core.cycles - this.#sliceStart) * cpu.nsPerCycle : cpu.clock;
  }

  /** CPU time of a thread so far, ns. */
  cpuTimeOf(thread: T): number {
    return thread.cpuTime + (thread === this.current ? this.timeOf(thread) - thread.cpu.clock : 0);
  }

  /** Guest instructions so far, those of the running slice too. */
  get instructionsSoFar(): number {
    const { current } = this;
    return this.instructions + (current === undefined ? 0 : current.core.instructions - this.#startInstructions);
  }
  #startInstructions = 0;

  /** The running thread gives way as soon as its present syscall or block ends. */
  reconsider(): void {
    this.#reconsider = true;
  }

  /** Makes the thread runnable no earlier than virtual time `at`, nor than it stopped: who wakes it may be on a CPU that is behind. */
  enqueue(thread: T, at: number): void {
    thread.state = 'runnable';
    thread.readyAt = Math.max(at, thread.stoppedAt);
    const stays = thread.allowedCpus.has(thread.cpu.id);
    const cpu = stays && thread.cpu.idle ? thread.cpu : this.placement.bestFor(thread);
    if (cpu.idle) {
      this.#wake(cpu, thread, thread.readyAt);
    } else {
      const home = stays ? thread.cpu : cpu;
      home.queue.push(thread);
      if (home.queue.size === 1 && home.current !== undefined) {
        home.timesliceEnd = Math.max(home.clock, thread.readyAt) + this.timeslice;
      }
    }
    this.#reconsider = true; // the running slice may have been given more time than it now should have
  }

  /** Gives an idle CPU a thread. */
  #wake(cpu: Cpu<T>, thread: T, at: number): void {
    const { wakeupLatency } = this.#host.costs.costs;
    thread.readyAt = at + wakeupLatency * cpu.nsPerCycle;
    this.#assign(cpu, thread);
  }

  #assign(cpu: Cpu<T>, thread: T): void {
    cpu.current = thread;
    cpu.clock = Math.max(cpu.clock, thread.readyAt);
    cpu.timesliceEnd = cpu.queue.size > 0 ? cpu.clock + this.timeslice : Number.POSITIVE_INFINITY;
    thread.cpu = cpu;
    thread.scheduledAt = cpu.clock;
  }

  /** Restricts the thread to some CPUs; it moves if it is on another. The set must name at least one. */
  setAffinity(thread: T, affinity: ReadonlySet<number>): void {
    thread.affinity = affinity;
    this.#leaveForbiddenCpu(thread);
    this.#spread(this.now());
  }

  /**
   * Lets the thread run on these CPUs whatever its affinity says, until called with `undefined` (as Linux does for tasks that only some CPUs can
   * execute: force_compatible_cpus_allowed_ptr in kernel/sched/core.c).
   */
  override(thread: T, cpus: ReadonlySet<number> | undefined): void {
    thread.overriddenAffinity = cpus;
    this.#leaveForbiddenCpu(thread);
    this.#spread(this.now());
  }

  #leaveForbiddenCpu(thread: T): void {
    const { cpu } = thread;
    if (thread.state === 'blocked' || thread.state === 'exited' || thread.allowedCpus.has(cpu.id)) return;
    if (thread === this.current) {
      this.#reconsider = true; // it moves when its slice ends
    } else if (cpu.current === thread) {
      this.#release(cpu, thread);
      this.#refill(cpu);
      this.enqueue(thread, cpu.clock);
    } else {
      for (const one of this.cpus) one.queue.remove(thread);
      this.enqueue(thread, thread.readyAt);
    }
  }

  /** The thread has ended, wherever it is. */
  remove(thread: T): void {
    const { cpu } = thread;
    const wasQueued = thread.state === 'runnable' && cpu.current !== thread;
    thread.state = 'exited';
    if (wasQueued) for (const one of this.cpus) one.queue.remove(thread);
    else if (cpu.current === thread && thread !== this.current) {
      this.#release(cpu, thread);
      this.#refill(cpu);
    }
  }

  /** Gives a free CPU its next thread: from its own queue, else from another's. */
  #refill(cpu: Cpu<T>): void {
    const next = cpu.queue.take() ?? this.placement.steal(cpu);
    if (next !== undefined) this.#assign(cpu, next);
  }

  /**
   * Idle CPUs take threads that wait elsewhere. When they became idle, nobody was allowed to come to them; since then an affinity may have changed, or
   * what a policy says of a thread.
   */
  #spread(at: number): void {
    if (this.cpus.every((cpu) => cpu.queue.size === 0)) return;
    for (const cpu of this.cpus) {
      const thread = cpu.idle ? this.placement.steal(cpu) : undefined;
      if (thread === undefined) continue;
      this.#wake(cpu, thread, Math.max(at, thread.readyAt));
      this.#reconsider = true;
    }
  }

  /** The thread leaves its CPU: it waits, has exited, or others are to run. */
  #release(cpu: Cpu<T>, thread: T): void {
    if (this.#host.events.enabled) {
      this.#host.events.emit({
        type: 'schedule',
        time: cpu.clock,
        tid: thread.tid,
        cpu: cpu.id,
        from: thread.scheduledAt,
        to: cpu.clock,
        view: thread.view,
      });
    }
    thread.stoppedAt = cpu.clock;
    cpu.current = undefined;
  }

  /**
   * Runs one slice of the CPU that is furthest behind, or fires the next timer, whichever is earlier. Nothing is run beyond
   * virtual time `until`. Returns 'idle' when there is nothing before then.
   *
   * @param most cycles that the slice may take
   */
  step(until: number, most: number): Step {
    let cpu: Cpu<T> | undefined;
    let second = Number.POSITIVE_INFINITY;
    for (const candidate of this.cpus) {
      if (candidate.current === undefined) continue;
      if (cpu === undefined || candidate.clock < cpu.clock) {
        if (cpu !== undefined) second = cpu.clock;
        cpu = candidate;
      } else if (candidate.clock < second) {
        second = candidate.clock;
      }
    }
    const { timers } = this.#host;
    const time = cpu?.clock ?? Number.POSITIVE_INFINITY;
    if (timers.nextTime <= time) {
      if (timers.nextTime > until || timers.size === 0) return 'idle';
      this.#lastTime = timers.nextTime;
      timers.runNext();
      return 'timer';
    }
    if (cpu === undefined || time >= until) return 'idle';
    let end = Math.min(second + this.lookahead, timers.nextTime, until, time + LONGEST_SLICE);
    if (cpu.queue.size > 0) end = Math.min(end, cpu.timesliceEnd);
    this.#runSlice(cpu, cpu.current!, end, most);
    return 'ran';
  }
  #lastTime = 0;

  /** Virtual time: the running thread's, else that of what happened last. */
  now(): number {
    return this.current !== undefined ? this.timeOf(this.current) : this.#lastTime;
  }

  /** When something happens next: a timer fires or a thread goes on. `Infinity` when nothing ever will by itself. */
  get nextTime(): number {
    let next = this.#host.timers.nextTime;
    for (const cpu of this.cpus) if (cpu.current !== undefined && cpu.clock < next) next = cpu.clock;
    return next;
  }

  /** The latest time that any CPU or timer has reached. */
  get elapsed(): number {
    return this.cpus.reduce((latest, cpu) => Math.max(latest, cpu.clock), this.#lastTime);
  }

  readonly #isSliceOver = (): boolean => {
    const { core } = this.current!;
    return core.cycles >= core.limit || this.#reconsider;
  };

  #runSlice(cpu: Cpu<T>, thread: T, end: number, most: number): void {
    this.#host.prepareCore(thread, cpu);
    const { core } = thread;
    this.current = thread;
    this.#sliceStart = core.cycles;
    this.#startInstructions = core.instructions;
    this.#reconsider = false;
    this.#sliceEnd = Math.max(end, cpu.clock);
    core.limit = this.#sliceStart + Math.min((this.#sliceEnd - cpu.clock) / cpu.nsPerCycle, most);
    thread.state = 'running';
    const isNew = cpu.last !== thread;
    if (isNew && cpu.last !== undefined) {
      this.contextSwitches++;
      core.cycles += this.#host.costs.costs.contextSwitch;
    }
    // It may have been elsewhere meanwhile, and nobody here.
    if (isNew || thread.ranOn !== cpu) this.#host.switchedIn(thread);
    cpu.last = thread;
    thread.ranOn = cpu;
    this.#host.announceKind(thread, cpu);
    core.tscBase = (cpu.clock * cpu.hz) / 1e9 - this.#sliceStart;
    try {
      this.#host.execute(thread, this.#isSliceOver);
    } finally {
      const { core } = thread; // an exception may have replaced it
      const used = (core.cycles - this.#sliceStart) * cpu.nsPerCycle;
      cpu.clock += used;
      cpu.busy += used;
      thread.cpuTime += used;
      this.cycles += core.cycles - this.#sliceStart;
      this.instructions += core.instructions - this.#startInstructions;
      this.current = undefined;
      this.#lastTime = cpu.clock;
    }
    this.#afterSlice(cpu, thread);
  }

  #afterSlice(cpu: Cpu<T>, thread: T): void {
    const { clock } = cpu;
    this.#giveWay(cpu, thread);
    if (cpu.queue.size > 0) this.#spread(clock);
  }

  /** The thread goes on, or others do. */
  #giveWay(cpu: Cpu<T>, thread: T): void {
    // A wake-up during the slice may have made it runnable again already, here or on another CPU.
    const stillHere = (thread.state as TaskState) === 'running';
    if (stillHere) {
      thread.state = 'runnable';
      if (!thread.allowedCpus.has(cpu.id)) {
        this.#release(cpu, thread);
        this.#refill(cpu);
        this.enqueue(thread, cpu.clock);
        return;
      }
      if (cpu.queue.size === 0 || (cpu.clock < cpu.timesliceEnd && !thread.yields)) {
        thread.yields = false;
        return;
      }
      thread.yields = false;
      thread.involuntarySwitches++;
      thread.readyAt = cpu.clock;
      this.#release(cpu, thread);
      const next = cpu.queue.take()!;
      cpu.queue.push(thread);
      this.#assign(cpu, next);
      return;
    }
    thread.voluntarySwitches++;
    this.#release(cpu, thread);
    this.#refill(cpu);
  }
}
