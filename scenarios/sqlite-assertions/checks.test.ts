import assert from 'node:assert/strict';
import type { Check } from '../runner/checks.ts';
import { checkRepeat } from '../runner/checks.ts';
import { checkRefusal, checkService, checkShape, checkSpeedtest } from './checks.ts';
import { configurationNames } from './configurations.ts';
import type { ServiceRecord, SpeedtestRecord } from './run-record.ts';
import { groupRuns, summarise } from './summary.ts';
import { fakeClients, fakeRun, fakeStatements, plantedFailures } from './tests/fake-runs.ts';

const failing = (checks: readonly Check[]): string[] => checks.filter(({ ok }) => !ok).map(({ name }) => name);
const all = (): ServiceRecord[] => configurationNames.map((id) => fakeRun(id));
/** The complaints when the run of one configuration is changed. */
const withChange = (id: string, changes: (run: ServiceRecord) => Partial<ServiceRecord>): string[] =>
  failing(
    checkService(
      all().map((run) => (run.configuration === id ? { ...run, ...changes(run) } : run)),
      fakeClients,
    ),
  );

describe('checks of the service', () => {
  it('hold for runs that are right', () => {
    const checks = checkService(all(), fakeClients);
    assert.deepEqual(failing(checks), []);
    assert.equal(checks.length, 8);
    assert.deepEqual(checkService([], fakeClients), []);
  });

  it('notice a wrong answer, other answers, other rows, damage, and a bad end', () => {
    assert.deepEqual(
      withChange('melf-10', () => ({ wrongCount: 1, wrong: ['x'] })),
      ['every answer is right'],
    );
    const same = ['every configuration gives the same answers and rows'];
    assert.deepEqual(
      withChange('middle', () => ({ answersHash: 'other' })),
      same,
    );
    assert.deepEqual(
      withChange('planted-never', () => ({ contentHash: 'other' })),
      same,
    );
    const sound = ['the database is sound and the service ends well'];
    assert.deepEqual(
      withChange('melf-50', () => ({ integrity: 'row 3 missing' })),
      sound,
    );
    assert.deepEqual(
      withChange('plain', () => ({ exitCode: 1 })),
      sound,
    );
  });

  it('notice one statement in another variant than it should be in', () => {
    const variant = ['each statement is executed in the variant that its configuration asks for'];
    const elsewhere = ({ statements: [first, ...rest] }: ServiceRecord) => ({
      statements: [{ ...first!, view: 1 - first!.view }, ...rest],
    });
    for (const id of ['melf-0', 'melf-25', 'threads', 'request', 'session', 'every-5', 'melf-100'])
      assert.deepEqual(withChange(id, elsewhere), variant, id);
    const resets = ['statements by variant, as the machine counts them, are those that the service chose'];
    assert.deepEqual(
      withChange('melf-25', ({ resets: { noassert, assert: asserted } }) => ({
        resets: { noassert: noassert - 1, assert: asserted + 1 },
      })),
      resets,
    );
  });

  it('notice statements that one variant alone executes where both should', () => {
    const turns = ['where variants change within statements, both execute their parts of each'];
    const wrong: readonly Partial<ServiceRecord>[] = [
      { resets: { noassert: 1, assert: fakeClients * fakeStatements - 1 } },
      { resets: { noassert: 0, assert: 1 } },
      { binds: { noassert: 0, assert: 0 } },
      { binds: { noassert: 9, assert: 1 } },
      { switches: 2 * fakeClients * fakeStatements },
    ];
    for (const changes of wrong)
      assert.deepEqual(
        withChange('middle', () => changes),
        turns,
        JSON.stringify(changes),
      );
  });

  it('claim nothing of views where there is one variant', () => {
    const elsewhere = ({ statements }: ServiceRecord) => ({
      statements: statements.map((one) => ({ ...one, view: 7 })),
    });
    for (const id of ['plain', 'noassert', 'always']) assert.deepEqual(withChange(id, elsewhere), [], id);
    const alone = checkService([fakeRun('plain'), fakeRun('always')], fakeClients).map(({ name }) => name);
    assert.ok(
      alone.every((name) => !/variant/.test(name)),
      alone.join(),
    );
  });

  it('notice an assertion that fails where nothing was planted', () => {
    assert.deepEqual(
      withChange('melf-75', () => ({ failures: plantedFailures(1) })),
      ['no assertion fails where nothing is wrong'],
    );
  });

  it('notice a planted fault that is missed, tripped elsewhere, twice, or with another stack', () => {
    const planted = [
      'planted faults trip their assertions in the threads that run assert, once each, and nowhere else',
    ];
    const [page, value] = plantedFailures(1) as [
      ReturnType<typeof plantedFailures>[0],
      ReturnType<typeof plantedFailures>[0],
    ];
    const cases: Record<string, (run: ServiceRecord) => ServiceRecord['failures']> = {
      missed: ({ failures }) => failures.slice(1),
      elsewhere: ({ failures }) => [...failures, ...plantedFailures(0)],
      moved: ({ failures }) => failures.map((one) => ({ ...one, thread: one.thread === 1 ? 2 : one.thread })),
      twice: ({ failures }) => [...failures, value],
      another: ({ failures }) => [...failures, { ...value, expression: 'x' }],
      stack: ({ failures }) =>
        failures.map((one) => (one.stack.join() === page.stack.join() ? { ...one, stack: ['serve+0x1'] } : one)),
      variant: ({ failures }) => failures.map((one) => ({ ...one, variant: 'noassert' })),
    };
    for (const [what, change] of Object.entries(cases))
      assert.deepEqual(
        withChange('planted-threads', (run) => ({ failures: change(run) })),
        planted,
        what,
      );
    assert.deepEqual(
      withChange('planted-single', ({ failures }) => ({ failures: failures.slice(1) })),
      planted,
    );
    assert.deepEqual(
      withChange('planted-never', () => ({ failures: plantedFailures(1) })),
      planted,
    );
  });
});

