// From runs to the numbers of the report.

import { mean, quantile } from 'simple-statistics';
import type { Isa } from '../../setup/toolchain.ts';
import { meanWithInterval } from '../runner/statistics.ts';
import type { Mix, Ratio } from './configurations.ts';
import { type JobTimes, paperTimes, predict } from './prediction.ts';
import type { JobClass, PoolJob, PoolRun } from './run-record.ts';

/** One run with what it was given. */
export interface Measured {
  readonly isa: Isa;
  readonly mix: Mix;
  readonly ratio: Ratio;
  readonly seed: number;
  readonly jobs: readonly PoolJob[];
  readonly run: PoolRun;
}

/** What is reported of one configuration on one machine with one mix. Times are ms of model time, means over the seeds. */
export interface PoolResult {
  readonly id: string;
  readonly isa: Isa;
  readonly mix: string;
  readonly ratio: string;
  readonly seeds: readonly number[];
  /** `null` where the process died. */
  readonly makespan: number | null;
  readonly makespanLow: number | null;
  readonly makespanHigh: number | null;
  /** Against `common` with the same jobs. */
  readonly relativeMakespanPercent: number | null;
  readonly meanJobTime: number | null;
  readonly p99JobTime: number | null;
  /** Share of the makespan in which the group's CPUs did jobs. */
  readonly utilisation: { readonly plain: number; readonly extended: number } | null;
  /** By arithmetic from our own table and from the paper's, relative to its `common`. */
  readonly predicted: {
    readonly makespan: number;
    readonly meanJobTime: number;
    readonly relativeMakespanPercent: number;
    readonly paperRelativeMakespanPercent: number;
  } | null;
  /** Died of SIGILL: what, where. */
  readonly refused: string | null;
  readonly instructions: number;
  readonly switches: number;
  readonly moves: number;
  readonly refusals: number;
  readonly contextSwitches: number;
  readonly syscalls: number;
  readonly pageFaults: number;
  readonly lessons: readonly string[];
  readonly traceHashes: readonly string[];
  readonly unimplemented: Readonly<Record<string, number>>;
}

/** Whether somebody may come to an instruction that plain CPUs lack. */
export const hasM = ({ jobs }: Measured): boolean => jobs.some((job) => job.class === 'M');

export const isPlainCpu = ({ plain }: Ratio, cpu: number): boolean => cpu < plain;

/** ns from the first job's start to the last one's end. */
export function makespanOf({ done }: PoolRun): number | undefined {
  if (done.length === 0) return undefined;
  return Math.max(...done.map(({ end }) => end)) - Math.min(...done.map(({ start }) => start));
}

const jobTimesOf = ({ done }: PoolRun): number[] => done.map(({ start, end }) => end - start);

function utilisationOf({ run, ratio }: Measured): { plain: number; extended: number } | undefined {
  const makespan = makespanOf(run);
  if (makespan === undefined || makespan === 0) return undefined;
  const busy = { plain: 0, extended: 0 };
  for (const { cpu, from, to } of run.segments) busy[isPlainCpu(ratio, cpu) ? 'plain' : 'extended'] += to - from;
  return { plain: busy.plain / makespan / ratio.plain, extended: busy.extended / makespan / ratio.extended };
}

/** Mean times of jobs of a class on a group of CPUs, ns; NaN where there were none. */
export function cellTime(measured: readonly Measured[], jobClass: JobClass, plain: boolean): number {
  const times = measured.flatMap(({ run, jobs, ratio }) =>
    run.done
      .filter(({ job, cpu }) => jobs[job]!.class === jobClass && isPlainCpu(ratio, cpu) === plain)
      .map(({ start, end }) => end - start),
  );
  return times.length === 0 ? Number.NaN : mean(times);
}

/** The slides' table, as measured: each group with its variant, whoever gets which job. In ms. */
export function measuredTimes(measured: readonly Measured[], isa: Isa): JobTimes {
  const runs = measured.filter((one) => one.isa === isa && one.run.configuration === 'melf-blind');
  const cell = (jobClass: JobClass, plain: boolean): number => cellTime(runs, jobClass, plain) / 1e6;
  return {
    fPlain: cell('F', true),
    mPlain: cell('M', true),
    fExtended: cell('F', false),
    mExtended: cell('M', false),
  };
}

/** F jobs and nothing else: the whole process from start to end, with what the MELF does before the first job. ms of model time. */
export interface FAlone {
  readonly isa: Isa;
  readonly common: number;
  readonly melf: number;
  readonly differencePercent: number;
}

/** The configurations that {@link fAlone} compares: the same work, with and without variants. */
export const fAloneConfigurations = ['common', 'melf-blind'] as const;

