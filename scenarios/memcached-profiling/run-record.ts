import type { RecordedLatencies } from '../runner/latency.ts';
import type { RunCounters } from '../runner/machine-counters.ts';
import type { Load } from './load.ts';

/** One run: a configuration with a seed on one machine. It goes to a process of its own. */
export interface RunInput {
  readonly configuration: string;
  readonly executable: string;
  readonly seed: number;
  readonly load: Load;
  readonly machine: MachineSettings;
  /** Keep a timeline of the first part of the measurement. */
  readonly recording: boolean;
  /** Where a trace for Perfetto goes, of the same time. */
  readonly trace: string | undefined;
}

export interface MachineSettings {
  readonly isa: 'x86-64' | 'aarch64';
  /** Name of a machine description. */
  readonly description: string;
  readonly costModel: 'count' | 'inorder';
  readonly coherence: boolean;
  /** One-way network latency, ns. */
  readonly networkLatency: number;
  /** memcached's worker threads. */
  readonly threads: number;
}

/** A time in which a thread had a CPU. */
export interface TimelineSlice {
  readonly tid: number;
  readonly cpu: number;
  readonly from: number;
  readonly to: number;
  readonly view: number;
}

export interface Timeline {
  readonly from: number;
  readonly to: number;
  readonly threads: Readonly<Record<number, string>>;
  readonly slices: readonly TimelineSlice[];
}

/** A function's entries while threads were in the `prof` view, as the machine counted them. */
export interface WatchedFunction {
  readonly address: number;
  readonly entries: number;
}

/** What a run gives. */
export interface RunRecord {
  readonly configuration: string;
  readonly seed: number;
  readonly performance: RecordedLatencies;
  readonly profiled: RecordedLatencies;
  readonly window: { readonly from: number; readonly to: number };
  readonly measured: number;
  readonly requests: number;
  readonly profiledCommands: number;
  readonly wrong: readonly string[];
  readonly wrongCount: number;
  readonly exitCode: number;
  readonly counters: RunCounters;
  /** Share of the workers' time in the window that they had a CPU. */
  readonly utilisation: number;
  readonly traceHash: string;
  readonly events: number;
  readonly unimplemented: Readonly<Record<string, number>>;
  /** As the guest wrote it; empty where nothing is instrumented. */
  readonly profile: string;
  readonly watched: readonly WatchedFunction[];
  readonly timeline: Timeline | undefined;
  /** Of the host, to see where a run's time goes; not part of what is reproducible. */
  readonly hostSeconds: number;
}
