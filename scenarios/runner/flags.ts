import type { ArgsDef } from 'citty';
import { integerValue } from '../../base/arguments.ts';

/** Flags that every scenario has. */
export const runnerFlags = {
  quick: { type: 'boolean', description: 'One seed and a shorter measurement: about a minute' },
  seed: { type: 'string', default: '1', description: 'The first seed; equal seeds give equal results' },
  seeds: { type: 'string', description: 'How many seeds are run, from --seed on (default: 5; with --quick 1)' },
  out: { type: 'string', description: 'Folder of the results (default: a new one below results/)' },
  json: { type: 'boolean', description: 'Print report.json on stdout, everything else on stderr' },
  jobs: { type: 'string', description: 'Runs at the same time (default: as many as the host has CPUs)' },
  isa: { type: 'enum', options: ['x86-64', 'aarch64'], default: 'x86-64', description: 'Instruction set of the guest' },
} as const satisfies ArgsDef;

const seedsOfFullRun = 5;
const mostSeeds = 1000;
const largestSeed = 2 ** 31 - 1;

/** The seeds that the flags ask for. */
function seedsOf(flags: { quick?: boolean; seed: string; seeds?: string }): number[] {
  const first = integerValue('--seed', flags.seed, 0, largestSeed - mostSeeds);
  const fallback = flags.quick === true ? 1 : seedsOfFullRun;
  const count = flags.seeds === undefined ? fallback : integerValue('--seeds', flags.seeds, 1, mostSeeds);
  return Array.from({ length: count }, (_, index) => first + index);
}

/** What {@link runnerFlags} ask for. */
export interface RunnerOptions {
  readonly seeds: readonly number[];
  readonly quick: boolean;
  readonly json: boolean;
  readonly out: string | undefined;
  /** Runs at the same time; undefined for as many as the host has CPUs. */
  readonly jobs: number | undefined;
}

const mostJobs = 256;

export function runnerOptions(flags: {
  quick?: boolean;
  seed: string;
  seeds?: string;
  json?: boolean;
  out?: string;
  jobs?: string;
}): RunnerOptions {
  return {
    seeds: seedsOf(flags),
    quick: flags.quick === true,
    json: flags.json === true,
    out: flags.out,
    jobs: jobsOf(flags),
  };
}

export function jobsOf({ jobs }: { jobs?: string }): number | undefined {
  return jobs === undefined ? undefined : integerValue('--jobs', jobs, 1, mostJobs);
}
