import type { TextTable } from '../runner/text-table.ts';
import { signedPercent } from '../runner/units.ts';
import { configurationNamed } from './configurations.ts';
import { type JobTimes, paperArithmetic, paperTimes } from './prediction.ts';
import type { FAlone, PoolResult } from './summary.ts';

const none = '–';
const ms = (value: number | null, digits: number = 3): string =>
  value === null || Number.isNaN(value) ? none : value.toFixed(digits);
const share = (value: number | undefined): string => (value === undefined ? none : `${(value * 100).toFixed(1)} %`);
const change = (value: number | null | undefined): string =>
  value === null || value === undefined ? none : signedPercent(value, 1);

/** The slides' table: F and M jobs on plain and extended CPUs. The last columns show both as multiples of F on a plain CPU. */
export function slidesTable(times: JobTimes): TextTable {
  const row = (name: string, f: keyof JobTimes, m: keyof JobTimes): string[] => [
    name,
    ms(times[f]),
    ms(times[m]),
    ms(paperTimes[f], 1),
    ms(paperTimes[m], 1),
    ms(times[f] / times.fPlain),
    ms(times[m] / times.fPlain),
    ms(paperTimes[f] / paperTimes.fPlain),
    ms(paperTimes[m] / paperTimes.fPlain),
  ];
  return {
    head: ['job, ms', 'F', 'M', 'paper: F', 'M', 'relative: F', 'M', 'paper: F', 'M'],
    rows: [row('plain CPU', 'fPlain', 'mPlain'), row('extended CPU', 'fExtended', 'mExtended')],
  };
}

export const leftOutText = (names: readonly string[]): string =>
  `Not checked, for want of the standard load, mixes or configurations: ${names.join('; ')}`;

/** What the MELF costs a process that gains nothing from it. */
export const fAloneText = ({ common, melf, differencePercent }: FAlone): string =>
  `F jobs alone, the whole process from start to end: ${ms(common, 4)} ms with the common ISA, ${ms(melf, 4)} ms as MELF (${signedPercent(differencePercent, 2)})`;

/** One machine and mix: every configuration with its prediction. */
export function makespanTable(results: readonly PoolResult[]): TextTable {
  return {
    head: [
      'configuration',
      'makespan, ms',
      'against (a)',
      'predicted',
      'paper’s table',
      'job: mean, ms',
      'predicted',
      'p99',
      'plain busy',
      'extended busy',
      'switches',
      'moves',
      'refused',
    ],
    rows: results.map((result) => {
      const { id, makespan, predicted, utilisation, refused } = result;
      const { letter } = configurationNamed(id);
      return [
        `(${letter}) ${id}`,
        makespan === null ? (refused === null ? none : 'SIGILL') : ms(makespan),
        id === 'common' ? 'baseline' : change(result.relativeMakespanPercent),
        change(predicted?.relativeMakespanPercent),
        change(predicted?.paperRelativeMakespanPercent),
        ms(result.meanJobTime, 4),
        ms(predicted?.meanJobTime ?? null, 4),
        ms(result.p99JobTime, 4),
        share(utilisation?.plain),
        share(utilisation?.extended),
        result.switches.toFixed(0),
        result.moves.toFixed(0),
        result.refusals.toFixed(0),
      ];
    }),
  };
}

/** The paper's arithmetic on mean job times, equal numbers of jobs and of CPUs, beside what was measured. */
export function arithmeticTable(times: JobTimes, results: readonly PoolResult[]): TextTable {
  const [paper, ours] = [paperArithmetic(paperTimes), paperArithmetic(times)];
  const relative = (values: Readonly<Record<string, number>>, id: string): number =>
    (values[id]! / values.common! - 1) * 100;
  const base = results.find(({ id }) => id === 'common')?.meanJobTime;
  return {
    head: [
      'mean job time',
      'paper’s figures, ms',
      'against (a)',
      'our table, ms',
      'against (a)',
      'measured, ms',
      'against (a)',
    ],
    rows: Object.keys(paper).map((id) => {
      const measured = results.find((result) => result.id === id)?.meanJobTime ?? null;
      return [
        `(${configurationNamed(id).letter}) ${id}`,
        ms(paper[id]!, 2),
        change(relative(paper, id)),
        ms(ours[id]!, 4),
        change(relative(ours, id)),
        ms(measured, 4),
        measured === null || base === undefined || base === null ? none : change((measured / base - 1) * 100),
      ];
    }),
  };
}

/** Makespans of all mixes and group ratios against `common`. */
export function overviewTable(results: readonly PoolResult[]): TextTable {
  const cases = [...new Set(results.map(({ mix, ratio }) => `${mix} ${ratio}`))];
  const ids = [...new Set(results.map(({ id }) => id))];
  const head = cases.map((one) => {
    const [mix, ratio] = one.split(' ');
    return `F:M ${mix}, CPUs ${ratio}`;
  });
  const cell = (id: string, one: string): string => {
    const found = results.find(({ id: own, mix, ratio }) => own === id && `${mix} ${ratio}` === one);
    if (found === undefined) return none;
    if (found.makespan === null) return 'SIGILL';
    return id === 'common' ? `${ms(found.makespan, 2)} ms` : change(found.relativeMakespanPercent);
  };
  return {
    head: ['makespan', ...head],
    rows: ids.map((id) => [`(${configurationNamed(id).letter}) ${id}`, ...cases.map((one) => cell(id, one))]),
  };
}
