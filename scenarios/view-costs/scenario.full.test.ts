import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Results } from './report.ts';
import { main } from './scenario.ts';

describe('scenario view-costs, as a command', function () {
  this.timeout(600_000);

  it('runs as a scenario (quick, both ISAs)', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'view-costs-'));
    try {
      assert.equal(await main(['--quick', '--isa', 'both', '--out', join(folder, 'results')]), 0);
      const report = JSON.parse(readFileSync(join(folder, 'results/report.json'), 'utf8')) as {
        results: Record<string, Results>;
      };
      assert.equal(report.results.aarch64!.bySize.length, 8);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
