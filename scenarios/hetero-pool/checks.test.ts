import assert from 'node:assert/strict';
import { checkRuns } from './checks.ts';
import { expectedResult } from './kernels.ts';
import type { PoolJob, PoolRun, Segment } from './run-record.ts';
import type { Measured } from './summary.ts';
import type { Variant } from './variants.ts';

const jobs: readonly PoolJob[] = [
  { class: 'F', kernel: 'fib', rounds: 3, input: 1 },
  { class: 'M', kernel: 'dot8', rounds: 3, input: 2 },
  { class: 'M', kernel: 'dot8', rounds: 3, input: 3 },
  { class: 'M', kernel: 'dot8', rounds: 3, input: 4 },
];

const refusal = {
  kind: 'little',
  cpu: 0,
  pc: 0x401000,
  instruction: 'pmulld xmm0, xmm1',
  feature: 'sse4_1',
  variant: 'ext',
  time: 5,
};

/** A run of all jobs, those with even numbers on CPU 0 (plain), the others on CPU 1 (extended). */
function goodRun(configuration: string, span: number): PoolRun {
  const times = jobs.map((_, job) => ({
    cpu: job % 2,
    start: 10 + span * Math.floor(job / 2),
    end: 10 + span * (Math.floor(job / 2) + 1),
  }));
  return {
    configuration,
    signal: undefined,
    exitCode: 0,
    output: '',
    done: jobs.map(({ kernel, rounds, input }, job) => ({
      job,
      tid: 1001 + times[job]!.cpu,
      ...times[job]!,
      result: expectedResult(kernel, rounds, input),
    })),
    segments: times.map(({ cpu, start, end }, job) => ({
      job,
      cpu,
      from: start,
      to: end,
      variant: cpu === 0 ? 'base' : 'ext',
    })),
    refusals: [],
    absent: [],
    extensionStarts: [],
    extensionEntries: { little: 0, big: 7 },
    lookahead: 1,
    time: 100,
    instructions: 1000,
    cycles: 1000,
    switches: 1,
    views: 1,
    moves: 0,
    contextSwitches: 0,
    syscalls: 0,
    pageFaults: 0,
    lessons: [],
    traceHash: 'abc',
    unimplemented: {},
    hostSeconds: 0,
  };
}

const measured = (run: PoolRun): Measured => ({
  isa: 'x86-64',
  mix: { id: '1:1', f: 1, m: 1 },
  ratio: { id: '1:1', plain: 1, extended: 1 },
  seed: 1,
  jobs,
  run,
});

const good = (): PoolRun[] => [
  goodRun('common', 1000),
  goodRun('melf-blind', 990),
  goodRun('melf-aware', 900),
  { ...goodRun('sigill-policy', 900), refusals: [refusal], absent: [refusal], lessons: ['little CPUs lack sse4_1'] },
  { ...goodRun('unpinned', 950), moves: 2 },
  {
    ...goodRun('ext-everywhere', 0),
    done: [],
    segments: [],
    signal: 4,
    exitCode: undefined,
    refusals: [refusal],
    absent: [refusal],
  },
];

const failing = (runs: readonly PoolRun[]): string[] =>
  checkRuns(runs.map(measured), true)
    .filter(({ ok }) => !ok)
    .map(({ name }) => name);

/** The good runs with one of them changed. */
const changed = (id: string, change: Partial<PoolRun>): PoolRun[] =>
  good().map((run) => (run.configuration === id ? { ...run, ...change } : run));

/** The parts of the good run's jobs, in other variants or on other CPUs. */
const onCpus = (change: (cpu: number) => Pick<Segment, 'cpu' | 'variant'>): Segment[] =>
  goodRun('any', 900).segments.map((segment) => ({ ...segment, ...change(segment.cpu) }));

const part = (cpu: number, variant: Variant): Segment => ({ job: 0, cpu, from: 10, to: 20, variant });

