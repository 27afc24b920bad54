import type { Cpu } from './cpu.ts';
import type { SchedulerHost, Task } from './task.ts';

/** Which CPU a thread is to go to, and which waiting thread a CPU may take. */
export class Placement<T extends Task<T>> {
  readonly #cpus: readonly Cpu<T>[];
  readonly #host: Pick<SchedulerHost<T>, 'allowsMove'>;

  constructor(cpus: readonly Cpu<T>[], host: Pick<SchedulerHost<T>, 'allowsMove'>) {
    this.#cpus = cpus;
    this.#host = host;
  }

  /** A CPU that a new thread may start on: the idle one with the lowest clock, else the one with the shortest queue. */
  bestOf(affinity: ReadonlySet<number>): Cpu<T> {
    const best = this.#bestWhere((cpu) => affinity.has(cpu.id));
    if (best === undefined) throw new RangeError('no CPU in the affinity set');
    return best;
  }

  /** The same for a thread that there is. An affinity that leaves no CPU which the policies want is obeyed all the same. */
  bestFor(thread: T): Cpu<T> {
    return this.#bestWhere((cpu) => this.#allows(thread, cpu)) ?? this.bestOf(thread.allowedCpus);
  }

  #bestWhere(allowed: (cpu: Cpu<T>) => boolean): Cpu<T> | undefined {
    let best: Cpu<T> | undefined;
    for (const cpu of this.#cpus) if (allowed(cpu) && (best === undefined || isBetter(cpu, best))) best = cpu;
    return best;
  }

  /** Whether the thread may run on the CPU: by its affinity, and for a CPU of another kind by the policies. */
  #allows(thread: T, cpu: Cpu<T>): boolean {
    if (!thread.allowedCpus.has(cpu.id)) return false;
    return this.#host.allowsMove(thread, cpu);
  }

  /** Takes a thread that may run on the CPU out of another's queue, the longest first. */
  steal(cpu: Cpu<T>): T | undefined {
    const others = this.#cpus.filter((other) => other !== cpu && other.queue.size > 0);
    others.sort((a, b) => b.queue.size - a.queue.size || a.id - b.id);
    for (const other of others) {
      const found = other.queue.take((thread) => this.#allows(thread, cpu));
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function isBetter<T extends Task<T>>(a: Cpu<T>, b: Cpu<T>): boolean {
  if (a.idle !== b.idle) return a.idle;
  if (a.idle) return a.clock < b.clock;
  return a.queue.size < b.queue.size;
}
