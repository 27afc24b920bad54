import assert from 'node:assert/strict';
import type { Core } from '../core/core.ts';
import { EventBus } from '../events/events.ts';
import { kernelCosts } from '../timing/kernel-costs.ts';
import type { Cpu } from './cpu.ts';
import { Scheduler } from './scheduler.ts';
import type { SchedulerHost, Task, TaskState } from './task.ts';
import { TimerQueue } from './timers.ts';

/** A thread that computes: its core's cycles are all that happens. */
class Spinner implements Task<Spinner> {
  readonly view = 0;
  readonly core = { cycles: 0, instructions: 0, limit: 0, tscBase: 0 } as unknown as Core;
  state: TaskState = 'runnable';
  ranOn: Cpu<Spinner> | undefined;
  overriddenAffinity: ReadonlySet<number> | undefined;
  readyAt = 0;
  scheduledAt = 0;
  stoppedAt = 0;
  yields = false;
  cpuTime = 0;
  voluntarySwitches = 0;
  involuntarySwitches = 0;
  readonly tid: number;
  cpu: Cpu<Spinner>;
  affinity: ReadonlySet<number>;

  constructor(tid: number, cpu: Cpu<Spinner>, affinity: ReadonlySet<number>) {
    this.tid = tid;
    this.cpu = cpu;
    this.affinity = affinity;
  }

  get allowedCpus(): ReadonlySet<number> {
    return this.overriddenAffinity ?? this.affinity;
  }
}

const ms = 1e6;
const both: ReadonlySet<number> = new Set([0, 1]);
const first: ReadonlySet<number> = new Set([0]);

/** Two CPUs, of which the second is of another kind, and two threads that both want the first. */
class Bench {
  /** What the policies say of moves to another kind. */
  movesAllowed = true;
  /** Each thread waits for somebody when its slice ends. */
  blocks = false;
  readonly arrivals: string[] = [];
  readonly scheduler: Scheduler<Spinner>;
  readonly threads: readonly Spinner[];

  constructor(affinity: ReadonlySet<number>, threads = 2) {
    const host: SchedulerHost<Spinner> = {
      timers: new TimerQueue(),
      events: new EventBus(),
      costs: { costs: kernelCosts('subtree') },
      allowsMove: (thread, cpu) => cpu === thread.cpu || this.movesAllowed,
      prepareCore: () => {},
      switchedIn: ({ tid, cpu }) => this.arrivals.push(`${tid} on ${cpu.id}`),
      announceKind: () => {},
      execute: (thread) => {
        thread.core.cycles = Math.max(thread.core.cycles, thread.core.limit);
        if (this.blocks) thread.state = 'blocked';
      },
    };
    const hz = 1e9;
    this.scheduler = new Scheduler(host, {
      cpus: [
        { kind: 'big', hz },
        { kind: 'little', hz },
      ],
    });
    const [cpu] = this.scheduler.cpus;
    this.threads = Array.from({ length: threads }, (_, at) => at + 1).map((tid) => new Spinner(tid, cpu!, affinity));
    for (const thread of this.threads) this.scheduler.enqueue(thread, 0);
  }

  run(until: number): void {
    while (this.scheduler.step(until, Number.POSITIVE_INFINITY) !== 'idle');
  }

  get busy(): number[] {
    return this.scheduler.cpus.map(({ busy }) => busy);
  }
}

describe('scheduler', () => {
  it('shares a CPU among those that may run nowhere else', () => {
    const bench = new Bench(first);
    bench.run(20 * ms);
    assert.equal(bench.busy[1], 0);
    const [one, two] = bench.threads.map(({ cpuTime }) => cpuTime);
    assert.ok(Math.abs(one! - two!) <= 2 * bench.scheduler.timeslice);
  });

  it('an idle CPU takes a waiting thread whose affinity grows, no earlier than that', () => {
    for (const grow of ['setAffinity', 'override'] as const) {
      const bench = new Bench(first);
      bench.run(5 * ms);
      for (const thread of bench.threads) bench.scheduler[grow](thread, both);
      assert.deepEqual(new Set(bench.threads.map(({ cpu }) => cpu.id)), both, grow);
      bench.run(20 * ms);
      const [, idle] = bench.busy;
      assert.ok(idle! > 14.9 * ms && idle! <= 15 * ms, `${grow}: ${idle}`);
    }
  });

  it('an idle CPU takes a waiting thread that a policy would not let go before', () => {
    const bench = new Bench(first); // both want for the first CPU, as if a policy had kept them there
    bench.movesAllowed = false;
    for (const thread of bench.threads) bench.scheduler.setAffinity(thread, both);
    bench.run(5 * ms);
    assert.equal(bench.busy[1], 0);
    bench.movesAllowed = true;
    bench.run(20 * ms);
    assert.ok(bench.busy[1]! > 13.9 * ms && bench.busy[1]! <= 15 * ms, `${bench.busy[1]}`);
  });

  it('tells of a thread that comes back to a CPU where nobody was meanwhile', () => {
    const bench = new Bench(new Set([1]), 1);
    const [thread] = bench.threads;
    for (const [at, cpu] of [1, 0, 1].entries()) {
      bench.scheduler.setAffinity(thread!, new Set([cpu]));
      bench.run((at + 1) * ms);
    }
    assert.deepEqual(bench.arrivals, ['1 on 1', '1 on 0', '1 on 1']);
  });

  it('a thread that is woken from a CPU that is behind goes on no earlier than it stopped', () => {
    const bench = new Bench(both, 1);
    const [thread] = bench.threads;
    bench.blocks = true;
    bench.run(5 * ms);
    const { stoppedAt } = thread!;
    assert.ok(stoppedAt > 0 && thread!.state === 'blocked');
    bench.scheduler.enqueue(thread!, stoppedAt - 40_000);
    bench.run(10 * ms);
    assert.ok(thread!.scheduledAt > stoppedAt, `stopped at ${stoppedAt}, went on at ${thread!.scheduledAt}`);
  });

  it('no CPU is idle while a thread waits that may run there', () => {
    const bench = new Bench(both);
    bench.run(10 * ms);
    for (const time of bench.busy) assert.ok(time > 9.9 * ms);
  });
});
