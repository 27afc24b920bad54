import assert from 'node:assert/strict';
import type { Check } from '../runner/checks.ts';
import { checkRepeat } from '../runner/checks.ts';
import { FunctionTable } from '../runner/symbols.ts';
import { checkRuns, checkShape } from './checks.ts';
import type { RunRecord } from './run-record.ts';
import { fakeRun } from './tests/fake-runs.ts';

const functions = new FunctionTable([
  { name: 'event_handler', address: 0x1000 },
  { name: 'process_command_ascii', address: 0x2000 },
  { name: 'drive_machine', address: 0x3000 },
]);

const profile = 'melf-profile 1\narc 3010 2005 2\narc 1010 3005 3\nlost 0\n';
const watched = [
  { address: 0x2000, entries: 2 },
  { address: 0x3000, entries: 3 },
];
const empty = 'melf-profile 1\nlost 0\n';

const good = {
  plain: () => fakeRun('plain', 1, { performance: [10, 20, 30] }),
  'melf-0': () => fakeRun('melf-0', 1, { performance: [10, 20, 30] }, { profile: empty }),
  'melf-50': (changes: Partial<RunRecord> = {}) =>
    fakeRun('melf-50', 1, { performance: [10], profiled: [20, 30] }, { profile, watched, ...changes }),
};

const check = (...runs: RunRecord[]): Check[] => checkRuns(runs, () => functions);
const failed = (checks: readonly Check[]): string[] =>
  checks.filter(({ ok }) => !ok).map(({ name, detail }) => `${name}: ${detail}`);

describe('checks of the memcached scenario', () => {
  it('hold for good runs', () => {
    const checks = check(good.plain(), good['melf-0'](), good['melf-50']());
    assert.deepEqual(failed(checks), []);
    assert.equal(checks.length, 5);
  });

  const spoilt: [string, RunRecord, RegExp][] = [
    [
      'a wrong reply',
      good['melf-50']({ wrong: ['get of key 3: a miss'], wrongCount: 1 }),
      /reply is right: melf-50, seed 1: 1 wrong \(get of key 3/,
    ],
    ['a bad end', good['melf-50']({ exitCode: 71 }), /ends well: .*71/],
    [
      'one entry more than was counted',
      good['melf-50']({ watched: [watched[0]!, { address: 0x3000, entries: 4 }] }),
      /drive_machine: profile 3, machine 4/,
    ],
    [
      'a function that the profile lacks',
      good['melf-50']({ watched: [...watched, { address: 0x1000, entries: 1 }] }),
      /event_handler: profile 0, machine 1/,
    ],
    [
      'a function that the machine did not see',
      good['melf-50']({ watched: watched.slice(1) }),
      /process_command_ascii: profile 2, machine 0/,
    ],
    ['lost calls', good['melf-50']({ profile: profile.replace('lost 0', 'lost 5') }), /5 calls did not fit/],
    ['a command too many', good['melf-50']({ profiledCommands: 1 }), /2 counted, 1 sent/],
    [
      'counts although nobody is profiled',
      fakeRun('melf-0', 1, { performance: [1] }, { profile, watched, profiledCommands: 2 }),
      /5 calls, 0 switches/,
    ],
    [
      'switches although nobody is profiled',
      fakeRun(
        'melf-0',
        1,
        { performance: [1] },
        { profile: empty, counters: { ...good.plain().counters, switches: 3 } },
      ),
      /0 calls, 3 switches/,
    ],
  ];
  for (const [what, run, message] of spoilt) {
    it(`notice ${what}`, () => {
      const complaints = failed(check(run));
      assert.equal(complaints.length, 1, complaints.join('\n'));
      assert.match(complaints[0]!, message);
    });
  }

  it('compare traces', () => {
    assert.ok(checkRepeat(good.plain(), good.plain()).ok);
    assert.ok(!checkRepeat(good.plain(), { ...good.plain(), traceHash: 'other' }).ok);
  });

  it('compare the order of configurations', () => {
    const change = (percent: number) => ({ percent, low: undefined, high: undefined });
    const shape = (none: number, most: number, always: number): boolean[] =>
      checkShape(
        new Map([
          ['melf-0', change(none)],
          ['melf-75', change(most)],
          ['always', change(always)],
        ]),
      ).map(({ ok }) => ok);
    assert.deepEqual(shape(0.2, 3, 40), [true, true]);
    assert.deepEqual(shape(1.5, 3, 40), [false, true]);
    assert.deepEqual(shape(-1.5, 30, 20), [false, false]);
    assert.deepEqual(checkShape(new Map()), []);
  });
});
