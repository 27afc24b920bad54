// The scenario end to end, on little: every configuration on both ISAs.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../../setup/project.ts';
import { isaCheckNames } from './check-names.ts';
import { ensureExecutables } from './executable.ts';
import type { Report } from './report.ts';

describe('npm run scenario hetero-pool', function () {
  this.timeout(300_000);
  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'melf-pool-'));
    for (const isa of ['x86-64', 'aarch64'] as const) await ensureExecutables(isa);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('runs every configuration with every check ok, and says what it did', () => {
    const out = join(folder, 'results');
    const load = ['--mixes', '1:1', '--ratios', '2:2', '--count', '24', '--job-time', '100us'];
    const argv = [
      'setup/start.mjs',
      'scenario',
      'hetero-pool',
      '--quick',
      '--isa',
      'both',
      '--json',
      '--out',
      out,
      ...load,
    ];
    const text = execFileSync(process.execPath, argv, {
      cwd: projectRoot,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const report = JSON.parse(text) as Report;
    assert.deepEqual(
      report.checks.filter(({ ok }) => !ok),
      [],
    );
    // What the slides claim needs jobs that are longer: the full test.
    assert.deepEqual(report.checksLeftOut.length, 2 * Object.keys(isaCheckNames).length);
    assert.equal(report.results.length, 20);
    assert.deepEqual(
      report.results.filter(({ makespan }) => makespan === null).map(({ id, isa }) => `${isa} ${id}`),
      ['x86-64', 'aarch64'].flatMap((isa) => [`${isa} ext-everywhere`, `${isa} ifunc-extended`]),
    );
    for (const { table } of report.isas) {
      assert.ok(Math.abs(table.fPlain / table.fExtended - 1) < 0.02);
      assert.ok(table.mExtended < table.mPlain * 0.8);
    }
    assert.deepEqual(JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')), report);
    const page = readFileSync(join(out, 'report.html'), 'utf8');
    assert.ok(page.includes('<svg') && page.includes('57.9') && page.includes('sse4_1') && page.includes('asimddp'));
    assert.ok(page.includes('Not checked'));
    assert.ok(existsSync(join(out, 'trace-aarch64-melf-aware.json')));
  });
});
