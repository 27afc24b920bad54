// What must be true of every run. Each check compares things that come from different places.

import { Signal } from '../../emulator/linux/signals.ts';
import type { Check } from '../runner/checks.ts';
import { configurationNamed } from './configurations.ts';
import { expectedResult } from './kernels.ts';
import { plainKind } from './load.ts';
import type { PoolRun } from './run-record.ts';
import { cellTime, isPlainCpu, type Measured, makespanOf } from './summary.ts';

const nameOf = ({ isa, mix, ratio, seed, run }: Measured): string =>
  `${run.configuration}, ${isa}, mix ${mix.id}, CPUs ${ratio.id}, seed ${seed}`;

/** One check over many runs: fine when none has a complaint. */
function over(
  name: string,
  runs: readonly Measured[],
  complaint: (one: Measured) => string | undefined,
  fine: string,
): Check {
  const complaints = runs.flatMap((one) => {
    const text = complaint(one);
    return text === undefined ? [] : [`${nameOf(one)}: ${text}`];
  });
  const shown = complaints.slice(0, 5).join('; ');
  return {
    name,
    ok: complaints.length === 0,
    detail: complaints.length === 0 ? fine : `${shown} (${complaints.length})`,
  };
}

const hasM = ({ jobs }: Measured): boolean => jobs.some((job) => job.class === 'M');
/** A run in which somebody must come to an instruction that plain CPUs lack. */
const mustDie = (one: Measured): boolean => configurationNamed(one.run.configuration).dies && hasM(one);

function wrongEnd(one: Measured): string | undefined {
  const { signal, exitCode, output } = one.run;
  if (!mustDie(one))
    return signal === undefined && exitCode === 0 ? undefined : `ended by ${signal ?? exitCode}: ${output}`;
  if (signal !== Signal.SIGILL) return `ended by ${signal ?? exitCode} instead of SIGILL`;
  const last = one.run.refusals.at(-1);
  if (last?.kind !== plainKind) return `the refused instruction was on ${last?.kind}`;
  if (last.feature === undefined) return `no feature is named for ${last.instruction}`;
  return undefined;
}

function wrongJobs({ run, jobs }: Measured): string | undefined {
  if (run.signal !== undefined) return undefined;
  const seen = new Set(run.done.map(({ job }) => job));
  if (seen.size !== jobs.length || run.done.length !== jobs.length)
    return `${run.done.length} of ${jobs.length} jobs done`;
  const wrong = run.done.filter(({ job, result }) => {
    const { kernel, rounds, input } = jobs[job]!;
    return expectedResult(kernel, rounds, input) !== result;
  });
  return wrong.length === 0 ? undefined : `${wrong.length} results differ (job ${wrong[0]!.job})`;
}

/** Every instruction that a kind of CPU came to and lacks must have been refused there. */
function ranWithout({ run }: Measured): string | undefined {
  const refused = new Set(run.refusals.map(({ kind, pc }) => `${kind} ${pc}`));
  const ran = run.absent.filter(({ kind, pc }) => !refused.has(`${kind} ${pc}`));
  const [first] = ran;
  return first === undefined ? undefined : `${first.instruction} (${first.feature}) on ${first.kind}`;
}

/** Workers that were told of CPUs and variants have the variant of their CPU for every job. */
function wrongVariant({ run, ratio }: Measured): string | undefined {
  const wrong = run.segments.filter(({ cpu, variant }) => (variant === 'base') !== isPlainCpu(ratio, cpu));
  return wrong.length === 0
    ? undefined
    : `${wrong.length} parts of jobs, as job ${wrong[0]!.job} on CPU ${wrong[0]!.cpu} in ${wrong[0]!.variant}`;
}

function wrongLesson(one: Measured): string | undefined {
  const { refusals, lessons } = one.run;
  if (!hasM(one)) return undefined;
  if (lessons.length === 0) return 'nothing was learned';
  return refusals.length <= one.ratio.plain
    ? undefined
    : `${refusals.length} refused instructions for ${one.ratio.plain} plain CPUs`;
}

/** `value` must be less than `limit`. */
const less = (name: string, value: number, limit: number, detail: string): Check => ({
  name,
  ok: value < limit,
  detail,
});

function overheadCheck(measured: readonly Measured[], isa: string): Check[] {
  const of = (id: string): Measured[] =>
    measured.filter(({ isa: own, run }) => own === isa && run.configuration === id);
  const [common, melf] = [of('common'), of('melf-blind')];
  if (common.length === 0 || melf.length === 0) return [];
  const overheads = (['plain', 'extended'] as const)
    .map((group) => {
      const [switched, alone] = [melf, common].map((runs) => cellTime(runs, 'F', group === 'plain'));
      return { group, percent: (switched! / alone! - 1) * 100 };
    })
    .filter(({ percent }) => !Number.isNaN(percent)); // nobody did an F job there
  if (overheads.length === 0) return [];
  const detail = overheads.map(({ group, percent }) => `${percent.toFixed(3)} % on ${group} CPUs`).join(', ');
  const most = Math.max(...overheads.map(({ percent }) => percent));
  return [less(`MELF costs F jobs less than 1.5 % (${isa})`, most, 1.5, detail)];
}

