import { makeBootRoot } from '../core/core.ts';
import { CorePool } from '../core/core-pool.ts';
import type { EventBus, PageFaultKind } from '../events/events.ts';
import type { Decoder } from '../isa/decoder.ts';
import type { AddressSpace } from '../memory/address-space.ts';
import { OutOfMemory, type PhysicalMemory } from '../memory/physical.ts';
import { ExitReason, type NativeBinding } from '../native/binding.ts';
import type { Cpu } from '../scheduler/cpu.ts';
import { engineModel, type MachineDescription, modelFeatures } from '../scheduler/machine-description.ts';
import { Scheduler, type SchedulerOptions } from '../scheduler/scheduler.ts';
import type { SchedulerHost } from '../scheduler/task.ts';
import { TimerQueue } from '../scheduler/timers.ts';
import type { Coherence } from '../timing/coherence.ts';
import type { CostModel } from '../timing/cost-model.ts';
import type { Abi } from './abi/abi.ts';
import { BlockAccounting, type BlockCounters, BlockWatch } from './block-accounting.ts';
import { EPOCH_SECONDS } from './clock.ts';
import { CoreCallbacks } from './core-callbacks.ts';
import type { CpuKind } from './cpu-kind.ts';
import type { CpuPolicy } from './cpu-policy.ts';
import { Dispatcher } from './dispatch.ts';
import { Exits } from './exit.ts';
import { FeatureGuard } from './feature-guard.ts';
import type { Vfs } from './files/vfs.ts';
import { FutexTable } from './futex.ts';
import type { Network } from './net/network.ts';
import type { Process } from './process.ts';
import { SeededRandom } from './random.ts';
import { leaveSequence } from './restartable-sequence.ts';
import { SignalDelivery } from './signal-delivery.ts';
import type { Syscall, SyscallTopic } from './syscall.ts';
import { Thread } from './thread.ts';
import { Traps } from './traps.ts';

/** Where the guest's terminal output and the machine's remarks go. */
export interface ConsoleSinks {
  stdout(bytes: Uint8Array): void;
  stderr(bytes: Uint8Array): void;
  /** Reads the guest's standard input; 0 = end of file, undefined = nothing there yet. */
  stdin?(into: Uint8Array): number | undefined;
  /** A remark of the machine about the guest: a call that is not implemented, a stop signal. */
  remark?(message: string, hint: string | undefined): void;
}

export interface KernelOptions {
  readonly native: NativeBinding;
  readonly abi: Abi;
  readonly physical: PhysicalMemory;
  readonly description: MachineDescription;
  readonly costs: CostModel;
  readonly coherence?: Coherence;
  readonly decoder: Decoder;
  readonly events: EventBus;
  readonly seed: number;
  /** Wall clock at virtual time 0, seconds since the Unix epoch. */
  readonly epochSeconds?: number;
  readonly console: ConsoleSinks;
  readonly topics: readonly SyscallTopic[];
  readonly scheduling?: Omit<SchedulerOptions, 'cpus'>;
  /** False: nothing is counted and nothing can be preempted (bench only). */
  readonly accounting?: boolean;
  readonly makeFiles: (kernel: Kernel) => Vfs;
  readonly makeNetwork: (kernel: Kernel) => Network;
}

/** The first process's id, and its first thread's. Not 1: some programs take that for the role of init. */
const FIRST_PID = 1000;

