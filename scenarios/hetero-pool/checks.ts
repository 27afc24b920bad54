// What must be true of every run. Each check compares things that come from different places.

import { Signal } from '../../emulator/linux/signals.ts';
import type { Isa } from '../../setup/toolchain.ts';
import type { Check } from '../runner/checks.ts';
import { checkNames, isaCheckNames, ofIsa } from './check-names.ts';
import { configurationNamed } from './configurations.ts';
import { expectedResult } from './kernels.ts';
import { extendedKind, plainKind } from './load.ts';
import type { PoolRun, Refusal } from './run-record.ts';
import { cellTime, fAlone, hasM, type Measured, makespanOf } from './summary.ts';
import { ignoredLesson, wrongFollowing, wrongLesson, wrongVariant } from './variant-checks.ts';

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

/**
 * Every instruction that a kind of CPU came to and lacks must have been refused there, in that variant, and no block of the extended variant that holds
 * such instructions may have been entered. That the extended CPUs' entries were counted shows that the plain ones' would have been.
 */
function ranWithout({ run, jobs }: Measured): string | undefined {
  const keyOf = ({ kind, pc, variant }: Pick<Refusal, 'kind' | 'pc' | 'variant'>): string => `${kind} ${pc} ${variant}`;
  const refused = new Set(run.refusals.map(keyOf));
  const ran = run.absent.filter((one) => !refused.has(keyOf(one)));
  const [first] = ran;
  if (first !== undefined) return `${first.instruction} (${first.feature}) on ${first.kind} in ${first.variant}`;
  if (configurationNamed(run.configuration).form !== 'melf') return undefined;
  const { [plainKind]: plain = 0, [extendedKind]: extended = 0 } = run.extensionEntries;
  if (plain > 0) return `${plain} entries into extended blocks on ${plainKind}`;
  return extended === 0 && run.segments.some(({ job, variant }) => jobs[job]!.class === 'M' && variant === 'ext')
    ? 'no entry into an extended block was counted'
    : undefined;
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
  return [less(ofIsa(isaCheckNames.fJobs, isa), most, 1.5, detail)];
}

/** What a job's own time cannot show: the view, the switches, and what a worker asks of its variant between jobs. */
function processCheck(measured: readonly Measured[], isa: Isa): Check[] {
  const found = fAlone(measured, isa);
  if (found === undefined) return [];
  const { common, melf, differencePercent } = found;
  const detail = `${melf.toFixed(4)} against ${common.toFixed(4)} ms: ${differencePercent.toFixed(3)} %`;
  return [less(ofIsa(isaCheckNames.process, isa), differencePercent, 1.5, detail)];
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
      name: ofIsa(isaCheckNames.order, isa),
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
  return [less(ofIsa(isaCheckNames.once, isa), difference, 1.5, detail)];
}

/** Runs every check. `shape`: also what the slides claim, which holds for the scenario's own load. */
export function checkRuns(measured: readonly Measured[], shape: boolean): Check[] {
  const finishing = measured.filter((one) => !mustDie(one));
  const dying = measured.filter(mustDie);
  const told = finishing.filter(({ run }) => configurationNamed(run.configuration).switching);
  const learning = finishing.filter(({ run }) => configurationNamed(run.configuration).policy === 'sigill');
  const following = finishing.filter(({ run }) => configurationNamed(run.configuration).policy === 'cpu-variant');
  const jobs = finishing.reduce((sum, one) => sum + one.jobs.length, 0);
  const refusals = measured.reduce((sum, { run }) => sum + run.refusals.length, 0);
  const entries = measured.reduce((sum, { run }) => sum + (run.extensionEntries[extendedKind] ?? 0), 0);
  const checks = [
    over(
      checkNames.end,
      measured,
      wrongEnd,
      `${finishing.length} with exit code 0, ${dying.length} by SIGILL on a plain CPU`,
    ),
    over(checkNames.results, finishing, wrongJobs, `${jobs} results compared`),
    over(
      checkNames.absent,
      measured,
      ranWithout,
      `all blocks of all CPUs decoded; ${refusals} instructions refused; ${entries} entries into extended blocks of the MELF, all on extended CPUs`,
    ),
    over(
      checkNames.noRefusal,
      finishing.filter((one) => !learning.includes(one)),
      ({ run }) => (run.refusals.length === 0 ? undefined : `${run.refusals.length} refused`),
      'no SIGILL',
    ),
  ];
  if (told.length > 0) checks.push(over(checkNames.told, told, wrongVariant, 'by the views of the workers'));
  if (learning.length > 0) {
    const detail = 'at most one refused instruction for each plain CPU, and something learned';
    checks.push(
      over(checkNames.lesson, learning, wrongLesson, detail),
      over(
        checkNames.heeded,
        learning,
        ignoredLesson,
        'later jobs run in the variant of their CPU, M jobs on both kinds',
      ),
    );
  }
  if (following.length > 0) {
    const detail =
      'every job begins in it, and goes on in it or in base; threads moved and variants changed in every run';
    checks.push(over(checkNames.following, following, wrongFollowing, detail));
  }
  if (shape) {
    for (const isa of new Set(measured.map((one) => one.isa)))
      checks.push(
        ...orderCheck(measured, isa),
        ...overheadCheck(measured, isa),
        ...processCheck(measured, isa),
        ...onceCheck(measured, isa),
      );
  }
  return checks;
}

/** Two runs of the same configuration and seed must have done the same at the same virtual times. */
export const checkRepeat = (first: Measured, again: PoolRun): Check => ({
  name: ofIsa(checkNames.repeat, first.isa),
  ok: first.run.traceHash === again.traceHash,
  detail: `${nameOf(first)}, run twice: ${first.run.traceHash} and ${again.traceHash}`,
});
