import assert from 'node:assert/strict';
import { checkRepeat } from '../runner/checks.ts';
import { Latencies } from '../runner/latency.ts';
import { checkRuns, checkShape, isReportOf, wrongReports } from './checks.ts';
import { contextIds, parseConfiguration, plantedIds, sanitisedConnections } from './configurations.ts';
import { type Plant, plants } from './plants.ts';
import type { FoundError, RunRecord } from './run-record.ts';
import { groupRuns, summarise } from './summary.ts';

function recorded(...values: number[]): RunRecord['performance'] {
  const latencies = new Latencies();
  for (const value of values) latencies.record(value);
  return latencies.recorded();
}

const fakeRun = (changes: Partial<RunRecord> = {}): RunRecord => ({
  configuration: 'melf-0',
  seed: 1,
  performance: recorded(100e3, 120e3),
  sanitised: recorded(),
  window: { from: 0, to: 1e6 },
  measured: 2,
  statements: 10,
  planted: { plain: 0, sanitised: 0 },
  connections: { plain: 2, sanitised: 0 },
  commands: { plain: 12, sanitised: 0 },
  entries: { plain: 12, sanitised: 0 },
  switches: 0,
  wrong: [],
  wrongCount: 0,
  errors: [],
  example: undefined,
  exitCode: 0,
  counters: {
    instructions: 1000,
    cycles: 2000,
    syscalls: 8,
    switches: 0,
    pageFaults: 0,
    tlbMisses: 0,
    contextSwitches: 0,
    lineTransfers: 0,
  },
  utilisation: 0.3,
  traceHash: 'x',
  events: 5,
  unimplemented: {},
  startTime: 1,
  hostSeconds: 1,
  hostStartSeconds: 1,
  ...changes,
});

const reportOf = ({ kind, access, function: maker, isFreed }: Plant, variant = 'asan', thread = 1): FoundError => ({
  kind,
  access,
  variant,
  thread,
  stack: [`${maker}+0x4`, 'plant+0x1', '_Z16dispatch_command19enum_server_commandP3THDPcjb+0x10'],
  allocation: ['melf_plant_allocate+0x8'],
  freed: isFreed ? ['melf_plant_free+0x8'] : [],
});

const failing = (runs: RunRecord[]): string[] =>
  checkRuns(runs)
    .filter(({ ok }) => !ok)
    .map(({ name }) => name);

