import assert from 'node:assert/strict';
import { checkRepeat } from '../runner/checks.ts';
import { Latencies } from '../runner/latency.ts';
import { checkRuns, checkShape, isReportOf, wrongReports } from './checks.ts';
import { parseConfiguration, sanitisedConnections } from './configurations.ts';
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
  wrong: [],
  wrongCount: 0,
  errors: [],
  firstReport: undefined,
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

const reportOf = ({ kind, access, function: maker, isFreed }: Plant, variant = 'asan'): FoundError => ({
  kind,
  access,
  variant,
  thread: 1,
  stack: [`${maker}+0x4`, 'plant+0x1', '_Z16dispatch_command19enum_server_commandP3THDPcjb+0x10'],
  allocation: ['melf_plant_allocate+0x8'],
  freed: isFreed ? ['melf_plant_free+0x8'] : [],
});

const failing = (runs: RunRecord[]): string[] =>
  checkRuns(runs)
    .filter(({ ok }) => !ok)
    .map(({ name }) => name);

describe('checks of the MariaDB scenario', () => {
  const planted = (errors: FoundError[], connections = 2): RunRecord =>
    fakeRun({
      configuration: 'planted',
      errors,
      planted: { plain: plants.length, sanitised: connections * plants.length },
    });
  const all = [...plants, ...plants].map((one) => reportOf(one));

  it('hold for right runs', () => {
    assert.deepEqual(failing([fakeRun(), fakeRun({ configuration: 'plain' }), planted(all)]), []);
  });

  it('see wrong answers, a bad end, a false report, a switch', () => {
    const run = fakeRun({
      wrongCount: 1,
      wrong: ['x'],
      exitCode: 2,
      errors: [all[0]!],
      counters: { ...fakeRun().counters, switches: 1 },
    });
    assert.equal(failing([run]).length, 4);
  });

  it('see each planted mistake that is missing, reported elsewhere, or reported with another stack', () => {
    assert.equal(wrongReports(planted(all)), undefined);
    for (let one = 0; one < all.length; one++) assert.notEqual(wrongReports(planted(all.toSpliced(one, 1))), undefined);
    assert.match(wrongReports(planted([...all, reportOf(plants[0]!, 'plain')]))!, /variant plain/);
    assert.notEqual(wrongReports(planted([...all, all[0]!])), undefined);
    const other = { ...all[0]!, stack: ['somewhere+0x1', ...all[0]!.stack.slice(1)] };
    assert.notEqual(wrongReports(planted([other, ...all.slice(1)])), undefined);
    assert.notEqual(wrongReports(planted([], 0)), undefined);
    for (const plant of plants)
      for (const error of all) assert.equal(isReportOf(plant, error), error.stack[0] === `${plant.function}+0x4`);
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