/** (a) > (b) > (c) for every seed and group ratio of the even mix. */
function orderCheck(measured: readonly Measured[], isa: string): Check[] {
  const even = measured.filter((one) => one.isa === isa && one.mix.f === one.mix.m);
  const groups = new Map<string, Map<string, number>>();
  for (const { ratio, seed, run } of even) {
    const key = `CPUs ${ratio.id}, seed ${seed}`;
    const spans = groups.get(key) ?? new Map<string, number>();
    groups.set(key, spans);
    spans.set(run.configuration, makespanOf(run) ?? Number.NaN);
  }
  const order = ['common', 'melf-blind', 'melf-aware'];
  const lines = [...groups].flatMap(([key, spans]) => {
    const values = order.map((id) => spans.get(id));
    return values.includes(undefined) ? [] : [{ key, values: values as number[] }];
  });
  if (lines.length === 0) return [];
  const bad = lines.filter(({ values: [a, b, c] }) => !(a! > b! && b! > c!));
  const shown = (bad.length > 0 ? bad : lines).slice(0, 3);
  return [
    {
      name: `common > blind > aware in makespan for the even mix (${isa})`,
      ok: bad.length === 0,
      detail: shown
        .map(({ key, values }) => `${key}: ${values.map((ns) => (ns / 1e6).toFixed(3)).join(' > ')} ms`)
        .join('; '),
    },
  ];
}

/** A choice for the whole process leaves extended CPUs with what plain ones can do. */
function onceCheck(measured: readonly Measured[], isa: string): Check[] {
  const chosen = measured.filter((one) => one.isa === isa && one.run.configuration === 'ifunc-plain');
  if (chosen.length === 0) return [];
  const [plain, extended] = [cellTime(chosen, 'M', true), cellTime(chosen, 'M', false)];
  const difference = Math.abs(extended / plain - 1) * 100;
  const detail = `M takes ${(plain / 1e6).toFixed(4)} ms on plain and ${(extended / 1e6).toFixed(4)} ms on extended CPUs`;
  return [
    less(`a choice once per process, on a plain CPU, serves extended CPUs no better (${isa})`, difference, 1.5, detail),
  ];
}

/** Runs every check. `shape`: also what the slides claim, which holds for the scenario's own load. */
export function checkRuns(measured: readonly Measured[], shape: boolean): Check[] {
  const finishing = measured.filter((one) => !mustDie(one));
  const dying = measured.filter(mustDie);
  const told = finishing.filter(({ run }) => configurationNamed(run.configuration).switching);
  const learning = finishing.filter(({ run }) => configurationNamed(run.configuration).policy === 'sigill');
  const jobs = finishing.reduce((sum, one) => sum + one.jobs.length, 0);
  const refusals = measured.reduce((sum, { run }) => sum + run.refusals.length, 0);
  const checks = [
    over(
      'every run ends as it must',
      measured,
      wrongEnd,
      `${finishing.length} with exit code 0, ${dying.length} by SIGILL on a plain CPU`,
    ),
    over("every job is done once and its result is the host's", finishing, wrongJobs, `${jobs} results compared`),
    over(
      'no instruction ran on a CPU that lacks it',
      measured,
      ranWithout,
      `all blocks of all CPUs decoded; ${refusals} instructions refused`,
    ),
    over(
      'nothing is refused where workers know their CPU or the scheduler does',
      finishing.filter((one) => !learning.includes(one)),
      ({ run }) => (run.refusals.length === 0 ? undefined : `${run.refusals.length} refused`),
      'no SIGILL',
    ),
  ];
  if (told.length > 0)
    checks.push(over('every job runs in the variant of its CPU', told, wrongVariant, 'by the views of the workers'));
  if (learning.length > 0) {
    const detail = 'at most one refused instruction for each plain CPU, and something learned';
    checks.push(over('a refused instruction is a lesson', learning, wrongLesson, detail));
  }
  if (shape) {
    for (const isa of new Set(measured.map((one) => one.isa)))
      checks.push(...orderCheck(measured, isa), ...overheadCheck(measured, isa), ...onceCheck(measured, isa));
  }
  return checks;
}

/** Two runs of the same configuration and seed must have done the same at the same virtual times. */
export const checkRepeat = (first: Measured, again: PoolRun): Check => ({
  name: `the same seed gives the same trace (${first.isa})`,
  ok: first.run.traceHash === again.traceHash,
  detail: `${nameOf(first)}, run twice: ${first.run.traceHash} and ${again.traceHash}`,
});
