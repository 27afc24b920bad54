import assert from 'node:assert/strict';
import { MelfError } from '../base/errors.ts';
import { main, notMeasured } from './main.ts';
import { runHost } from './measure.ts';
import { judged, median } from './row.ts';

describe('bench', () => {
  it('judges the ratio where there is a peer, else the figure itself', () => {
    const base = { what: 'x', unit: 's' };
    assert.equal(judged('migrate', { ...base, ours: 4.9, below: 5 }).ok, true);
    assert.equal(judged('migrate', { ...base, ours: 5, below: 5 }).ok, false);
    assert.equal(judged('view-create', { ...base, ours: 9, peer: 8, ratio: 1.125, below: 1.2 }).ok, true);
    assert.equal(judged('guest-x86-64-plain', { ...base, ours: 1e9, peer: 2e9, ratio: 0.5, atLeast: 0.7 }).ok, false);
    const { bound, peer, ratio, ok } = judged('guest-x86-64-stock', { ...base, ours: 1 });
    assert.deepEqual({ bound, peer, ratio, ok }, { bound: null, peer: null, ratio: null, ok: true });
  });

  it('takes the median', () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 2, 3]), 2.5);
  });

  it('measures the CPU time of a host process, and refuses one that fails', () => {
    const { cpu, output } = runHost(['sh', '-c', 'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo $i']);
    assert.equal(output, '100000\n');
    assert.ok(cpu > 0 && cpu < 20);
    assert.throws(() => runHost(['false']), MelfError);
  });

  it('tells the rows that were asked for and are not measured', () => {
    const row = judged('migrate', { what: 'x', unit: 's', ours: 1 });
    assert.deepEqual(notMeasured(new Set(['migrate', 'mariadb-start', 'link-mariadb']), [row]), [
      'mariadb-start',
      'link-mariadb',
    ]);
    assert.deepEqual(notMeasured(new Set(['migrate']), [row]), []);
  });

  it('refuses an unknown row', async () => {
    await assert.rejects(main(['--only', 'guest-riscv']), { code: 'bench.unknown-row' });
  });
});
