import assert from 'node:assert/strict';
import { readOptions } from './options.ts';
import { buildReport } from './report.ts';
import { drawPlots, reportPage } from './report-page.ts';
import { groupRuns, summarise } from './summary.ts';
import { latencyTable, machineTable } from './tables.ts';
import { fakeRun } from './tests/fake-runs.ts';

const ids = ['plain', 'melf-50', 'melf-100', 'always'];
const runs = [1, 2].flatMap((seed) => [
  fakeRun('plain', seed, { performance: [50e3 * seed, 70e3 * seed] }),
  fakeRun(
    'melf-50',
    seed,
    { performance: [51.5e3 * seed, 72.1e3 * seed], profiled: [90e3 * seed] },
    seed === 1
      ? {
          timeline: {
            from: 0,
            to: 1e6,
            threads: { 7: 'mc-<worker>' },
            slices: [{ tid: 7, cpu: 0, from: 10, to: 5000, view: 1 }],
          },
        }
      : {},
  ),
  fakeRun('melf-100', seed, { profiled: [95e3 * seed] }),
]);

describe('summary of the memcached scenario', () => {
  const groups = groupRuns(ids, runs);
  const results = summarise(groups, 40e3);

  it('has a line for each configuration that ran', () => {
    assert.deepEqual(
      results.map(({ id }) => id),
      ['plain', 'melf-50', 'melf-100'],
    );
  });

  it('compares means seed by seed', () => {
    const [plain, half, all] = results;
    assert.equal(plain?.performance?.mean, 90e3);
    assert.equal(plain?.relativeMeanPercent, 0);
    // 3 % in each seed, though one seed's latencies are twice the other's.
    assert.ok(Math.abs(half!.relativeMeanPercent! - 3) < 1e-9);
    assert.ok(Math.abs(half!.relativeMeanLow! - 3) < 1e-9);
    // Without 40 us of network: 20 instead of 21.8 us in the first seed, 80 instead of 83.6 in the second.
    assert.equal(plain?.serverMean, 50e3);
    assert.ok(Math.abs(half!.relativeServerMeanPercent! - (9 + 4.5) / 2) < 1e-9);
    assert.equal(all?.serverMean, null);
    assert.equal(all?.performance, null);
    assert.equal(all?.relativeMeanPercent, null);
    assert.equal(all?.profiled?.count, 2);
  });

  it('counts per reply and per second', () => {
    assert.equal(results[0]?.throughput, 2000);
    assert.equal(results[0]?.instructionsPerRequest, 5000);
    assert.equal(results[1]?.switches, 1);
  });

  it('makes tables without holes', () => {
    for (const { head, rows } of [latencyTable(results), machineTable(results)]) {
      for (const row of rows) {
        assert.equal(row.length, head.length);
        assert.doesNotMatch(row.join(' '), /NaN|undefined|null/);
      }
    }
    assert.equal(latencyTable(results).rows[1]?.[5], '+3.00 % [+3.00 %, +3.00 %]');
  });

  it('makes a page that needs nothing else', async () => {
    const options = (await readOptions(['--quick']))!;
    const failure = {
      label: 'always, seed 1',
      code: 'x',
      message: 'went <wrong>',
      hint: undefined,
      facts: {},
      stack: 'at secret',
    };
    const report = buildReport({
      options,
      results,
      checks: [{ name: 'a < b', ok: false, detail: 'c & d' }],
      failures: [failure],
      versions: { unicorn: '2.1.4' },
    });
    const page = reportPage(report, await drawPlots(report, groups, runs[1]?.timeline));
    assert.equal(page.match(/<svg/g)?.length, 3);
    assert.doesNotMatch(page, /NaN|undefined|<script|<link|went <wrong>/);
    assert.match(page, /a &lt; b/);
    assert.match(page, /went &lt;wrong&gt;/);
    assert.doesNotMatch(JSON.stringify(report), /at secret/);
    assert.match(report.traceHash, /^[0-9a-f]{32}$/);
  });
});
