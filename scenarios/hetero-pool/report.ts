import { createHash } from 'node:crypto';
import type { MachineDescription } from '../../emulator/scheduler/machine-description.ts';
import type { Check } from '../runner/checks.ts';
import type { JobFailure } from '../runner/jobs.ts';
import { paperSource, versionsWith } from '../runner/provenance.ts';
import { leftOut } from './check-names.ts';
import { machineFor, machineNameFor, type Rounds } from './load.ts';
import type { ScenarioOptions } from './options.ts';
import { type JobTimes, paperTimes } from './prediction.ts';
import { type FAlone, type Measured, measuredTimes, type PoolResult } from './summary.ts';
import { variantFlags } from './variants.ts';

/** What belongs to one ISA. */
export interface IsaReport {
  readonly isa: string;
  readonly kernel: string;
  readonly rounds: Rounds;
  /** F and M jobs on plain and extended CPUs in `melf-blind`, ms of model time. */
  readonly table: JobTimes;
  /** F jobs and nothing else, the whole process; absent where it was not compared. */
  readonly alone?: FAlone | undefined;
  readonly variants: Readonly<Record<string, readonly string[]>>;
  readonly machine: MachineDescription;
}

/** report.json. Times are ms of model time. */
export interface Report {
  readonly scenario: string;
  readonly isas: readonly IsaReport[];
  readonly results: readonly PoolResult[];
  readonly checks: readonly Check[];
  /** Names of checks that this load, or these configurations and mixes, do not allow. */
  readonly checksLeftOut: readonly string[];
  readonly failures: readonly Omit<JobFailure, 'stack'>[];
  /** The first seed. */
  readonly seed: number;
  readonly seeds: readonly number[];
  /** Over the traces of all runs: equal for equal seeds, options and versions. */
  readonly traceHash: string;
  readonly costModel: string;
  readonly load: { readonly jobs: number; readonly jobTimeNs: number };
  readonly versions: Readonly<Record<string, string>>;
  /** What the slides of the paper give, ms. */
  readonly paper: { readonly source: string; readonly table: JobTimes };
}

export function buildReport(parts: {
  options: ScenarioOptions;
  rounds: ReadonlyMap<string, Rounds>;
  measured: readonly Measured[];
  fAlone: ReadonlyMap<string, FAlone | undefined>;
  results: readonly PoolResult[];
  checks: readonly Check[];
  failures: readonly JobFailure[];
  versions: Readonly<Record<string, string>>;
}): Report {
  const { options, rounds, measured, fAlone: alone, results, checks, failures, versions } = parts;
  const hash = createHash('sha256');
  for (const { id, isa, mix, ratio, traceHashes } of results)
    hash.update(`${id} ${isa} ${mix} ${ratio} ${traceHashes.join(' ')}\n`);
  return {
    scenario: 'hetero-pool',
    isas: options.isas.map((isa) => ({
      isa,
      kernel: options.kernels[isa],
      rounds: rounds.get(isa)!,
      table: measuredTimes(measured, isa),
      alone: alone.get(isa),
      variants: variantFlags[isa],
      machine: {
        ...machineFor(isa, options.kernels[isa], options.ratios[0]!),
        name: machineNameFor(isa, options.kernels[isa]),
      },
    })),
    results,
    checks,
    checksLeftOut: leftOut(checks, options.isas),
    failures: failures.map(({ stack: _, ...failure }) => failure),
    seed: options.seeds[0]!,
    seeds: options.seeds,
    traceHash: hash.digest('hex').slice(0, 32),
    costModel: options.costModel,
    load: { jobs: options.count, jobTimeNs: options.jobTime },
    versions: versionsWith(versions),
    paper: { source: paperSource, table: paperTimes },
  };
}
