import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Results } from './report.ts';
import { main } from './scenario.ts';

describe('scenario view-costs, as a command', function () {
  // About four minutes of CPU time, and 1.7 GiB for each of the largest runs.
  this.timeout(1_800_000);

  async function runScenario(...argv: string[]): Promise<Record<string, Results>> {
    const folder = mkdtempSync(join(tmpdir(), 'view-costs-'));
    try {
      assert.equal(await main([...argv, '--out', join(folder, 'results')]), 0);
      const report = readFileSync(join(folder, 'results/report.json'), 'utf8');
      return (JSON.parse(report) as { results: Record<string, Results> }).results;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  it('runs as a scenario (quick, both ISAs)', async () => {
    const { aarch64 } = await runScenario('--quick', '--isa', 'both');
    assert.equal(aarch64!.bySize.length, 8);
  });

  it('runs at its full size: 1 MiB to 4 GiB, 2 to 256 views', async () => {
    const own = (await runScenario())['x86-64']!;
    const largest = (records: Results['grid'], model: string) => {
      const { mappedMib, views } = records.filter((one) => one.model === model).at(-1)!;
      return [mappedMib, views + 1];
    };
    for (const model of ['subtree', 'mmview-5.15']) {
      assert.deepEqual(largest(own.grid, model), [4096, 256], model);
      assert.deepEqual(largest(own.byViews, model), [16, 256], model);
    }
  });
});
