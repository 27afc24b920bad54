// From runs to the numbers of the report: each configuration over its seeds.

import { mean } from 'simple-statistics';
import { type DistributionPoint, type LatencySummary, merged } from '../runner/latency.ts';
import { meanWithInterval, type RelativeChange, relativeChange } from '../runner/statistics.ts';
import { baselineId, type Configuration, parseConfiguration } from './configurations.ts';
import type { RunRecord } from './run-record.ts';

/** Latencies in ns of virtual time. */
export interface GroupResult extends LatencySummary {
  /** 95 % confidence interval of the mean over the seeds; absent with one seed. */
  readonly meanLow: number | undefined;
  readonly meanHigh: number | undefined;
}

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
  /** Of connections that are not sanitised (in `always`: of all); `null` where all are. */
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
  readonly switches: number;
  readonly pageFaults: number;
  readonly tlbMisses: number;
  readonly contextSwitches: number;
  /** Share of the CPUs' time that was used. */
  readonly utilisation: number;
  readonly statements: number;
  readonly reports: number;
  readonly traceHashes: readonly string[];
  readonly unimplemented: Readonly<Record<string, number>>;
}

/** The runs of one configuration. */
export interface ConfigurationRuns {
  readonly configuration: Configuration;
  readonly runs: readonly RunRecord[];
}

export function groupRuns(ids: readonly string[], runs: readonly RunRecord[]): ConfigurationRuns[] {
  return ids.map((id) => ({
    configuration: parseConfiguration(id),
    runs: runs.filter(({ configuration }) => configuration === id).sort((a, b) => a.seed - b.seed),
  }));
}

type Group = 'performance' | 'sanitised';

const meanOf = (run: RunRecord, group: Group): number => run[group].sum / run[group].count;
const throughputOf = ({ measured, window }: RunRecord): number => (measured / (window.to - window.from)) * 1e9;

function groupResult(runs: readonly RunRecord[], group: Group): GroupResult | null {
  const measured = runs.filter((run) => run[group].count > 0);
  const summary = merged(measured.map((run) => run[group])).summary();
  if (summary === undefined) return null;
  const { mean: middle, low, high } = meanWithInterval(measured.map((run) => meanOf(run, group)));
  return { ...summary, mean: middle, meanLow: low, meanHigh: high };
}

/** The change of a measure against that of the baseline's runs, over the seeds that both have. */
function pairedChange(
  runs: readonly RunRecord[],
  baseline: readonly RunRecord[],
  value: (run: RunRecord) => number,
  baselineValue: (run: RunRecord) => number,
): RelativeChange | undefined {
  const pairs = runs.flatMap((run) => {
    const base = baseline.find(({ seed }) => seed === run.seed);
    return base === undefined || Number.isNaN(value(run)) ? [] : [[value(run), baselineValue(base)] as const];
  });
  return relativeChange(
    pairs.map(([one]) => one),
    pairs.map(([, base]) => base),
  );
}

/** The change of a mean latency against that of the baseline's connections. */
export function changeAgainst(
  runs: readonly RunRecord[],
  baseline: readonly RunRecord[],
  group: Group = 'performance',
): RelativeChange | undefined {
  return pairedChange(
    runs,
    baseline,
    (run) => meanOf(run, group),
    (run) => meanOf(run, 'performance'),
  );
}

const inReport = (change: RelativeChange | undefined): Change => ({
  percent: change?.percent ?? null,
  low: change?.low ?? null,
  high: change?.high ?? null,
});

function addCounts(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const counts of all) for (const [name, count] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}

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
        performance: groupResult(runs, 'performance'),
        sanitised: groupResult(runs, 'sanitised'),
        performanceChange: inReport(changeAgainst(runs, baseline)),
        sanitisedChange: inReport(changeAgainst(runs, baseline, 'sanitised')),
        throughput: average(throughputOf),
        throughputChange: inReport(pairedChange(runs, baseline, throughputOf, throughputOf)),
        instructionsPerStatement: average(({ counters, measured }) => counters.instructions / measured),
        syscallsPerStatement: average(({ counters, measured }) => counters.syscalls / measured),
        switches: average(({ counters }) => counters.switches),
        pageFaults: average(({ counters }) => counters.pageFaults),
        tlbMisses: average(({ counters }) => counters.tlbMisses),
        contextSwitches: average(({ counters }) => counters.contextSwitches),
        utilisation: average((run) => run.utilisation),
        statements: runs.reduce((sum, run) => sum + run.statements, 0),
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
