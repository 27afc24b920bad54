import { createHash } from 'node:crypto';
import type { Check } from '../runner/checks.ts';
import type { JobFailure } from '../runner/jobs.ts';
import { paperSource, versionsWith } from '../runner/provenance.ts';
import type { Load } from './load.ts';
import type { ScenarioOptions } from './options.ts';
import type { FoundError, MachineSettings, RunRecord } from './run-record.ts';
import type { ConfigurationResult } from './summary.ts';

/** report.json. Times are ns of virtual time. */
export interface Report {
  readonly scenario: string;
  readonly results: readonly ConfigurationResult[];
  /** The runs that are only checked: planted mistakes, a pool of threads, commands that change a session's variant. */
  readonly checked: readonly CheckedRun[];
  /** Of the run with planted mistakes: the errors that one connection's mistakes led to, and one report as text. */
  readonly planted: { readonly errors: readonly FoundError[]; readonly example: string } | null;
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
  readonly paper: { readonly source: string; readonly note: string };
}

export interface CheckedRun {
  readonly configuration: string;
  readonly connections: RunRecord['connections'];
  readonly commands: RunRecord['commands'];
  /** `null` in a form with one variant. */
  readonly entries: NonNullable<RunRecord['entries']> | null;
  readonly switches: number;
  readonly planted: RunRecord['planted'];
  readonly reports: number;
}

/** The slides name the case, and that is all that can be had of it. */
const paperNote = 'names the case (context-specific address sanitizer, MariaDB) and gives no figures for it';

export function buildReport(parts: {
  options: ScenarioOptions;
  results: readonly ConfigurationResult[];
  checked: readonly RunRecord[];
  checks: readonly Check[];
  failures: readonly JobFailure[];
  versions: Readonly<Record<string, string>>;
}): Report {
  const { options, results, checked, checks, failures, versions } = parts;
  const planted = checked.find(({ configuration }) => configuration === 'planted');
  const hash = createHash('sha256');
  for (const { id, traceHashes } of results) hash.update(`${id} ${traceHashes.join(' ')}\n`);
  const thread = planted?.errors[0]?.thread;
  return {
    scenario: 'mariadb-asan',
    results,
    checked: checked.map(({ configuration, connections, commands, entries, switches, planted: made, errors }) => ({
      configuration,
      connections,
      commands,
      entries: entries ?? null,
      switches,
      planted: made,
      reports: errors.length,
    })),
    planted:
      planted === undefined
        ? null
        : { errors: planted.errors.filter((error) => error.thread === thread), example: planted.example ?? '' },
    checks,
    failures: failures.map(({ stack: _, ...failure }) => failure),
    seed: options.seeds[0]!,
    seeds: options.seeds,
    traceHash: hash.digest('hex').slice(0, 32),
    costModel: options.machine.costModel,
    load: options.load,
    machine: options.machine,
    versions: versionsWith(versions),
    paper: { source: paperSource, note: paperNote },
  };
}
