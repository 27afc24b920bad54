import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureEngine } from '../../setup/engine.ts';
import { buildNames } from './builds.ts';
import { type Lesson, teach } from './lesson.ts';
import { costTable, sideBySide } from './pages.ts';
import { main } from './scenario.ts';

describe('scenario validate-query', function () {
  this.timeout(600_000);
  let lesson: Lesson;
  before(async () => {
    await ensureEngine();
    lesson = await teach('x86-64', 2, 16);
  });

  it('finds what it teaches', () => {
    assert.deepEqual(
      lesson.checks.filter(({ ok }) => !ok),
      [],
    );
    const of = Object.fromEntries(lesson.results.map((one) => [one.build, one]));
    assert.ok(of.if!.performance.instructions > of.plain!.performance.instructions);
    assert.ok(of.always!.performance.instructions > of.if!.performance.instructions);
    assert.equal(of.melf!.codeBytes.length, 2);
    assert.ok(of.if!.changedLines > 6, 'a check in each of six functions, and the client handed down');
  });

  it('counts instructions that do not depend on how many calls are made', async () => {
    const more = await teach('x86-64', 2, 64);
    for (const [index, { build, performance, profiled }] of more.results.entries()) {
      assert.equal(performance.instructions, lesson.results[index]!.performance.instructions, build);
      assert.equal(profiled.instructions, lesson.results[index]!.profiled.instructions, build);
    }
  });

  it('teaches the same on AArch64', async () => {
    const other = await teach('aarch64', 2, 16);
    assert.deepEqual(
      other.checks.filter(({ ok }) => !ok),
      [],
    );
    const text = sideBySide(other.code, 'validate_query', ['plain', 'melf prof']);
    assert.match(text, /bl parse_params/);
    assert.match(text, /│ .*bl _mcount/);
  });

  it('shows the code side by side and a row for each program', () => {
    const text = sideBySide(lesson.code, 'validate_query', ['plain', 'melf prof']);
    assert.match(text, /call parse_params +│ .*/);
    assert.match(text.split('\n')[2]!, /│ call __fentry__/);
    assert.equal(costTable(lesson).rows.length, buildNames.length);
  });

  it('writes its results, the same each time', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'validate-query-'));
    try {
      const report = async (name: string): Promise<string> => {
        assert.equal(await main(['--calls', '16', '--out', join(folder, name)]), 0);
        assert.match(readFileSync(join(folder, name, 'report.html'), 'utf8'), /__fentry__/);
        return readFileSync(join(folder, name, 'report.json'), 'utf8');
      };
      assert.equal(await report('a'), await report('b'));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
