// From runs to the numbers of the report: each configuration over its seeds.

import { mean } from 'simple-statistics';
import { type DistributionPoint, type LatencySummary, merged } from '../runner/latency.ts';
import { meanWithInterval, type RelativeChange, relativeChange } from '../runner/statistics.ts';
import { baselineId, type Configuration, parseConfiguration } from './configurations.ts';
import type { RunRecord } from './run-record.ts';

/** What the paper's slides give: change of the performance connections' mean latency, in percent. */
export const paperPercent: Readonly<Record<string, number>> = { 'melf-0': 0.11, 'melf-75': 5.94, always: 175 };

/** Latencies in ns of virtual time. */
export interface GroupResult extends LatencySummary {
  /** 95 % confidence interval of the mean over the seeds; absent with one seed. */
  readonly meanLow: number | undefined;
  readonly meanHigh: number | undefined;
}

/** One line of the report; counts are means over the seeds. */
export interface ConfigurationResult {
  readonly id: string;
  readonly profiledShare: number;
  readonly seeds: readonly number[];
  /** Of connections that did not ask to be profiled; `null` where all did. */
  readonly performance: GroupResult | null;
  readonly profiled: GroupResult | null;
  /** Change of the performance connections' mean against `plain`, paired by seed. */
  readonly relativeMeanPercent: number | null;
  readonly relativeMeanLow: number | null;
  readonly relativeMeanHigh: number | null;
  readonly paperPercent: number | null;
  /** Change of the profiled connections' mean against the same. */
  readonly relativeProfiledPercent: number | null;
  readonly relativeProfiledLow: number | null;
  readonly relativeProfiledHigh: number | null;
  /** Mean of the performance connections without the network's two ways, ns: waiting for the worker and being served. */
  readonly serverMean: number | null;
  /** Its change against `plain`, paired by seed. */
  readonly relativeServerMeanPercent: number | null;
  /** Replies a second of virtual time. */
  readonly throughput: number;
  readonly instructionsPerRequest: number;
  readonly syscallsPerRequest: number;
  readonly switches: number;
  readonly switchesPerRequest: number;
  readonly pageFaults: number;
  readonly tlbMisses: number;
  readonly contextSwitches: number;
  readonly lineTransfers: number;
  /** Share of the CPUs' time that was used. */
  readonly utilisation: number;
  readonly requests: number;
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

type Group = 'performance' | 'profiled';

const meanOf = (run: RunRecord, group: Group): number => run[group].sum / run[group].count;

function groupResult(runs: readonly RunRecord[], group: Group): GroupResult | null {
  const measured = runs.filter((run) => run[group].count > 0);
  const summary = merged(measured.map((run) => run[group])).summary();
  if (summary === undefined) return null;
  const { mean: middle, low, high } = meanWithInterval(measured.map((run) => meanOf(run, group)));
  return { ...summary, mean: middle, meanLow: low, meanHigh: high };
}

/** The change of a mean against that of the baseline's performance connections, less `constant` ns in both, over the seeds that both have. */
export function changeAgainst(
  runs: readonly RunRecord[],
  baseline: readonly RunRecord[],
  { group = 'performance', constant = 0 }: { group?: Group; constant?: number } = {},
): RelativeChange | undefined {
  const pairs = runs.flatMap((run) => {
    const base = baseline.find(({ seed }) => seed === run.seed);
    return base === undefined || run[group].count === 0
      ? []
      : [[meanOf(run, group) - constant, meanOf(base, 'performance') - constant] as const];
  });
  return relativeChange(
    pairs.map(([value]) => value),
    pairs.map(([, base]) => base),
  );
}

function addCounts(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const counts of all) for (const [name, count] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}

/** Configurations without a finished run are left out. `networkTime`: what each request spends under way, there and back, ns. */
export function summarise(groups: readonly ConfigurationRuns[], networkTime: number): ConfigurationResult[] {
  const baseline = groups.find(({ configuration }) => configuration.id === baselineId)?.runs ?? [];
  return groups
    .filter(({ runs }) => runs.length > 0)
    .map(({ configuration, runs }) => {
      const change = changeAgainst(runs, baseline);
      const profiledChange = changeAgainst(runs, baseline, { group: 'profiled' });
      const performance = groupResult(runs, 'performance');
      const average = (value: (run: RunRecord) => number): number => mean(runs.map(value));
      return {
        id: configuration.id,
        profiledShare: configuration.profiledShare,
        seeds: runs.map(({ seed }) => seed),
        performance,
        profiled: groupResult(runs, 'profiled'),
        relativeMeanPercent: change?.percent ?? null,
        relativeMeanLow: change?.low ?? null,
        relativeMeanHigh: change?.high ?? null,
        paperPercent: paperPercent[configuration.id] ?? null,
        relativeProfiledPercent: profiledChange?.percent ?? null,
        relativeProfiledLow: profiledChange?.low ?? null,
        relativeProfiledHigh: profiledChange?.high ?? null,
        serverMean: performance === null ? null : performance.mean - networkTime,
        relativeServerMeanPercent: changeAgainst(runs, baseline, { constant: networkTime })?.percent ?? null,
        throughput: average(({ measured, window }) => (measured / (window.to - window.from)) * 1e9),
        instructionsPerRequest: average(({ counters, measured }) => counters.instructions / measured),
        syscallsPerRequest: average(({ counters, measured }) => counters.syscalls / measured),
        switches: average(({ counters }) => counters.switches),
        switchesPerRequest: average(({ counters, measured }) => counters.switches / measured),
        pageFaults: average(({ counters }) => counters.pageFaults),
        tlbMisses: average(({ counters }) => counters.tlbMisses),
        contextSwitches: average(({ counters }) => counters.contextSwitches),
        lineTransfers: average(({ counters }) => counters.lineTransfers),
        utilisation: average((run) => run.utilisation),
        requests: runs.reduce((sum, run) => sum + run.requests, 0),
        traceHashes: runs.map(({ traceHash }) => traceHash),
        unimplemented: addCounts(runs.map((run) => run.unimplemented)),
      };
    });
}

/** The latency distributions of a configuration, for the plot. */
export function distributions(runs: readonly RunRecord[]): Readonly<Record<Group, readonly DistributionPoint[]>> {
  return {
    performance: merged(runs.map((run) => run.performance)).distribution(),
    profiled: merged(runs.map((run) => run.profiled)).distribution(),
  };
}
