// What simple arithmetic says about a run, from the times of the two kinds of jobs on the two kinds of CPU: no queues, no end effects.

/** Times of jobs: F or M, on a plain or an extended CPU with its variant. */
export interface JobTimes {
  readonly fPlain: number;
  readonly mPlain: number;
  readonly fExtended: number;
  readonly mExtended: number;
}

/** The slides' table, ms. */
export const paperTimes: JobTimes = { fPlain: 57.9, mPlain: 58.3, fExtended: 57.9, mExtended: 38 };

export interface Work {
  /** Numbers of jobs. */
  readonly f: number;
  readonly m: number;
  /** Numbers of CPUs. */
  readonly plain: number;
  readonly extended: number;
}

export interface Prediction {
  readonly makespan: number;
  readonly meanJobTime: number;
}

/** The common ISA everywhere: every CPU is a plain one. */
function common(times: JobTimes, { f, m, plain, extended }: Work): Prediction {
  const total = f * times.fPlain + m * times.mPlain;
  return { makespan: total / (plain + extended), meanJobTime: total / (f + m) };
}

/** Whoever is free takes what comes: both groups get the same mix, each as fast as it can. */
function blind(times: JobTimes, { f, m, plain, extended }: Work): Prediction {
  const all = f + m;
  const onPlain = (f * times.fPlain + m * times.mPlain) / all;
  const onExtended = (f * times.fExtended + m * times.mExtended) / all;
  const rate = plain / onPlain + extended / onExtended;
  return { makespan: all / rate, meanJobTime: (plain + extended) / rate };
}

/** M first on extended CPUs, F first on plain ones, and whoever is done helps the others: both groups end together. */
function aware(times: JobTimes, { f, m, plain, extended }: Work): Prediction {
  const { fPlain, mPlain, fExtended, mExtended } = times;
  const extendedIsDone = (m * mExtended) / extended <= (f * fPlain) / plain;
  // Jobs of the other class that the group which is done takes over, in fractions of jobs.
  const helped = extendedIsDone
    ? (f * fPlain * extended - m * mExtended * plain) / (fExtended * plain + fPlain * extended)
    : (m * mExtended * plain - f * fPlain * extended) / (mPlain * extended + mExtended * plain);
  const total = extendedIsDone
    ? (f - helped) * fPlain + helped * fExtended + m * mExtended
    : f * fPlain + helped * mPlain + (m - helped) * mExtended;
  return { makespan: total / (plain + extended), meanJobTime: total / (f + m) };
}

/** Nobody helps: the slower group's time. */
function strict(times: JobTimes, { f, m, plain, extended }: Work): Prediction {
  const [onPlain, onExtended] = [f * times.fPlain, m * times.mExtended];
  return { makespan: Math.max(onPlain / plain, onExtended / extended), meanJobTime: (onPlain + onExtended) / (f + m) };
}

const models: Readonly<Record<string, (times: JobTimes, work: Work) => Prediction>> = {
  common,
  'melf-blind': blind,
  'melf-aware': aware,
  'melf-strict': strict,
  'melf-steal': aware,
  'sigill-policy': blind,
  unpinned: blind,
  'ifunc-plain': common,
};

/** The prediction for a configuration; none for one that dies. */
export const predict = (configuration: string, times: JobTimes, work: Work): Prediction | undefined =>
  models[configuration]?.(times, work);

/** Arithmetic on a table of times for equal numbers of jobs and of CPUs: mean job times where half of the M jobs, or all, land on extended CPUs. */
export function paperArithmetic(times: JobTimes): Readonly<Record<string, number>> {
  const { fPlain, mPlain, mExtended } = times;
  return {
    common: (fPlain + mPlain) / 2,
    'melf-blind': (fPlain + (mPlain + mExtended) / 2) / 2,
    'melf-aware': (fPlain + mExtended) / 2,
  };
}
