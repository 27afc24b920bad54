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

/** What the paper's slides give: change of the performance connections' mean latency, in percent. */
export const paperPercent: Readonly<Record<string, number>> = { 'melf-0': 0.11, 'melf-75': 5.94, always: 175 };

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

export type ConfigurationRuns = RunsOf<Configuration, RunRecord>;

export const groupRuns = (ids: readonly string[], runs: readonly RunRecord[]): ConfigurationRuns[] =>
  groupByConfiguration(ids, runs, parseConfiguration);

type Group = 'performance' | 'profiled';

/** The change of a mean against that of the baseline's performance connections, less `constant` ns in both, over the seeds that both have. */
export function changeAgainst(
  runs: readonly RunRecord[],
  baseline: readonly RunRecord[],
  { group = 'performance', constant = 0 }: { group?: Group; constant?: number } = {},
): RelativeChange | undefined {
  return pairedChange(
    runs,
    baseline,
    (run) => meanLatency(run[group]) - constant,
    (run) => meanLatency(run.performance) - constant,
  );
}

/** Configurations without a finished run are left out. `networkTime`: what each request spends under way, there and back, ns. */
export function summarise(groups: readonly ConfigurationRuns[], networkTime: number): ConfigurationResult[] {
  const baseline = groups.find(({ configuration }) => configuration.id === baselineId)?.runs ?? [];
  return groups
    .filter(({ runs }) => runs.length > 0)
    .map(({ configuration, runs }) => {
      const change = changeAgainst(runs, baseline);
      const profiledChange = changeAgainst(runs, baseline, { group: 'profiled' });
      const performance = groupResult(runs.map((run) => run.performance));
      const average = (value: (run: RunRecord) => number): number => mean(runs.map(value));
      return {
        id: configuration.id,
        profiledShare: configuration.profiledShare,
        seeds: runs.map(({ seed }) => seed),
        performance,
        profiled: groupResult(runs.map((run) => run.profiled)),
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
