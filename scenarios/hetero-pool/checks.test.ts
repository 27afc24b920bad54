import assert from 'node:assert/strict';
import { checkRuns } from './checks.ts';
import { expectedResult } from './kernels.ts';
import type { PoolJob, PoolRun } from './run-record.ts';
import type { Measured } from './summary.ts';

const jobs: readonly PoolJob[] = [
  { class: 'F', kernel: 'fib', rounds: 3, input: 1 },
  { class: 'M', kernel: 'dot8', rounds: 3, input: 2 },
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

/** A run of both jobs, F on CPU 0 (plain) and M on CPU 1 (extended). */
function goodRun(configuration: string, span: number): PoolRun {
  return {
    configuration,
    signal: undefined,
    exitCode: 0,
    output: '',
    done: jobs.map(({ kernel, rounds, input }, job) => ({
      job,
      tid: 1001 + job,
      cpu: job,
      start: 10,
      end: 10 + span,
      result: expectedResult(kernel, rounds, input),
    })),
    segments: [
      { job: 0, cpu: 0, from: 10, to: 10 + span, variant: 'base' },
      { job: 1, cpu: 1, from: 10, to: 10 + span, variant: 'ext' },
    ],
    refusals: [],
    absent: [],
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

describe('checks of the pool', () => {
  it('hold for good runs', () => assert.deepEqual(failing(good()), []));

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
