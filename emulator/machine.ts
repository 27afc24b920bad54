import { MelfError } from '../base/errors.ts';
import { loadEngine } from './core/engine-loader.ts';
import { EventBus, type EventSink } from './events/events.ts';
import { Decoder } from './isa/decoder.ts';
import type { Isa } from './isa/isa.ts';
import { aarch64Abi } from './linux/abi/aarch64/abi.ts';
import { x86Abi } from './linux/abi/x86-64/abi.ts';
import { standardFiles } from './linux/files/console.ts';
import type { DiskImage } from './linux/files/disk-image.ts';
import type { HostMount } from './linux/files/file-tree.ts';
import { guestFiles } from './linux/files/guest-files.ts';
import type { DiskOptions } from './linux/files/storage.ts';
import type { Vfs } from './linux/files/vfs.ts';
import { type ConsoleSinks, Kernel } from './linux/kernel.ts';
import { loadProgram } from './linux/loader.ts';
import { Network } from './linux/net/network.ts';
import type { Process } from './linux/process.ts';
import { SeededRandom } from './linux/random.ts';
import { topics } from './linux/syscalls/topics.ts';
import type { Thread } from './linux/thread.ts';
import { PhysicalMemory } from './memory/physical.ts';
import type { NativeBinding } from './native/binding.ts';
import type { MachineDescription } from './scheduler/machine-description.ts';
import type { SchedulerOptions } from './scheduler/scheduler.ts';
import { Coherence } from './timing/coherence.ts';
import { type CostModel, type CostModelName, loadCostModel } from './timing/cost-model.ts';
import type { ViewModelName } from './timing/kernel-costs.ts';

/** No thread can ever run again. */
export class Deadlock extends MelfError {}

/** A run used up what it was given. */
export class LimitReached extends MelfError {}

export interface MachineOptions {
  readonly description: MachineDescription;
  /** Default `inorder`. */
  readonly costModel?: CostModelName;
  /** How views are kept, and what that costs: shared page tables (default), or as the paper's kernel for Linux 5.15. */
  readonly views?: ViewModelName;
  /** Charge transfers of cache lines that guest code reports through the model port. Default true. */
  readonly coherence?: boolean;
  /** Default 1. */
  readonly seed?: number;
  /** Wall clock at virtual time 0, seconds since the Unix epoch. Default: a fixed date, so that runs repeat. */
  readonly epochSeconds?: number;
  /** Guest RAM; the host commits what is touched. Default 2 GiB. */
  readonly ramBytes?: number;
  readonly console?: ConsoleSinks;
  readonly events?: readonly EventSink[];
  /** Host folders that the guest sees. */
  readonly mounts?: readonly HostMount[];
  /** Keeps the guest's root directory on a disk that outlives the machine; see {@link Machine.crash}. Default: in memory. */
  readonly disk?: DiskOptions;
  /** One-way latency of the network, virtual ns. */
  readonly latency?: number;
  readonly scheduling?: Omit<SchedulerOptions, 'cpus'>;
  /** Bench only: without it nothing is counted or preempted. */
  readonly accounting?: boolean;
  /** Bench only: another build of the engine. */
  readonly engine?: NativeBinding;
  /** Gives the kernel calls that Linux does not have (overlay/ adds mmview so). */
  readonly extensions?: readonly ((kernel: Kernel) => void)[];
}

export interface ProgramOptions {
  /** `argv[0]` first. */
  readonly argv: readonly string[];
  readonly env?: readonly string[];
  /** Path of the executable in the guest; default `argv[0]` made absolute. */
  readonly exe?: string;
  /** CPUs by id; default all. */
  readonly affinity?: ReadonlySet<number>;
}

export interface RunOptions {
  /** Virtual ns at which to stop. */
  readonly until?: number;
  /** Asked between slices. */
  readonly stopWhen?: () => boolean;
  /** Ends an endless loop with {@link LimitReached}. */
  readonly maxInstructions?: number;
  /** Virtual ns: as `maxInstructions`. */
  readonly maxTime?: number;
  /** What to do when no thread can run and no timer is set: an error (default), or to return. */
  readonly whenIdle?: 'deadlock' | 'return';
}

export interface RunResult {
  /** `ended`: every process has. `until`, `stopped`: as asked. `idle`: nothing can happen without somebody outside. */
  readonly reason: 'ended' | 'until' | 'stopped' | 'idle';
  /** Virtual ns. */
  readonly time: number;
  readonly instructions: number;
}

const DEFAULT_RAM = 2 * 2 ** 30;
const silent: ConsoleSinks = { stdout() {}, stderr() {} };

/** A whole emulated computer: CPUs, memory, kernel, network, and the guest processes on it. */
export class Machine {
  readonly kernel: Kernel;
  readonly description: MachineDescription;
  readonly events: EventBus;
  /** Why the machine cannot run any more. */
  #over: string | undefined;

  private constructor(options: MachineOptions, costs: CostModel, decoder: Decoder) {
    const native = options.engine ?? loadEngine({ isa: options.description.isa });
    const physical = new PhysicalMemory(native, options.ramBytes ?? DEFAULT_RAM);
    this.description = options.description;
    this.events = new EventBus(options.events);
    this.kernel = new Kernel({
      native,
      abi: options.description.isa === 'x86-64' ? x86Abi : aarch64Abi,
      physical,
      description: options.description,
      costs,
      coherence: options.coherence === false ? undefined : new Coherence(),
      decoder,
      events: this.events,
      seed: options.seed ?? 1,
      epochSeconds: options.epochSeconds,
      console: options.console ?? silent,
      topics: Object.values(topics),
      scheduling: options.scheduling,
      accounting: options.accounting,
      makeFiles: (kernel) =>
        guestFiles({
          now: () => kernel.now(),
          epochSeconds: options.epochSeconds,
          frames: physical,
          mounts: options.mounts,
          disk: options.disk,
        }),
      makeNetwork: ({ timers }) => new Network({ timers, latency: options.latency }),
    });
    for (const extend of options.extensions ?? []) extend(this.kernel);
  }

