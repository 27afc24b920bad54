// The command that shows the scenario, with nothing left out.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../../setup/project.ts';
import { checkNames, isaCheckNames, ofIsa } from './check-names.ts';
import type { Report } from './report.ts';

describe('npm run scenario hetero-pool -- --isa both --quick --json', function () {
  this.timeout(1_800_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'melf-pool-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('makes every check, and each holds', () => {
    const argv = ['setup/start.mjs', 'scenario', 'hetero-pool', '--isa', 'both', '--quick', '--json'];
    const text = execFileSync(process.execPath, [...argv, '--out', join(folder, 'results')], {
      cwd: projectRoot,
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const report = JSON.parse(text) as Report;
    const names = [
      ...Object.values(checkNames),
      ...['x86-64', 'aarch64'].flatMap((isa) => Object.values(isaCheckNames).map((name) => ofIsa(name, isa))),
      'no run failed',
    ];
    assert.deepEqual(report.checks.map(({ name }) => name).sort(), names.sort());
    assert.deepEqual(
      report.checks.filter(({ ok }) => !ok),
      [],
    );
    assert.deepEqual(report.checksLeftOut, []);
  });
});
