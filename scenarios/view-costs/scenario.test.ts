import assert from 'node:assert/strict';
import { viewModelNames } from '../../emulator/timing/kernel-costs.ts';
import { ensureEngine } from '../../setup/engine.ts';
import { publishedCreate } from './published.ts';
import { checksOf, costsPage, gridTable, type Results, sizeTable, viewsTable } from './report.ts';
import { type RunRecord, run, type Setting } from './run.ts';
import { measureSafety, safetyChecks } from './safety.ts';
import { ensureProgram } from './scenario.ts';

describe('scenario view-costs', function () {
  this.timeout(600_000);
  let executable: string;
  let results: Results;
  const standard = { isa: 'x86-64', mappedMib: 2, touchedMib: 2, views: 1, others: 0, spread: false } as const;

  before(async () => {
    await ensureEngine();
    executable = await ensureProgram('x86-64');
    const runs = async (settings: readonly Omit<Setting, 'model'>[]): Promise<RunRecord[]> => {
      const records: RunRecord[] = [];
      for (const model of viewModelNames)
        for (const setting of settings) records.push(await run({ ...setting, model, executable }));
      return records;
    };
    results = {
      bySize: await runs([standard, { ...standard, mappedMib: 16, touchedMib: 16 }, { ...standard, mappedMib: 2048 }]),
      byViews: await runs([standard, { ...standard, views: 8 }]),
      byOthers: await runs([standard, { ...standard, others: 3 }, { ...standard, others: 3, views: 3, spread: true }]),
      grid: await runs([
        { ...standard, views: 8 },
        { ...standard, mappedMib: 16, touchedMib: 16, views: 40 },
      ]),
      safety: await measureSafety('x86-64'),
    };
  });

  it('finds the shapes: constant with shared tables, linear in the paper’s kernel', () => {
    assert.deepEqual(
      checksOf(results).filter(({ ok }) => !ok),
      [],
    );
  });

  it('counts page tables as they are: one for each 2 MiB, and those on the way', () => {
    const [small, large, reserved] = results.bySize.filter(({ model }) => model === 'mmview-5.15');
    assert.equal(large!.bytesPerView - small!.bytesPerView, 7 * 4096);
    assert.equal(reserved!.bytesPerView, small!.bytesPerView, 'what is mapped but not touched has no tables');
  });

  it('has rows for one view and for each combination of size and number', () => {
    const [one, two] = viewsTable(results).rows;
    assert.deepEqual([one![0], two![0]], ['1', '2']);
    assert.ok(
      one!.slice(5, 7).every((text) => text.endsWith('ns')),
      one!.join(),
    );
    const rows = gridTable(results).rows.map((row) => row.slice(0, 3).join());
    assert.deepEqual(
      rows,
      ['2 MiB,9', '16 MiB,41'].flatMap((row) => viewModelNames.map((model) => `${row},${model}`)),
    );
    const [subtree, theirs] = gridTable(results).rows.slice(2);
    assert.notEqual(subtree!.at(-1), theirs!.at(-1), 'memory of a view');
  });

  it('gives the same figures again', async () => {
    const [first] = results.byViews;
    assert.deepEqual(await run({ ...standard, model: 'subtree', executable }), first);
  });

  it('creates and switches views on AArch64 as it does on x86-64', async () => {
    const record = await run({
      ...standard,
      isa: 'aarch64',
      model: 'subtree',
      executable: await ensureProgram('aarch64'),
    });
    assert.ok(record.costs.create.cycles > record.costs.switch.cycles);
    assert.equal(record.bytesPerView, results.bySize[0]!.bytesPerView);
    assert.deepEqual(
      safetyChecks(await measureSafety('aarch64')).filter(({ ok }) => !ok),
      [],
    );
  });

  it('scales the published line by entries', () => {
    assert.ok(Math.abs(publishedCreate(1) - 8300) < 200, '8 us for a MiB');
    assert.equal(publishedCreate(64), 64 * publishedCreate(1));
  });

  it('has a page with every table', async () => {
    const page = await costsPage([{ isa: 'x86-64', own: results }], checksOf(results));
    for (const text of [sizeTable(results).rows[0]![1]!, 'Fruth', '<svg', 'MIGRATE', 'strict'])
      assert.ok(page.includes(text), text);
  });
});
