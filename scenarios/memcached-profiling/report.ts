import { createHash } from 'node:crypto';
import type { Check } from '../runner/checks.ts';
import type { JobFailure } from '../runner/jobs.ts';
import { paperSource, versionsWith } from '../runner/provenance.ts';
import type { Load } from './load.ts';
import type { ScenarioOptions } from './options.ts';
import type { MachineSettings } from './run-record.ts';
import { type ConfigurationResult, paperPercent } from './summary.ts';

/** report.json. Times are ns of virtual time. */
export interface Report {
  readonly scenario: string;
  readonly results: readonly ConfigurationResult[];
  readonly checks: readonly Check[];
  readonly failures: readonly Omit<JobFailure, 'stack'>[];
  /** The first seed. */
  readonly seed: number;
  readonly seeds: readonly number[];
  /** Over the traces of all runs: equal for equal seeds, options and versions. */
  readonly traceHash: string;
  readonly costModel: string;
  readonly load: Load;
  readonly machine: MachineSettings;
  readonly versions: Readonly<Record<string, string>>;
  /** What the slides of the paper give for the mean latency of performance connections. */
  readonly paper: { readonly source: string; readonly relativeMeanPercent: Readonly<Record<string, number>> };
}

export function buildReport(parts: {
  options: ScenarioOptions;
  results: readonly ConfigurationResult[];
  checks: readonly Check[];
  failures: readonly JobFailure[];
  versions: Readonly<Record<string, string>>;
}): Report {
  const { options, results, checks, failures, versions } = parts;
  const hash = createHash('sha256');
  for (const { id, traceHashes } of results) hash.update(`${id} ${traceHashes.join(' ')}\n`);
  return {
    scenario: 'memcached-profiling',
    results,
    checks,
    failures: failures.map(({ stack: _, ...failure }) => failure),
    seed: options.seeds[0]!,
    seeds: options.seeds,
    traceHash: hash.digest('hex').slice(0, 32),
    costModel: `${options.machine.costModel}${options.machine.coherence ? '+coherence' : ''}`,
    load: options.load,
    machine: options.machine,
    versions: versionsWith(versions),
    paper: { source: paperSource, relativeMeanPercent: paperPercent },
  };
}