describe('checks of the MariaDB scenario', () => {
  const planted = (errors: FoundError[], connections = 2, changes: Partial<RunRecord> = {}): RunRecord =>
    fakeRun({
      configuration: 'planted',
      errors,
      connections: { plain: 1, sanitised: connections },
      planted: { plain: plants.length, sanitised: connections * plants.length },
      switches: 2,
      ...changes,
    });
  const all = [1, 2].flatMap((thread) => plants.map((one) => reportOf(one, 'asan', thread)));

  const half = (id: string, changes: Partial<RunRecord> = {}): RunRecord =>
    fakeRun({
      configuration: id,
      connections: { plain: 1, sanitised: 1 },
      commands: { plain: 8, sanitised: 4 },
      entries: { plain: 8, sanitised: 4 },
      switches: 1,
      ...changes,
    });
  /** Forms with one variant: the machine does not count by view. */
  const single = (id: string, changes: Partial<RunRecord> = {}): RunRecord =>
    fakeRun({ configuration: id, entries: undefined, ...changes });

  it('hold for right runs', () => {
    assert.deepEqual(failing([fakeRun(), single('plain'), half('melf-50'), planted(all)]), []);
  });

  it('hold for any configuration alone, and claim nothing that it does not show', () => {
    const ids = ['plain', 'plain-allocator', 'melf-0', 'melf-50', 'melf-100', 'always', ...contextIds];
    for (const id of ids) {
      const run = id === 'melf-0' ? fakeRun() : /^(plain|always)/.test(id) ? single(id) : half(id);
      assert.deepEqual(failing([run]), [], id);
    }
    const claims = (run: RunRecord): number => checkRuns([run]).length;
    assert.deepEqual([claims(single('plain')), claims(fakeRun()), claims(half('melf-50'))], [4, 5, 5]);
  });

  it('see commands that another variant executes than was asked for, and a machine that counted none', () => {
    const name = ['each statement is executed in the variant that its connection asks for'];
    assert.deepEqual(failing([half('melf-50', { entries: { plain: 9, sanitised: 3 } })]), name);
    assert.deepEqual(failing([half('melf-50', { entries: { plain: 8, sanitised: 5 } })]), name);
    assert.deepEqual(failing([half('command', { entries: { plain: 7, sanitised: 4 } })]), name);
    assert.deepEqual(failing([half('pool', { entries: undefined })]), name);
    assert.deepEqual(failing([planted(all, 2, { entries: { plain: 0, sanitised: 12 } })]), name);
  });

  it('see a switch where nobody is sanitised, and none where somebody is', () => {
    const none = ['nothing switches where no connection is sanitised, or all code is'];
    assert.deepEqual(failing([fakeRun({ switches: 1 })]), none);
    for (const id of ['plain', 'plain-allocator', 'always'])
      assert.deepEqual(failing([single(id, { switches: 1 })]), none, id);
    assert.deepEqual(failing([half('melf-50', { switches: 0 })]), [
      'threads switch where some connections are sanitised',
    ]);
  });

  it('see wrong answers, a bad end, a false report, a switch', () => {
    const run = fakeRun({
      wrongCount: 1,
      wrong: ['x'],
      exitCode: 2,
      errors: [all[0]!],
      switches: 1,
    });
    assert.equal(failing([run]).length, 4);
  });

  it('see each planted mistake that is missing, reported elsewhere, or reported with another stack', () => {
    assert.equal(wrongReports(planted(all)), undefined);
    for (let one = 0; one < all.length; one++) assert.notEqual(wrongReports(planted(all.toSpliced(one, 1))), undefined);
    assert.match(wrongReports(planted([...all, reportOf(plants[0]!, 'plain')]))!, /variant plain/);
    assert.notEqual(wrongReports(planted([...all, all[0]!])), undefined);
    const one = all.map((error) => ({ ...error, thread: 1 }));
    assert.match(wrongReports(planted(one))!, /reports by 1 threads, not 2/);
    const other = { ...all[0]!, stack: ['somewhere+0x1', ...all[0]!.stack.slice(1)] };
    assert.notEqual(wrongReports(planted([other, ...all.slice(1)])), undefined);
    assert.notEqual(wrongReports(planted([], 0)), undefined);
    assert.notEqual(wrongReports(planted(all, 2, { planted: { plain: plants.length, sanitised: 0 } })), undefined);
    assert.notEqual(wrongReports(planted(all, 2, { connections: { plain: 0, sanitised: 2 } })), undefined);
    for (const plant of plants)
      for (const error of all) assert.equal(isReportOf(plant, error), error.stack[0] === `${plant.function}+0x4`);
  });

  it('see mistakes that forms with one variant report wrongly', () => {
    const made = (count: number): number => count * plants.length;
    const of = (id: string, errors: FoundError[]): string | undefined =>
      wrongReports(
        single(id, {
          errors,
          connections: id === 'planted-always' ? { plain: 0, sanitised: 2 } : { plain: 2, sanitised: 0 },
          planted: id === 'planted-always' ? { plain: 0, sanitised: made(2) } : { plain: made(2), sanitised: 0 },
        }),
      );
    assert.equal(of('planted-always', all), undefined);
    assert.notEqual(of('planted-always', all.slice(1)), undefined);
    const plain = all.map((error) => ({ ...error, variant: 'plain' }));
    assert.notEqual(of('planted-always', plain), undefined);
    const frees = plain.filter(({ access }) => access === 'free');
    assert.equal(of('planted-plain', frees), undefined);
    assert.notEqual(of('planted-plain', plain), undefined);
    assert.notEqual(of('planted-plain', [...frees, plain[0]!]), undefined);
    assert.notEqual(of('planted-plain', frees.slice(1)), undefined);
    for (const id of [...plantedIds, ...contextIds])
      assert.throws(() => parseConfiguration(id), { code: 'scenario.configuration' });
  });

  it('compare traces and costs', () => {
    assert.equal(checkRepeat(fakeRun(), fakeRun({ traceHash: 'y' })).ok, false);
    const change = (percent: number) => ({ percent, low: undefined, high: undefined });
    assert.equal(
      checkShape(
        new Map([
          ['melf-75', change(9)],
          ['always', change(5)],
        ]),
      )[0]!.ok,
      false,
    );
    assert.equal(
      checkShape(
        new Map([
          ['melf-75', change(9)],
          ['always', change(90)],
        ]),
      )[0]!.ok,
      true,
    );
  });

  it('configurations: those sanitised of a small share are among those of a larger one; seeds are paired', () => {
    const order = [3, 1, 0, 2];
    assert.deepEqual([...sanitisedConnections(parseConfiguration('melf-50'), order)], [3, 1]);
    assert.deepEqual([...sanitisedConnections(parseConfiguration('melf-75'), order)], [3, 1, 0]);
    assert.throws(() => parseConfiguration('melf-101'), { code: 'scenario.configuration' });
    const runs = [
      fakeRun({ configuration: 'plain', performance: recorded(100e3) }),
      fakeRun({ configuration: 'melf-50', performance: recorded(110e3), sanitised: recorded(200e3) }),
    ];
    const [plain, half] = summarise(groupRuns(['plain', 'melf-50', 'always'], runs));
    assert.ok(Math.abs(plain!.performanceChange.percent!) < 1e-9);
    assert.ok(Math.abs(half!.performanceChange.percent! - 10) < 1e-9);
    assert.ok(Math.abs(half!.sanitisedChange.percent! - 100) < 1e-9);
  });
});
