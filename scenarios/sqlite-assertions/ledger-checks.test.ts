import assert from 'node:assert/strict';
import { checkLedgers, summariseLedgers } from './ledger-checks.ts';
import { ledgerModes } from './ledger-modes.ts';
import type { LedgerRecord, PowerFailure } from './run-record.ts';

const run = (mode: string, ...failures: PowerFailure[]): LedgerRecord => ({
  program: 'ledger',
  mode,
  seed: 1,
  failures,
  transactions: 100,
  switches: 100,
  time: 20e6,
  unimplemented: {},
  hostSeconds: 1,
});
const found = (committed: number, last: number, damage?: string): PowerFailure => ({
  committed,
  found: { last, damage },
});
const verdicts = (...runs: LedgerRecord[]): boolean[] => checkLedgers(runs).map(({ ok }) => ok);

describe('checks of the ledger', () => {
  it('take a database with all that was committed, and one transaction more at most', () => {
    for (const { id, sound } of ledgerModes.filter((mode) => mode.sound)) {
      assert.ok(sound);
      assert.deepEqual(verdicts(run(id, found(7, 7), found(9, 10))), [true], id);
      assert.deepEqual(verdicts(run(id, found(9, 11))), [false], id);
    }
  });

  it('allow to lose what the mode does not promise, and nothing else', () => {
    const allowed = { 'wal-full': 0, 'delete-extra': 0, 'truncate-full': 0, 'delete-full': 1, 'wal-normal': 50 };
    for (const [id, most] of Object.entries(allowed)) {
      assert.deepEqual(verdicts(run(id, found(60, 60 - most))), [true], id);
      if (most < 50) assert.deepEqual(verdicts(run(id, found(60, 59 - most))), [false], id);
    }
  });

  it('refuse a damaged database but where nothing was synced', () => {
    for (const { id, sound } of ledgerModes)
      assert.equal(verdicts(run(id, found(7, 0, 'row missing from index')))[0], !sound, id);
  });

  it('want power failures that bite', () => {
    assert.deepEqual(verdicts(run('delete-off', found(7, 7), found(8, 8))), [true, false]);
    assert.deepEqual(verdicts(run('delete-off', found(7, 7), found(8, 3))), [true, true]);
    assert.deepEqual(verdicts(run('delete-off', found(7, 0, 'not a database'))), [true, true]);
    assert.deepEqual(checkLedgers([]), []);
  });

  it('are about sums over all runs of a mode', () => {
    const runs = [
      run('wal-normal', found(7, 5), found(8, 8)),
      run('wal-normal', found(9, 0)),
      run('wal-full', found(1, 1)),
    ];
    const [full, normal] = summariseLedgers(runs);
    assert.deepEqual(full, {
      mode: 'wal-full',
      failures: 1,
      damaged: 0,
      losing: 0,
      mostLost: 0,
      transactions: 100,
      rate: 5,
    });
    assert.deepEqual(normal, {
      mode: 'wal-normal',
      failures: 3,
      damaged: 0,
      losing: 2,
      mostLost: 9,
      transactions: 200,
      rate: 5,
    });
  });
});
