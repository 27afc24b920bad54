import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { conduct, type Findings } from './experiment.ts';

describe('conducting an experiment', () => {
  let folder: string;
  let stderr: string;
  const write = process.stderr.write;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'melf-experiment-'));
    stderr = '';
    process.stderr.write = ((text: string) => {
      stderr += text;
      return true;
    }) as typeof process.stderr.write;
  });
  afterEach(() => {
    process.stderr.write = write;
    rmSync(folder, { recursive: true });
  });

  const findings = (ok: boolean): Findings => ({
    report: { scenario: 'demo', checks: [{ name: 'it is so', ok, detail: '3 of 4' }] },
    page: '<p>page</p>',
    summary: ['the table'],
    caveat: 'Mind the model.',
  });
  const experiment = () => ({ name: 'demo', label: 'x', out: join(folder, 'out'), json: false });

  it('publishes the report, the page and what the measurement wrote, and shows what came out', async () => {
    const code = await conduct(experiment(), async (results) => {
      results.write('plot.svg', '<svg/>');
      return findings(true);
    });
    assert.equal(code, 0);
    assert.deepEqual(readdirSync(join(folder, 'out')).sort(), ['plot.svg', 'report.html', 'report.json']);
    assert.deepEqual(JSON.parse(readFileSync(join(folder, 'out/report.json'), 'utf8')), findings(true).report);
    assert.match(stderr, /the table\n.*✓ it is so\n.*Mind the model\.\n.*results in/s);
  });

  it('ends with 1 when a check does not hold, with its results and the reason', async () => {
    assert.equal(await conduct(experiment(), async () => findings(false)), 1);
    assert.ok(existsSync(join(folder, 'out/report.json')));
    assert.match(stderr, /✗ it is so — 3 of 4/);
  });

  it('leaves nothing when the measurement fails', async () => {
    const failing = conduct(experiment(), () => Promise.reject(new Error('no engine')));
    await assert.rejects(failing, /no engine/);
    assert.deepEqual(readdirSync(folder), []);
  });
});
