// What the runs of a configuration with several seeds come to: latencies of a group of clients, and changes against another configuration.

import { type LatencySummary, merged, type RecordedLatencies } from './latency.ts';
import { meanWithInterval, type RelativeChange, relativeChange } from './statistics.ts';

/** Latencies in ns of virtual time. */
export interface GroupResult extends LatencySummary {
  /** 95 % confidence interval of the mean over the seeds; absent with one seed. */
  readonly meanLow: number | undefined;
  readonly meanHigh: number | undefined;
}

/** NaN where nothing was measured. */
export const meanLatency = ({ sum, count }: RecordedLatencies): number => sum / count;

/** A group's latencies over the seeds, one entry for each; `null` where nothing was measured. */
export function groupResult(seeds: readonly RecordedLatencies[]): GroupResult | null {
  const measured = seeds.filter(({ count }) => count > 0);
  const summary = merged(measured).summary();
  if (summary === undefined) return null;
  const { mean, low, high } = meanWithInterval(measured.map(meanLatency));
  return { ...summary, mean, meanLow: low, meanHigh: high };
}

/** The change of a measure against that of the baseline's runs, over the seeds that both have and where there is a value (not NaN). */
export function pairedChange<Run extends { readonly seed: number }>(
  runs: readonly Run[],
  baseline: readonly Run[],
  value: (run: Run) => number,
  baselineValue: (run: Run) => number,
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

/** The runs of one configuration, by seed. */
export interface ConfigurationRuns<Configuration, Run> {
  readonly configuration: Configuration;
  readonly runs: readonly Run[];
}

export function groupByConfiguration<
  Configuration,
  Run extends { readonly configuration: string; readonly seed: number },
>(
  ids: readonly string[],
  runs: readonly Run[],
  configurationOf: (id: string) => Configuration,
): ConfigurationRuns<Configuration, Run>[] {
  return ids.map((id) => ({
    configuration: configurationOf(id),
    runs: runs.filter(({ configuration }) => configuration === id).sort((a, b) => a.seed - b.seed),
  }));
}

/** Sums counts by their names. */
export function addCounts(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const counts of all) for (const [name, count] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}