describe('other checks', () => {
  const speedtest = (changes: Partial<SpeedtestRecord> = {}): SpeedtestRecord => ({
    program: 'speedtest1',
    form: 'melf',
    variant: 'assert',
    verificationHash: '1 ab',
    instructions: 1,
    cycles: 1,
    time: 1,
    exitCode: 0,
    failures: [],
    unimplemented: {},
    hostSeconds: 1,
    ...changes,
  });

  it('compare hashes of speedtest1', () => {
    assert.deepEqual(failing(checkSpeedtest([speedtest(), speedtest()])), []);
    assert.equal(failing(checkSpeedtest([speedtest(), speedtest({ verificationHash: '1 ac' })])).length, 1);
    assert.equal(failing(checkSpeedtest([speedtest({ verificationHash: '' })])).length, 1);
    assert.equal(failing(checkSpeedtest([speedtest({ exitCode: 1 })])).length, 1);
  });

  it('compare traces, and want a refusal for a size', () => {
    assert.ok(checkRepeat(fakeRun('middle'), fakeRun('middle')).ok);
    assert.ok(!checkRepeat(fakeRun('middle'), fakeRun('middle', 1, { traceHash: 'x' })).ok);
    const message = 'error: variants plain and assert disagree about sqlite3Config: 440 bytes against 488\n>>> x';
    assert.ok(checkRefusal({ refused: true, message }).ok);
    assert.ok(!checkRefusal({ refused: false, message }).ok);
    assert.ok(!checkRefusal({ refused: true, message: 'error: undefined symbol' }).ok);
  });

  it('hold the results to the shape of the claim', () => {
    const results = (runs: ServiceRecord[]) => summarise(groupRuns(configurationNames, runs));
    const good = checkShape(results(all()));
    assert.deepEqual(failing(good), []);
    assert.equal(good.length, 4);
    const dear = (id: string, cycles = 1.2, instructions = 9) =>
      all().map((run) =>
        run.configuration === id
          ? {
              ...run,
              statements: run.statements.map((one) => ({
                ...one,
                cycles: one.cycles * cycles,
                instructions: one.instructions * instructions,
              })),
            }
          : run,
      );
    assert.deepEqual(failing(checkShape(results(dear('melf-0')))), [
      'a MELF that nobody switches executes what noassert alone does, at the same cost: within 0.25 % and 2 %',
      'the more statements are under assertion, the more instructions',
    ]);
    assert.equal(failing(checkShape(results(dear('melf-75')))).length, 2);
    assert.deepEqual(failing(checkShape(results(dear('request', 9, 1)))), [
      'a single statement under assertion costs less than twice what assertions cost when always on',
    ]);
    assert.equal(failing(checkShape(results(dear('melf-0', 1.025, 1)))).length, 1);
    assert.equal(failing(checkShape(results(dear('melf-0', 1, 1.003)))).length, 1);
    assert.deepEqual(failing(checkShape(results(dear('melf-0', 1.005, 1.001)))), []);
    // A mean over seeds is held to less.
    const seeds = (cycles: number) =>
      [1, 2, 3].flatMap((seed) => dear('melf-0', cycles, 1).map((run) => ({ ...run, seed })));
    assert.deepEqual(failing(checkShape(results(seeds(1.008)))), []);
    assert.equal(failing(checkShape(results(seeds(1.015)))).length, 1);
  });
});
