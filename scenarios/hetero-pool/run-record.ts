import type { MachineDescription } from '../../emulator/scheduler/machine-description.ts';
import type { Isa } from '../../setup/toolchain.ts';
import type { Form } from './executable.ts';
import type { KernelName } from './kernels.ts';
import type { Variant } from './variants.ts';

/** F gains nothing from the extension, M does. */
export type JobClass = 'F' | 'M';

export interface PoolJob {
  readonly class: JobClass;
  readonly kernel: KernelName;
  readonly rounds: number;
  readonly input: number;
}

/** Several configurations over the same jobs on the same machine, in one process. */
export interface BatchInput {
  readonly isa: Isa;
  /** CPUs of the kinds `little` and `big`, in this order. */
  readonly machine: MachineDescription;
  readonly executables: Readonly<Record<Form, string>>;
  readonly configurations: readonly string[];
  readonly jobs: readonly PoolJob[];
  readonly seed: number;
  readonly costModel: 'count' | 'inorder';
  /** Blocks of the multivariant executable whose entries are counted; without them the run looks for such blocks. */
  readonly watched?: readonly BlockStart[];
  /** Keep who executed what when. */
  readonly recording: boolean;
  /** Where the trace of a configuration goes, if it is recorded. */
  readonly traces: Readonly<Record<string, string>>;
}

/** A job as it was done. Times are virtual ns. */
export interface DoneJob {
  /** Index in the batch's jobs. */
  readonly job: number;
  readonly tid: number;
  readonly cpu: number;
  readonly start: number;
  readonly end: number;
  readonly result: number;
}

/** An instruction that a CPU refused. */
export interface Refusal {
  readonly kind: string;
  readonly cpu: number;
  readonly pc: number;
  readonly instruction: string;
  readonly feature: string | undefined;
  readonly variant: string | undefined;
  readonly time: number;
}

/** An instruction in a block that CPUs of a kind came to, although they lack it. */
export interface AbsentInstruction {
  readonly kind: string;
  readonly pc: number;
  readonly instruction: string;
  readonly feature: string;
  readonly variant: string | undefined;
}

/** The first instruction of a block, and the view in which it was executed. */
export interface BlockStart {
  readonly view: number;
  readonly va: number;
}

/** A part of a job on one CPU in one variant. */
export interface Segment {
  readonly job: number;
  readonly cpu: number;
  readonly from: number;
  readonly to: number;
  readonly variant: Variant;
}

export interface PoolRun {
  readonly configuration: string;
  /** Signal that ended the process. */
  readonly signal: number | undefined;
  readonly exitCode: number | undefined;
  /** What the program wrote, for failures. */
  readonly output: string;
  readonly done: readonly DoneJob[];
  readonly segments: readonly Segment[];
  readonly refusals: readonly Refusal[];
  readonly absent: readonly AbsentInstruction[];
  /** Blocks with instructions that some kind lacks, as they were come to, in a run that looks for them. */
  readonly extensionStarts: readonly BlockStart[];
  /** How often each kind entered the watched blocks. */
  readonly extensionEntries: Readonly<Record<string, number>>;
  /** How far apart the clocks of busy CPUs may be, ns. */
  readonly lookahead: number;
  readonly time: number;
  readonly instructions: number;
  readonly cycles: number;
  readonly switches: number;
  readonly views: number;
  readonly moves: number;
  readonly contextSwitches: number;
  readonly syscalls: number;
  readonly pageFaults: number;
  /** What the policy found out. */
  readonly lessons: readonly string[];
  readonly traceHash: string;
  readonly unimplemented: Readonly<Record<string, number>>;
  readonly hostSeconds: number;
}

export interface BatchFailure {
  readonly configuration: string;
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
}

export interface BatchOutput {
  readonly runs: readonly PoolRun[];
  readonly failures: readonly BatchFailure[];
}