/** The guest's kernel: everything that is not one process's. */
export class Kernel implements SchedulerHost<Thread> {
  readonly abi: Abi;
  readonly physical: PhysicalMemory;
  readonly processes = new Map<number, Process>();
  readonly timers = new TimerQueue();
  readonly scheduler: Scheduler<Thread>;
  readonly events: EventBus;
  readonly seed: number;
  /** Wall clock at virtual time 0, seconds since the Unix epoch. */
  readonly epochSeconds: number;
  /** For getrandom, AT_RANDOM and /dev/urandom. */
  readonly random: SeededRandom;
  readonly costs: CostModel;
  readonly coherence: Coherence | undefined;
  readonly decoder: Decoder;
  readonly files: Vfs;
  readonly network: Network;
  readonly console: ConsoleSinks;
  readonly kinds: ReadonlyMap<string, CpuKind>;
  /** Futexes in shared mappings, by physical address. */
  readonly sharedFutexes = new FutexTable();
  readonly dispatcher: Dispatcher;
  /** What policies outside the guest do about CPUs of several kinds, see overlay/. */
  readonly policies: CpuPolicy[] = [];
  /** Names the variant that a thread executes at an address, for events; set by overlay/. */
  variantNamer: ((thread: Thread, va: number) => string | undefined) | undefined;
  /** Called when a thread has left its process or executes another program, while the memory that it was in is still there. */
  readonly threadEnds: ((thread: Thread, left: { readonly space: AddressSpace; readonly view: number }) => void)[] = [];
  /** Called when a thread has made another process, before that runs. */
  readonly forks: ((child: Process, maker: Thread) => void)[] = [];
  /** Called when a process executes another program, with that file's bytes, before it runs. */
  readonly execs: ((process: Process, image: Uint8Array) => void)[] = [];
  readonly signals: SignalDelivery;
  readonly exits: Exits;
  /** Cycles that each system call costs, a copy of {@link costs} at hand. */
  readonly syscallCycles: number;
  readonly pageFaultCycles: Readonly<Record<PageFaultKind, number>>;
  readonly #traps: Traps;
  readonly #watch = new BlockWatch();
  #nextId = FIRST_PID;

  constructor(options: KernelOptions) {
    this.abi = options.abi;
    this.physical = options.physical;
    this.events = options.events;
    this.seed = options.seed;
    this.epochSeconds = options.epochSeconds ?? EPOCH_SECONDS;
    this.random = new SeededRandom(options.seed, 'kernel');
    this.costs = options.costs;
    this.coherence = options.coherence;
    this.decoder = options.decoder;
    this.console = options.console;
    this.syscallCycles = options.costs.costs.syscall;
    const { pageFaultMinor, pageFaultZero, pageFaultCow } = options.costs.costs;
    this.pageFaultCycles = {
      minor: pageFaultMinor,
      zero: pageFaultZero,
      file: pageFaultMinor,
      cow: pageFaultCow,
      refused: pageFaultMinor,
    };
    const { cpus } = options.description;
    this.kinds = this.#makeKinds(options);
    this.scheduler = new Scheduler(this, {
      ...options.scheduling,
      cpus: cpus.flatMap(({ kind, count, hz }) => Array.from({ length: count }, () => ({ kind, hz }))),
    });
    this.dispatcher = new Dispatcher(this, options.abi, options.topics);
    this.signals = new SignalDelivery(this);
    this.exits = new Exits(this);
    this.#traps = new Traps(this);
    this.files = options.makeFiles(this);
    this.network = options.makeNetwork(this);
  }

  #makeKinds(options: KernelOptions): Map<string, CpuKind> {
    const { native, physical, abi, accounting = true } = options;
    const bootRoot = makeBootRoot(abi.isa, physical);
    const pools = new Map<number, CorePool>();
    const kinds = new Map<string, CpuKind>();
    for (const { kind, model, features, cycles } of options.description.cpus) {
      const cpuModel = engineModel(abi.isa, model);
      const pool =
        pools.get(cpuModel) ??
        new CorePool({ native, physical, isa: abi.isa, cpuModel, bootRoot, accounting, seed: options.seed });
      pools.set(cpuModel, pool);
      const guard = new FeatureGuard(options.decoder, features, modelFeatures(abi.isa, model));
      const costs = cycles === undefined ? options.costs : options.costs.withCycles(cycles);
      const blocks = new BlockAccounting(native, costs, this.#watch, guard);
      kinds.set(kind, { name: kind, model, features, pool, accounting: blocks, costs, guard });
    }
    return kinds;
  }

  /** Gives the memory of cores and frames back to the host. Counters and files can still be read. */
  close(): void {
    for (const { pool } of this.kinds.values()) pool.close();
    this.physical.close();
  }

