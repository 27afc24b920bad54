import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ResultFolder } from './results.ts';

describe('result folders', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'melf-results-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('appear at once, when they are complete', () => {
    const out = join(folder, 'deep', 'run');
    const results = ResultFolder.create('test', 'x', out);
    results.write('report.json', '{}');
    assert.ok(!existsSync(out));
    results.publish();
    assert.equal(readFileSync(join(out, 'report.json'), 'utf8'), '{}');
    assert.deepEqual(readdirSync(join(folder, 'deep')), ['run']);
  });

  it('leave nothing when they are given up', () => {
    const results = ResultFolder.create('test', 'x', join(folder, 'run'));
    results.write('report.json', '{');
    results.discard();
    assert.deepEqual(readdirSync(folder), []);
  });

  it('never replace earlier ones', () => {
    writeFileSync(join(folder, 'report.json'), 'earlier');
    assert.throws(() => ResultFolder.create('test', 'x', folder), /is not empty/);
    assert.equal(readFileSync(join(folder, 'report.json'), 'utf8'), 'earlier');
  });

  it('may be an empty folder that is there already', () => {
    mkdirSync(join(folder, 'run'));
    const results = ResultFolder.create('test', 'x', join(folder, 'run'));
    results.write('a', 'b');
    results.publish();
    assert.deepEqual(readdirSync(join(folder, 'run')), ['a']);
  });

  it('of two runs that meant the same place are both kept', () => {
    const out = join(folder, 'run');
    const [first, second] = ['first', 'second'].map((content) => {
      const results = ResultFolder.create('test', 'x', out);
      results.write('report.json', content);
      return results;
    });
    first!.publish();
    second!.publish();
    assert.equal(readFileSync(join(first!.path, 'report.json'), 'utf8'), 'first');
    assert.equal(readFileSync(join(second!.path, 'report.json'), 'utf8'), 'second');
    assert.notEqual(first!.path, second!.path);
  });

  it('need a place that can be a folder', () => {
    writeFileSync(join(folder, 'file'), '');
    for (const out of ['', join(folder, 'file'), join(folder, 'file', 'below'), '/proc/nowhere/run'])
      assert.throws(() => ResultFolder.create('test', 'x', out), { code: 'results.place' });
  });
});
