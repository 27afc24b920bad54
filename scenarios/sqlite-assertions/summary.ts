// From runs to the numbers of the report: each configuration over its seeds, statement by statement against the same statements elsewhere.

import { mean } from 'simple-statistics';
import { groupByConfiguration, type ConfigurationRuns as RunsOf } from '../runner/configuration-results.ts';
import { Latencies } from '../runner/latency.ts';
import { type RelativeChange, relativeChange } from '../runner/statistics.ts';
import { type Configuration, configurationNamed } from './configurations.ts';
import type { ServiceRecord, StatementRecord } from './run-record.ts';

/** What plain SQLite is, and the variant `noassert` alone: what others are compared with. */
export const baselines = ['plain', 'noassert'] as const;
export type Baseline = (typeof baselines)[number];
/** Of a statement. */
export type Measure = 'instructions' | 'cycles' | 'latency';

/** Some of a configuration's statements. Means over all seeds; latencies are ns of virtual time. */
export interface GroupResult {
  readonly count: number;
  readonly instructions: number;
  readonly cycles: number;
  readonly tlbMisses: number;
  readonly latency: number;
  readonly latencyP99: number;
  /** Change against the very same statements of the baseline, percent; by seed, so with an interval from two seeds on. */
  readonly against: Readonly<Record<Baseline, Readonly<Record<Measure, RelativeChange | null>>>>;
}

/** One line of the report. */
export interface ConfigurationResult {
  readonly id: string;
  readonly policy: string;
  readonly seeds: readonly number[];
  /** Share of the statements that were under assertion, percent; null where variants changed within statements. */
  readonly assertedPercent: number | null;
  readonly all: GroupResult;
  /** Statements without assertions; null where there are none. */
  readonly others: GroupResult | null;
  readonly asserted: GroupResult | null;
  readonly switchesPerStatement: number;
  /** Statements a second of virtual time. */
  readonly throughput: number;
  readonly traceHashes: readonly string[];
}

export type ConfigurationRuns = RunsOf<Configuration, ServiceRecord>;

export const groupRuns = (ids: readonly string[], runs: readonly ServiceRecord[]): ConfigurationRuns[] =>
  groupByConfiguration(ids, runs, configurationNamed).filter((group) => group.runs.length > 0);

/** Each client's first statements, which find caches, page tables and views new, are not part of the figures: a fifth. */
const warmUp = (statements: number): number => Math.floor(statements / 5);

/** The statements after the warm-up. */
function warm({ statements }: ServiceRecord): StatementRecord[] {
  const perClient = statements.reduce((most, { statement }) => Math.max(most, statement + 1), 0);
  return statements.filter(({ statement }) => statement >= warmUp(perClient));
}

type Choice = (statement: StatementRecord) => boolean;

const keyOf = ({ client, statement }: StatementRecord): string => `${client}/${statement}`;

/** Means of the chosen statements and of the same ones in the run of the baseline with the same seed, pairwise by seed. */
function change(
  runs: readonly ServiceRecord[],
  baseline: readonly ServiceRecord[],
  choice: Choice,
  measure: Measure,
): RelativeChange | null {
  const values: number[] = [];
  const bases: number[] = [];
  for (const run of runs) {
    const base = baseline.find(({ seed }) => seed === run.seed);
    const chosen = warm(run).filter(choice);
    if (base === undefined || chosen.length === 0) continue;
    const same = new Map(base.statements.map((one) => [keyOf(one), one[measure]]));
    values.push(mean(chosen.map((one) => one[measure])));
    bases.push(mean(chosen.map((one) => same.get(keyOf(one)) ?? Number.NaN)));
  }
  return relativeChange(values, bases) ?? null;
}

function groupResult(
  runs: readonly ServiceRecord[],
  baselineRuns: Readonly<Record<Baseline, readonly ServiceRecord[]>>,
  choice: Choice,
): GroupResult | null {
  const chosen = runs.flatMap((run) => warm(run).filter(choice));
  if (chosen.length === 0) return null;
  const latencies = new Latencies();
  for (const { latency } of chosen) latencies.record(latency);
  const average = (measure: Measure | 'tlbMisses'): number => mean(chosen.map((one) => one[measure]));
  const against = (baseline: Baseline): Record<Measure, RelativeChange | null> => ({
    instructions: change(runs, baselineRuns[baseline], choice, 'instructions'),
    cycles: change(runs, baselineRuns[baseline], choice, 'cycles'),
    latency: change(runs, baselineRuns[baseline], choice, 'latency'),
  });
  return {
    count: chosen.length,
    instructions: average('instructions'),
    cycles: average('cycles'),
    tlbMisses: average('tlbMisses'),
    latency: average('latency'),
    latencyP99: latencies.summary()!.p99,
    against: { plain: against('plain'), noassert: against('noassert') },
  };
}

/** The results of the configurations whose statements are measured: those without planted requests. */
export function summarise(groups: readonly ConfigurationRuns[]): ConfigurationResult[] {
  const runsOf = (id: Baseline): readonly ServiceRecord[] =>
    groups.find(({ configuration }) => configuration.id === id)?.runs ?? [];
  const bases = { plain: runsOf('plain'), noassert: runsOf('noassert') };
  return groups
    .filter(({ configuration }) => configuration.planted !== true)
    .map(({ configuration, runs }) => {
      const mixed = configuration.policy === 'middle';
      const all = groupResult(runs, bases, () => true)!;
      const asserted = groupResult(runs, bases, (one) => mixed || one.asserted);
      return {
        id: configuration.id,
        policy: configuration.policy,
        seeds: runs.map(({ seed }) => seed),
        assertedPercent: mixed ? null : ((asserted?.count ?? 0) / all.count) * 100,
        all,
        others: groupResult(runs, bases, (one) => !mixed && !one.asserted),
        asserted,
        switchesPerStatement: mean(runs.map(({ switches, statements }) => switches / statements.length)),
        throughput: mean(runs.map(({ statements, time }) => (statements.length / time) * 1e9)),
        traceHashes: runs.map(({ traceHash }) => traceHash),
      };
    });
}