describe('checks of the pool', () => {
  it('hold for good runs', () => assert.deepEqual(failing(good()), []));

  it('let a job go on in base where it is moved to an extended CPU', () => {
    const segments = [part(0, 'base'), { ...part(1, 'base'), from: 20, to: 30 }];
    assert.deepEqual(failing(changed('unpinned', { segments })), []);
  });

  it('notice a MELF that is dear before its first job', () => {
    const alone = (configuration: string, time: number): Measured => {
      const one = measured({ ...goodRun(configuration, 1000), time });
      return { ...one, jobs: one.jobs.map((job) => ({ ...job, class: 'F' as const })) };
    };
    const runs = (melf: number): Measured[] => [alone('common', 100_000), alone('melf-blind', melf)];
    const failingOf = (melf: number): string[] =>
      checkRuns(runs(melf), true).flatMap(({ name, ok }) => (!ok && name.includes('process') ? [name] : []));
    assert.deepEqual(failingOf(101_000), []);
    assert.deepEqual(failingOf(102_000), ['MELF costs a whole process of F jobs less than 1.5 % (x86-64)']);
  });

  const cases: readonly [what: string, runs: PoolRun[], check: string][] = [
    [
      'a wrong result',
      changed('melf-blind', {
        done: goodRun('melf-blind', 990).done.map((job) => ({ ...job, result: job.result ^ 1 })),
      }),
      "every job is done once and its result is the host's",
    ],
    [
      'a job that is missing',
      changed('melf-blind', { done: goodRun('melf-blind', 990).done.slice(1) }),
      "every job is done once and its result is the host's",
    ],
    [
      'a job done twice',
      changed('melf-blind', {
        done: [...goodRun('melf-blind', 990).done.slice(1), ...goodRun('melf-blind', 990).done.slice(1)],
      }),
      "every job is done once and its result is the host's",
    ],
    ['an exit code', changed('common', { exitCode: 2 }), 'every run ends as it must'],
    [
      'a run that should have died',
      changed('ext-everywhere', { signal: undefined, exitCode: 0, done: goodRun('x', 1).done }),
      'every run ends as it must',
    ],
    ['a death of something else', changed('ext-everywhere', { signal: 11 }), 'every run ends as it must'],
    [
      'a death on the wrong CPU',
      changed('ext-everywhere', { refusals: [{ ...refusal, kind: 'big' }], absent: [] }),
      'every run ends as it must',
    ],
    [
      'a refusal without its feature',
      changed('ext-everywhere', { refusals: [{ ...refusal, feature: undefined }] }),
      'every run ends as it must',
    ],
    [
      'an absent instruction that ran',
      changed('melf-blind', { absent: [refusal] }),
      'no instruction ran on a CPU that lacks it',
    ],
    [
      'an absent instruction that was refused in another variant',
      changed('melf-blind', { absent: [{ ...refusal, variant: 'base' }], refusals: [refusal] }),
      'no instruction ran on a CPU that lacks it',
    ],
    [
      'an extended block that a plain CPU entered, though it was refused another time',
      changed('sigill-policy', { extensionEntries: { little: 1, big: 7 } }),
      'no instruction ran on a CPU that lacks it',
    ],
    [
      'a count that does not count',
      changed('melf-aware', { extensionEntries: { little: 0, big: 0 } }),
      'no instruction ran on a CPU that lacks it',
    ],
    [
      'a refusal where everybody knows',
      changed('melf-aware', { refusals: [refusal] }),
      'nothing is refused where workers know their CPU or the scheduler does',
    ],
    [
      'a job in the wrong variant',
      changed('melf-aware', { segments: [{ job: 1, cpu: 1, from: 10, to: 20, variant: 'base' }] }),
      'every job runs in the variant of its CPU',
    ],
    [
      'a policy that does not learn',
      changed('sigill-policy', { refusals: [refusal, refusal] }),
      'a refused instruction is a lesson',
    ],
    [
      'a policy that was never asked',
      changed('sigill-policy', { refusals: [], absent: [], lessons: [] }),
      'a refused instruction is a lesson',
    ],
    [
      'a policy that learns and leaves everybody where they are',
      changed('sigill-policy', { segments: onCpus(() => ({ cpu: 1, variant: 'ext' })) }),
      'the lesson is heeded',
    ],
    [
      'a policy that brings threads back in the wrong variant',
      changed('sigill-policy', { segments: onCpus((cpu) => ({ cpu, variant: 'ext' })) }),
      'the lesson is heeded',
    ],
    [
      'a policy that takes the extension from everybody',
      changed('sigill-policy', { segments: onCpus((cpu) => ({ cpu, variant: 'base' })) }),
      'the lesson is heeded',
    ],
    [
      'a policy that changes no variants',
      changed('unpinned', { switches: 0, segments: onCpus((cpu) => ({ cpu, variant: 'base' })) }),
      'variants follow threads that the scheduler moves',
    ],
    [
      'jobs that begin in another variant than their CPU',
      changed('unpinned', { segments: onCpus((cpu) => ({ cpu, variant: 'base' })) }),
      'variants follow threads that the scheduler moves',
    ],
    [
      'the extended variant on a plain CPU, in the middle of a job',
      changed('unpinned', { segments: [part(1, 'ext'), part(0, 'ext')] }),
      'variants follow threads that the scheduler moves',
    ],
    [
      'a job that loses the extended variant',
      changed('unpinned', { segments: [part(1, 'ext'), { ...part(1, 'base'), from: 20 }] }),
      'variants follow threads that the scheduler moves',
    ],
    [
      'a scheduler that moves nobody',
      changed('unpinned', { moves: 0 }),
      'variants follow threads that the scheduler moves',
    ],
    [
      'the wrong order',
      [...good().filter(({ configuration }) => configuration !== 'melf-aware'), goodRun('melf-aware', 995)],
      'common > blind > aware in makespan for the even mix (x86-64)',
    ],
    [
      'a dear MELF',
      [...good().filter(({ configuration }) => configuration !== 'common'), goodRun('common', 970)],
      'MELF costs F jobs less than 1.5 % (x86-64)',
    ],
  ];
  for (const [what, runs, check] of cases) it(`notice ${what}`, () => assert.ok(failing(runs).includes(check)));
});