  get isa(): Abi['isa'] {
    return this.abi.isa;
  }

  /** Implemented calls by Linux name. */
  get syscalls(): ReadonlyMap<string, Syscall> {
    return this.dispatcher.implemented;
  }

  /** Calls that guests made and nobody implements, by name, with how often. */
  get unimplemented(): ReadonlyMap<string, number> {
    return this.dispatcher.unimplemented;
  }

  /** Virtual time in ns: of the thread that runs, else of the timer that fires. */
  now(): number {
    return this.scheduler.now();
  }

  /** The wall clock at virtual time `now`: [seconds since the Unix epoch, ns]. */
  wallClock(now: number = this.now()): readonly [seconds: number, ns: number] {
    const seconds = Math.floor(now / 1e9);
    return [this.epochSeconds + seconds, Math.floor(now - seconds * 1e9)];
  }

  /** Tells the user something about the guest that is no error of the run. */
  report(message: string, hint?: string): void {
    this.console.remark?.(message, hint);
  }

  /** Adds a call that Linux does not have; `number` is the same on every ISA. */
  registerSyscall(number: number, name: string, syscall: Syscall): void {
    this.dispatcher.register(number, name, syscall);
  }

  /** Counts entries into the blocks that begin at `addresses` while a thread is in `view`. */
  watchBlocks(view: number, addresses: readonly number[]): BlockCounters {
    return this.#watch.add(view, addresses);
  }

  /** The living thread with this id, whoever's it is. */
  threadById(tid: number): Thread | undefined {
    for (const { threads } of this.processes.values()) {
      const found = threads.get(tid);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Threads that run in an address space: those of one process, or of several after vfork. */
  threadsIn(space: AddressSpace): Thread[] {
    const users = [...this.processes.values()].filter((process) => process.space === space);
    return users.flatMap(({ threads }) => [...threads.values()]);
  }

  /** A new process or thread id. */
  newId(): number {
    return this.#nextId++;
  }

  /** The CPUs that were asked for, or all. */
  affinityOf(wanted: ReadonlySet<number> | undefined): ReadonlySet<number> {
    return wanted ?? new Set(this.scheduler.cpus.keys());
  }

  /**
   * What all CPUs can do that a thread with this affinity may come to. Linux tells programs in AT_HWCAP what all CPUs of the machine have in common
   * (arm64's sanitised ID registers); a program that is started on some CPUs alone need not forgo what they have.
   */
  commonFeatures(affinity: ReadonlySet<number>): readonly string[] {
    const cpus = this.scheduler.cpus.filter(({ id }) => affinity.has(id)).map((cpu) => this.kindOf(cpu).features);
    const [first = [], ...others] = cpus;
    return first.filter((feature) => others.every((features) => features.includes(feature)));
  }

  kindOf(cpu: Cpu<Thread>): CpuKind {
    return this.kinds.get(cpu.kind)!;
  }

  /** A thread with a core of the CPU that it will start on. Its registers are whatever the core's last user left. */
  newThread(
    process: Process,
    options: { tid?: number; view: number; comm: string; affinity?: ReadonlySet<number> },
  ): Thread {
    const affinity = this.affinityOf(options.affinity);
    const cpu = this.scheduler.placement.bestOf(affinity);
    const kind = this.kindOf(cpu);
    const tid = options.tid ?? this.newId();
    const core = kind.pool.acquire();
    const thread = new Thread({ tid, process, core, view: options.view, comm: options.comm, cpu, affinity });
    this.#settle(thread, kind);
    process.threads.set(tid, thread);
    if (this.events.enabled) {
      const { pid } = process;
      this.events.emit({
        type: 'thread:start',
        time: this.now(),
        tid,
        cpu: cpu.id,
        pid,
        name: options.comm,
        view: options.view,
      });
    }
    return thread;
  }

  #settle(thread: Thread, kind: CpuKind): void {
    const { core } = thread;
    thread.kind = kind;
    core.callbacks = new CoreCallbacks(thread, kind);
    core.useBlockTables(kind.accounting);
    core.tlbMissCycles = this.costs.costs.tlbMiss;
    core.enter(thread.process.space, thread.view);
  }

  /** The thread is about to run on `cpu`, which may be of another kind than the last: then its registers move to another core. */
  prepareCore(thread: Thread, cpu: Cpu<Thread>): void {
    const kind = this.kindOf(cpu);
    if (thread.kind !== kind) this.#changeKind(thread, kind);
  }

  switchedIn(thread: Thread): void {
    leaveSequence(thread);
  }

  /** Tells events and policies when the thread, which is about to run, came to a CPU of another kind. */
  announceKind(thread: Thread, cpu: Cpu<Thread>): void {
    const kind = this.kindOf(cpu);
    const known = thread.knownKind;
    if (known === kind) return;
    thread.knownKind = kind;
    if (known !== undefined && this.events.enabled) {
      const { tid } = thread;
      this.events.emit({
        type: 'thread:move',
        time: thread.now(),
        tid,
        cpu: cpu.id,
        fromKind: known.name,
        toKind: kind.name,
      });
    }
    for (const policy of this.policies) policy.onKind?.(thread, kind);
  }

  #changeKind(thread: Thread, kind: CpuKind): void {
    const old = thread.kind;
    if (old !== undefined && old.pool !== kind.pool) {
      const { context } = this.abi;
      const values = new BigUint64Array(context.length * 2);
      thread.core.readRegisters(context, values);
      old.pool.release(thread.core);
      thread.core = kind.pool.acquire();
      thread.core.writeRegisters(context, values);
    }
    this.#settle(thread, kind);
  }

