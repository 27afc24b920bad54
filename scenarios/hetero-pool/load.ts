import { checkMachine, loadMachine, type MachineDescription } from '../../emulator/scheduler/machine-description.ts';
import type { Isa } from '../../setup/toolchain.ts';
import { randomStreams } from '../runner/random.ts';
import type { Mix, Ratio } from './configurations.ts';
import type { KernelName } from './kernels.ts';
import type { DoneJob, JobClass, PoolJob } from './run-record.ts';

/** Kernels whose gain on AArch64 comes from the cryptographic or CRC instructions, which an ordinary Cortex-A53 has, too. */
const optionalOnA53: ReadonlySet<KernelName> = new Set<KernelName>(['crc32c', 'aesctr', 'sha256']);

/** The ready machine whose two kinds of CPU are used: the plain ones lack what the M job gains from. */
export function machineNameFor(isa: Isa, fast: KernelName): string {
  if (isa === 'x86-64') return 'big-little-x86';
  return optionalOnA53.has(fast) ? 'big-little-arm-plain' : 'big-little-arm';
}

/** Names of the kinds in that machine. */
export const plainKind = 'little';
export const extendedKind = 'big';

/** The ready machine with other numbers of CPUs: the plain ones first. */
export function machineFor(isa: Isa, fast: KernelName, { plain, extended, id }: Ratio): MachineDescription {
  const name = machineNameFor(isa, fast);
  const { cpus } = loadMachine(name);
  const kind = (of: string, count: number): object => ({ ...cpus.find((one) => one.kind === of)!, count });
  return checkMachine({ isa, cpus: [kind(plainKind, plain), kind(extendedKind, extended)] }, `${name} ${id}`);
}

/** How many rounds make a job of each class. */
export type Rounds = Readonly<Record<JobClass, number>>;

/** Rounds of the jobs that find out how long a round takes. */
const CALIBRATION_ROUNDS = 64;
/** Different inputs; each is made once (guest/pool.c has room for 64). */
const INPUTS = 16;

export const kernelOfClass = (jobClass: JobClass, fast: KernelName): KernelName => (jobClass === 'F' ? 'fib' : fast);

/** One job of each class twice: the second time every page and line is there. */
export const calibrationJobs = (fast: KernelName): PoolJob[] =>
  (['F', 'F', 'M', 'M'] as const).map((jobClass) => ({
    class: jobClass,
    kernel: kernelOfClass(jobClass, fast),
    rounds: CALIBRATION_ROUNDS,
    input: 0,
  }));

/** Rounds that take `time` ns, from the calibration's jobs on the common ISA. */
export function roundsFor(time: number, done: readonly DoneJob[]): Rounds {
  const rounds = (job: number): number => {
    const found = done.find((one) => one.job === job)!;
    return Math.max(1, Math.round((time * CALIBRATION_ROUNDS) / (found.end - found.start)));
  };
  return { F: rounds(1), M: rounds(3) };
}

/** `count` jobs in the mix's shares, in an order that the seed decides. */
export function makeJobs(mix: Mix, count: number, rounds: Rounds, fast: KernelName, seed: number): PoolJob[] {
  const [stream] = randomStreams(seed, 1);
  const fJobs = Math.round((count * mix.f) / (mix.f + mix.m));
  return stream!.permutation(count).map((place) => {
    const jobClass: JobClass = place < fJobs ? 'F' : 'M';
    return {
      class: jobClass,
      kernel: kernelOfClass(jobClass, fast),
      rounds: rounds[jobClass],
      input: stream!.integer(0, INPUTS - 1),
    };
  });
}
