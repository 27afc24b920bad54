import type { RecordedLatencies } from '../runner/latency.ts';
import type { RunCounters } from '../runner/machine-counters.ts';
import type { Load } from './load.ts';

/** One run: a configuration with a seed on one machine. It goes to a process of its own. */
export interface RunInput {
  readonly configuration: string;
  readonly executable: string;
  /** Folder of the server's files (executable.ts). */
  readonly files: string;
  readonly seed: number;
  readonly load: Load;
  readonly machine: MachineSettings;
  /** Where a trace for Perfetto goes, of the first part of the measurement. */
  readonly trace: string | undefined;
}

export interface MachineSettings {
  readonly isa: 'x86-64' | 'aarch64';
  /** Name of a machine description. */
  readonly description: string;
  readonly costModel: 'count' | 'inorder';
  /** One-way network latency, ns. */
  readonly networkLatency: number;
  /** A thread for each connection, or a pool with so many groups. */
  readonly threads: 'one-per-connection' | { readonly groups: number };
}

/** An error that the sanitiser's runtime reported, its addresses as function names. */
export interface FoundError {
  readonly kind: string;
  readonly access: string;
  readonly variant: string;
  readonly thread: number;
  readonly stack: readonly string[];
  readonly allocation: readonly string[];
  /** Empty where the block is not freed. */
  readonly freed: readonly string[];
}

/** What a run gives. */
export interface RunRecord {
  readonly configuration: string;
  readonly seed: number;
  readonly performance: RecordedLatencies;
  readonly sanitised: RecordedLatencies;
  readonly window: { readonly from: number; readonly to: number };
  readonly measured: number;
  readonly statements: number;
  readonly planted: { readonly plain: number; readonly sanitised: number };
  readonly connections: { readonly plain: number; readonly sanitised: number };
  /** What clients sent in the whole run, by the variant that was to execute it: statements, and the command that ends a session. */
  readonly commands: { readonly plain: number; readonly sanitised: number };
  /** Entries of the function that executes a command, as the machine counted them by view; undefined in a form with one variant. */
  readonly entries: { readonly plain: number; readonly sanitised: number } | undefined;
  /** Changes of a thread's view from the start of the server on; `counters` has those in the window. */
  readonly switches: number;
  readonly wrong: readonly string[];
  readonly wrongCount: number;
  readonly errors: readonly FoundError[];
  /** A report as a user sees it: the first of a use after free, which has most to tell, or else the first. */
  readonly example: string | undefined;
  readonly exitCode: number;
  readonly counters: RunCounters;
  /** Share of the CPUs' time in the window that was used. */
  readonly utilisation: number;
  readonly traceHash: string;
  readonly events: number;
  readonly unimplemented: Readonly<Record<string, number>>;
  /** Virtual ns from the start of the program to the first answer. */
  readonly startTime: number;
  /** Of the host, to see where a run's time goes; not part of what is reproducible. */
  readonly hostSeconds: number;
  /** Of the host until the server listened. */
  readonly hostStartSeconds: number;
}