  /** Whether the thread may go to the CPU now: always to one of its kind, else if the policies let it. */
  allowsMove(thread: Thread, cpu: Cpu<Thread>): boolean {
    const kind = this.kindOf(cpu);
    if (kind === thread.kind) return true;
    return this.policies.every((policy) => policy.allowsMove?.(thread, kind) ?? true);
  }

  /**
   * Gives the thread a fresh core in the same state. After an x86 exception of the contributory class (Intel SDM vol. 3, table 6-5) the engine
   * believes itself in that exception's handler: the next one would be a double fault.
   */
  renewCore(thread: Thread): void {
    const { core: old, kind } = thread;
    const { context } = this.abi;
    const values = new BigUint64Array(context.length * 2);
    old.readRegisters(context, values);
    const core = kind!.pool.acquire();
    core.writeRegisters(context, values);
    core.cycles = old.cycles;
    core.instructions = old.instructions;
    core.limit = old.limit;
    thread.core = core;
    this.#settle(thread, kind!);
  }

  releaseCore(thread: Thread): void {
    thread.kind?.pool.release(thread.core);
  }

  /** Executes the thread in user mode, and what it asks of the kernel, until it waits, has ended or its slice is over. */
  execute(thread: Thread, isSliceOver: () => boolean): void {
    try {
      this.#execute(thread, isSliceOver);
    } catch (error) {
      if (!(error instanceof OutOfMemory)) throw error; // of a signal's frame, of what a policy does
      this.exits.outOfMemory(thread);
    }
  }

  #execute(thread: Thread, isSliceOver: () => boolean): void {
    if (thread.blocking !== undefined && !this.dispatcher.resume(thread)) return;
    for (;;) {
      if (thread.attention && !this.signals.deliver(thread)) return;
      if (isSliceOver()) return;
      const { result } = thread;
      thread.result = undefined;
      if (!this.handleExit(thread, thread.core.run(result))) return;
    }
  }

  /** The thread's core has stopped. Returns whether it may go on at once. */
  handleExit(thread: Thread, reason: ExitReason): boolean {
    if (reason === ExitReason.syscall) return this.dispatcher.call(thread);
    if (reason === ExitReason.budget) {
      for (const policy of this.policies) policy.onPreemption?.(thread);
      return true;
    }
    return this.#traps.handle(thread, reason);
  }
}