/** Undefined where the runs were not asked for or failed. */
export function fAlone(measured: readonly Measured[], isa: Isa): FAlone | undefined {
  const [common, melf] = fAloneConfigurations.map((id) =>
    measured
      .filter((one) => one.isa === isa && one.run.configuration === id && !hasM(one))
      .map(({ run }) => run.time / 1e6),
  ) as [number[], number[]];
  if (common.length === 0 || common.length !== melf.length) return undefined;
  const times = { common: mean(common), melf: mean(melf) };
  return { isa, ...times, differencePercent: percent(times.melf, times.common) };
}

function refusedText(run: PoolRun): string | null {
  const [first] = run.refusals;
  if (run.signal === undefined || first === undefined) return null;
  const { instruction, feature, kind, cpu, variant } = first;
  return `${instruction} needs ${feature ?? 'what no CPU has'}, which CPU ${cpu} (${kind}) lacks${variant === undefined ? '' : `, in variant ${variant}`}`;
}

const percent = (value: number, base: number): number => (value / base - 1) * 100;

/** One line of the report from the runs of one configuration over the seeds. */
export function summarise(runs: readonly Measured[], baseline: readonly Measured[], times: JobTimes): PoolResult {
  const { isa, mix, ratio, jobs, run: first } = runs[0]!;
  const id = first.configuration;
  const finished = runs.filter(({ run }) => run.signal === undefined && run.done.length > 0);
  const spans = finished.map(({ run }) => makespanOf(run)! / 1e6);
  const span = spans.length === 0 ? undefined : meanWithInterval(spans);
  const base = baseline.flatMap(({ run }) => makespanOf(run) ?? []).map((ns) => ns / 1e6);
  const jobTimes = finished.flatMap(({ run }) => jobTimesOf(run)).map((ns) => ns / 1e6);
  const utilisations = finished.flatMap((one) => utilisationOf(one) ?? []);
  const average = (value: (run: PoolRun) => number): number => mean(runs.map(({ run }) => value(run)));
  const work = {
    f: jobs.filter((job) => job.class === 'F').length,
    m: jobs.filter((job) => job.class === 'M').length,
    plain: ratio.plain,
    extended: ratio.extended,
  };
  const relative = (cells: JobTimes): number =>
    percent(predict(id, cells, work)!.makespan, predict('common', cells, work)!.makespan);
  const predicted = predict(id, times, work);
  const unimplemented: Record<string, number> = {};
  for (const { run } of runs)
    for (const [name, count] of Object.entries(run.unimplemented))
      unimplemented[name] = (unimplemented[name] ?? 0) + count;
  return {
    id,
    isa,
    mix: mix.id,
    ratio: ratio.id,
    seeds: runs.map(({ seed }) => seed),
    makespan: span?.mean ?? null,
    makespanLow: span?.low ?? null,
    makespanHigh: span?.high ?? null,
    relativeMakespanPercent: span === undefined || base.length === 0 ? null : percent(span.mean, mean(base)),
    meanJobTime: jobTimes.length === 0 ? null : mean(jobTimes),
    p99JobTime: jobTimes.length === 0 ? null : quantile(jobTimes, 0.99),
    utilisation:
      utilisations.length === 0
        ? null
        : { plain: mean(utilisations.map((u) => u.plain)), extended: mean(utilisations.map((u) => u.extended)) },
    predicted:
      predicted === undefined || Number.isNaN(predicted.makespan)
        ? null
        : {
            ...predicted,
            relativeMakespanPercent: relative(times),
            paperRelativeMakespanPercent: relative(paperTimes),
          },
    refused: refusedText(first),
    instructions: average((run) => run.instructions),
    switches: average((run) => run.switches),
    moves: average((run) => run.moves),
    refusals: average((run) => run.refusals.length),
    contextSwitches: average((run) => run.contextSwitches),
    syscalls: average((run) => run.syscalls),
    pageFaults: average((run) => run.pageFaults),
    lessons: [...new Set(runs.flatMap(({ run }) => run.lessons))],
    traceHashes: runs.map(({ run }) => run.traceHash),
    unimplemented,
  };
}

const keyOf = ({ isa, mix, ratio }: Measured): string => `${isa} ${mix.id} ${ratio.id}`;

/** All lines of the report, in the order of the runs. */
export function summariseAll(measured: readonly Measured[]): PoolResult[] {
  const groups = new Map<string, Measured[]>();
  for (const one of measured) {
    const key = `${keyOf(one)} ${one.run.configuration}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()].map((runs) =>
    summarise(runs, groups.get(`${keyOf(runs[0]!)} common`) ?? [], measuredTimes(measured, runs[0]!.isa)),
  );
}
