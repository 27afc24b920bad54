import type { CorePool } from '../core/core-pool.ts';
import type { EventBus } from '../events/events.ts';
import type { Isa } from '../isa/isa.ts';
import type { PhysicalMemory } from '../memory/physical.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';
import type { TimerQueue } from '../scheduler/timers.ts';
import type { Coherence } from '../timing/coherence.ts';
import type { CostModel } from '../timing/cost-model.ts';
import type { Vfs } from './files/vfs.ts';
import type { Network } from './net/network.ts';
import type { Process } from './process.ts';
import type { SeededRandom } from './random.ts';
import type { Syscall } from './syscall.ts';
import type { WaitQueue } from './wait.ts';

/** Where the guest's terminal output goes. */
export interface ConsoleSinks {
  stdout(bytes: Uint8Array): void;
  stderr(bytes: Uint8Array): void;
  /** Reads the guest's standard input; 0 = end of file, undefined = nothing there yet. */
  stdin?(into: Uint8Array): number | undefined;
}

/** The guest's kernel: everything that is not one process's. */
export interface Kernel {
  readonly isa: Isa;
  readonly physical: PhysicalMemory;
  readonly pool: CorePool;
  readonly processes: Map<number, Process>;
  readonly timers: TimerQueue;
  readonly scheduler: Scheduler;
  readonly events: EventBus;
  readonly random: SeededRandom;
  readonly costs: CostModel;
  readonly coherence: Coherence | undefined;
  readonly files: Vfs;
  readonly network: Network;
  readonly console: ConsoleSinks;
  /** Implemented calls by Linux name. */
  readonly syscalls: Map<string, Syscall>;
  /** Calls that guests made and nobody implements, by name, with how often. */
  readonly unimplemented: Map<string, number>;
  /** Futexes in shared mappings, by physical address. */
  readonly sharedFutexes: Map<number, WaitQueue>;
  /** Virtual time in ns: of the thread that runs, else of the timer that fires. */
  now(): number;
  /** Virtual ns since the Unix epoch at `now`. */
  realtime(now: number): number;
  /** Adds a call that Linux does not have; `number` is the same on every ISA. */
  registerSyscall(number: number, name: string, syscall: Syscall): void;
  /** Counts entries into blocks at these addresses while a thread is in `view`. */
  watchBlocks(view: number, addresses: readonly number[]): BlockCounters;
}

export interface BlockCounters {
  /** Entries so far, in the order of the addresses given. */
  read(): Float64Array;
}
