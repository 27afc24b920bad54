// Whether jobs ran in the variants that they should have, by the events of the run. Each function tells what is wrong with one run.

import type { DoneJob, PoolRun } from './run-record.ts';
import { hasM, isPlainCpu, type Measured } from './summary.ts';

/** Workers that were told of CPUs and variants have the variant of their CPU for every job. */
export function wrongVariant({ run, ratio }: Measured): string | undefined {
  const wrong = run.segments.filter(({ cpu, variant }) => (variant === 'base') !== isPlainCpu(ratio, cpu));
  return wrong.length === 0
    ? undefined
    : `${wrong.length} parts of jobs, as job ${wrong[0]!.job} on CPU ${wrong[0]!.cpu} in ${wrong[0]!.variant}`;
}

/** At most one refusal for each plain CPU, and something learned. */
export function wrongLesson(one: Measured): string | undefined {
  const { refusals, lessons } = one.run;
  if (!hasM(one)) return undefined;
  if (lessons.length === 0) return 'nothing was learned';
  return refusals.length <= one.ratio.plain
    ? undefined
    : `${refusals.length} refused instructions for ${one.ratio.plain} plain CPUs`;
}

function groupsOf<Item>(items: readonly Item[], key: (item: Item) => number): Item[][] {
  const groups = new Map<number, Item[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return [...groups.values()];
}

/**
 * Jobs that nobody can have begun without the lesson. Clocks of CPUs are apart by the scheduler's lookahead, and a worker heeds the lesson from its next
 * system call on, so its first job afterwards does not count.
 */
function afterLesson({ refusals, done, lookahead }: PoolRun): DoneJob[] {
  const learned = Math.max(...refusals.map(({ time }) => time)) + lookahead;
  const later = done.filter(({ start }) => start > learned).sort((a, b) => a.start - b.start);
  return groupsOf(later, ({ tid }) => tid).flatMap((jobs) => jobs.slice(1));
}

/** A lesson that is heeded: what begins afterwards runs in the variant of its CPU, and M jobs do so on both kinds of CPU. */
export function ignoredLesson(one: Measured): string | undefined {
  const { run, jobs, ratio } = one;
  if (!hasM(one)) return undefined;
  const later = new Set(afterLesson(run).map(({ job }) => job));
  const segments = run.segments.filter(({ job }) => later.has(job));
  const wrong = wrongVariant({ ...one, run: { ...run, segments } });
  if (wrong !== undefined) return wrong;
  const missing = [true, false].filter(
    (plain) => !segments.some(({ job, cpu }) => jobs[job]!.class === 'M' && isPlainCpu(ratio, cpu) === plain),
  );
  return missing.length === 0
    ? undefined
    : `no M job after the lesson on ${missing.map((plain) => (plain ? 'plain' : 'extended')).join(' and ')} CPUs`;
}

/**
 * A policy that follows the scheduler had something to follow, and every job begins in the variant of its CPU. One that is moved in its middle to an
 * extended CPU goes on in `base`: it comes to no system call at which the variant could change.
 */
export function wrongFollowing({ run, ratio }: Measured): string | undefined {
  if (run.moves === 0) return 'nobody was moved to a CPU of another kind';
  if (run.switches === 0) return 'nobody changed the variant';
  const inOrder = [...run.segments].sort((a, b) => a.from - b.from);
  const wrong = groupsOf(inOrder, ({ job }) => job).flatMap((parts) =>
    parts.filter(({ cpu, variant }, at) => {
      if ((variant === 'base') === isPlainCpu(ratio, cpu)) return false;
      return variant === 'ext' || parts[at - 1]?.variant !== 'base';
    }),
  );
  return wrong.length === 0
    ? undefined
    : `${wrong.length} parts of jobs, as job ${wrong[0]!.job} on CPU ${wrong[0]!.cpu} in ${wrong[0]!.variant}`;
}
