// From runs to the numbers of the report: each configuration over its seeds.

import { mean } from 'simple-statistics';
import {
  addCounts,
  type GroupResult,
  groupByConfiguration,
  groupResult,
  meanLatency,
  pairedChange,
  type ConfigurationRuns as RunsOf,
} from '../runner/configuration-results.ts';
import { type DistributionPoint, merged } from '../runner/latency.ts';
import type { RelativeChange } from '../runner/statistics.ts';
import { baselineId, type Configuration, parseConfiguration } from './configurations.ts';
import type { RunRecord } from './run-record.ts';

/** A change in percent with its 95 % confidence interval. */
export interface Change {
  readonly percent: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

/** One line of the report; counts are means over the seeds. */
export interface ConfigurationResult {
  readonly id: string;
  readonly sanitisedShare: number;
  readonly seeds: readonly number[];
  /** Of connections that are not sanitised; `null` where all are. */
  readonly performance: GroupResult | null;
  readonly sanitised: GroupResult | null;
  /** Change of their means against the mean of `plain`, paired by seed. */
  readonly performanceChange: Change;
  readonly sanitisedChange: Change;
  /** Answers a second of virtual time. */
  readonly throughput: number;
  readonly throughputChange: Change;
  readonly instructionsPerStatement: number;
  readonly syscallsPerStatement: number;
  /** From the start of the server to its end. */
  readonly switches: number;
  readonly pageFaults: number;
  readonly tlbMisses: number;
  readonly contextSwitches: number;
  /** Share of the CPUs' time that was used. */
  readonly utilisation: number;
  readonly statements: number;
  /** Virtual ns until the server listened. */
  readonly startTime: number;
  readonly reports: number;
  readonly traceHashes: readonly string[];
  readonly unimplemented: Readonly<Record<string, number>>;
}

export type ConfigurationRuns = RunsOf<Configuration, RunRecord>;

export const groupRuns = (ids: readonly string[], runs: readonly RunRecord[]): ConfigurationRuns[] =>
  groupByConfiguration(ids, runs, parseConfiguration);

type Group = 'performance' | 'sanitised';

const throughputOf = ({ measured, window }: RunRecord): number => (measured / (window.to - window.from)) * 1e9;

/** The change of a mean latency against that of the baseline's connections. */
export function changeAgainst(
  runs: readonly RunRecord[],
  baseline: readonly RunRecord[],
  group: Group = 'performance',
): RelativeChange | undefined {
  return pairedChange(
    runs,
    baseline,
    (run) => meanLatency(run[group]),
    (run) => meanLatency(run.performance),
  );
}

const inReport = (change: RelativeChange | undefined): Change => ({
  percent: change?.percent ?? null,
  low: change?.low ?? null,
  high: change?.high ?? null,
});

/** Configurations without a finished run are left out. */
export function summarise(groups: readonly ConfigurationRuns[]): ConfigurationResult[] {
  const baseline = groups.find(({ configuration }) => configuration.id === baselineId)?.runs ?? [];
  return groups
    .filter(({ runs }) => runs.length > 0)
    .map(({ configuration, runs }) => {
      const average = (value: (run: RunRecord) => number): number => mean(runs.map(value));
      return {
        id: configuration.id,
        sanitisedShare: configuration.sanitisedShare,
        seeds: runs.map(({ seed }) => seed),
        performance: groupResult(runs.map((run) => run.performance)),
        sanitised: groupResult(runs.map((run) => run.sanitised)),
        performanceChange: inReport(changeAgainst(runs, baseline)),
        sanitisedChange: inReport(changeAgainst(runs, baseline, 'sanitised')),
        throughput: average(throughputOf),
        throughputChange: inReport(pairedChange(runs, baseline, throughputOf, throughputOf)),
        instructionsPerStatement: average(({ counters, measured }) => counters.instructions / measured),
        syscallsPerStatement: average(({ counters, measured }) => counters.syscalls / measured),
        switches: average(({ switches }) => switches),
        pageFaults: average(({ counters }) => counters.pageFaults),
        tlbMisses: average(({ counters }) => counters.tlbMisses),
        contextSwitches: average(({ counters }) => counters.contextSwitches),
        utilisation: average((run) => run.utilisation),
        statements: runs.reduce((sum, run) => sum + run.statements, 0),
        startTime: average((run) => run.startTime),
        reports: runs.reduce((sum, run) => sum + run.errors.length, 0),
        traceHashes: runs.map(({ traceHash }) => traceHash),
        unimplemented: addCounts(runs.map((run) => run.unimplemented)),
      };
    });
}

/** The latency distributions of a configuration, for the plot. */
export function distributions(runs: readonly RunRecord[]): Readonly<Record<Group, readonly DistributionPoint[]>> {
  return {
    performance: merged(runs.map((run) => run.performance)).distribution(),
    sanitised: merged(runs.map((run) => run.sanitised)).distribution(),
  };
}