  /** Makes a machine. Loads Capstone at the first call (about 0.1 s). */
  static async create(options: MachineOptions): Promise<Machine> {
    const { isa } = options.description;
    const costs = await loadCostModel(options.costModel ?? 'inorder', isa, options.views);
    return new Machine(options, costs, await Decoder.load(isa));
  }

  get isa(): Isa {
    return this.description.isa;
  }

  get network(): Network {
    return this.kernel.network;
  }

  get files(): Vfs {
    return this.kernel.files;
  }

  /** Virtual ns that have passed. */
  get time(): number {
    return this.kernel.scheduler.elapsed;
  }

  /** Starts a static executable as a new process with standard files. Throws BadExecutable for anything else. */
  spawn(elf: Uint8Array, options: ProgramOptions): Process {
    const exe = options.exe ?? absolute(options.argv[0] ?? 'program');
    if (this.files.fileBytes(exe) === undefined) this.files.putFile(exe, elf, 0o755); // /proc/self/exe leads there
    const thread = loadProgram(this.kernel, elf, {
      argv: options.argv,
      env: options.env ?? [],
      exe,
      affinity: options.affinity,
    });
    for (const file of standardFiles(this.kernel.console)) thread.process.files.install(file);
    return thread.process;
  }

  /** Runs until every process has ended, or as `options` says. */
  run(options: RunOptions = {}): RunResult {
    if (this.#over !== undefined)
      throw new MelfError('machine.over', `this machine has ${this.#over}: make another one`);
    const { scheduler, processes } = this.kernel;
    const until = options.until ?? Number.POSITIVE_INFINITY;
    const mostTime = options.maxTime ?? Number.POSITIVE_INFINITY;
    const mostInstructions = options.maxInstructions ?? Number.POSITIVE_INFINITY;
    const result = (reason: RunResult['reason']): RunResult => ({
      reason,
      time: scheduler.elapsed,
      instructions: scheduler.instructions,
    });
    const allEnded = (): boolean => {
      for (const process of processes.values()) if (process.end === undefined) return false;
      return true;
    };
    const horizon = Math.min(until, mostTime);
    for (;;) {
      if (allEnded()) return result('ended');
      if (options.stopWhen?.()) return result('stopped');
      const left = mostInstructions - scheduler.instructions;
      if (left <= 0) throw this.#limit(`the guest executed ${mostInstructions} instructions`, '--max-instructions');
      if (scheduler.step(horizon, left) !== 'idle') continue;
      if (this.#hasWork()) {
        if (mostTime <= until) throw this.#limit(`the guest ran for ${mostTime / 1e9} s of virtual time`, '--max-time');
        return result('until');
      }
      if (options.whenIdle === 'return') return result('idle');
      throw this.#deadlock();
    }
  }

  /** Whether anything would happen if there were more time. */
  #hasWork(): boolean {
    const { scheduler, timers } = this.kernel;
    return timers.size > 0 || scheduler.cpus.some((cpu) => !cpu.idle);
  }

  #threads(): Thread[] {
    return [...this.kernel.processes.values()].flatMap((process) => [...process.threads.values()]);
  }

  /** What each thread does, one line per thread. */
  threadStates(): string[] {
    return this.#threads().map((thread) => {
      const doing = thread.state === 'blocked' ? `waits: ${thread.wait?.what ?? 'unknown'}` : thread.state;
      return `thread ${thread.tid} (${thread.comm}) ${doing}`;
    });
  }

  #limit(what: string, flag: string): LimitReached {
    return new LimitReached('machine.limit', `${what}, which was its limit`, {
      facts: { threads: this.threadStates().join('\n') },
      hint: `raise ${flag} if it is no endless loop`,
    });
  }

  #deadlock(): Deadlock {
    const threads = this.threadStates();
    return new Deadlock('machine.deadlock', `deadlock: none of ${threads.length} threads can ever run again`, {
      facts: { time: `${(this.time / 1e9).toFixed(6)} s`, threads: threads.join('\n') },
      hint: 'each thread waits for something that nobody will do; --trace shows how it came to that',
    });
  }

  /**
   * Power fails now, whatever the guest is doing. Returns what the disk holds, for another machine's option `disk`: all that the guest had synced, and
   * of the rest some, which the seed and the time decide. Needs a machine with a disk.
   */
  crash(): DiskImage {
    const random = new SeededRandom(this.kernel.seed, `crash at ${this.time}`);
    const image = this.files.crash((bound) => random.u32() % bound);
    this.#over = 'crashed';
    return image;
  }

  /** Shuts the machine down. Returns what is on its disk: everything that the guest wrote there. */
  shutDown(): DiskImage {
    const image = this.files.diskImage();
    this.#over = 'been shut down';
    this.close();
    return image;
  }

  /**
   * Ends the run: what the guest wrote to read-write folders reaches the host, and the host gets the memory of cores and guest back. Counters,
   * the files' contents and how processes ended can still be read, guest memory and registers cannot.
   */
  close(): void {
    this.kernel.files.close();
    this.kernel.close();
    this.#over ??= 'been closed';
  }
}

const absolute = (path: string): string => (path.startsWith('/') ? path : `/${path}`);
