import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runJobs } from './jobs.ts';

describe('runs in processes of their own', function () {
  this.timeout(60_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'melf-jobs-'));
    writeFileSync(
      join(folder, 'job.mjs'),
      `export async function run(input) {
        if (input === 'throw') throw Object.assign(new Error('went wrong'), {});
        if (input === 'die') { process.stderr.write('last words'); process.exit(3); }
        if (input === 'kill') process.kill(process.pid, 'SIGKILL');
        return { input, pid: process.pid };
      }`,
    );
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('give their results in order, and one that fails costs no other', async () => {
    const inputs = ['a', 'throw', 'b', 'die', 'kill', 'c'];
    const jobs = inputs.map((input) => ({ label: input, input }));
    const outcomes = await runJobs<string, { input: string; pid: number }>(join(folder, 'job.mjs'), jobs, 2);
    const output = (index: number): string | undefined => {
      const outcome = outcomes[index]!;
      return 'output' in outcome ? outcome.output.input : undefined;
    };
    assert.deepEqual([output(0), output(2), output(5)], ['a', 'b', 'c']);
    const failures = outcomes.flatMap((outcome) => ('failure' in outcome ? [outcome.failure] : []));
    assert.deepEqual(
      failures.map(({ label }) => label),
      ['throw', 'die', 'kill'],
    );
    assert.match(failures[0]!.message, /went wrong/);
    assert.match(failures[1]!.message, /exit code 3/);
    assert.equal(failures[1]!.facts.output, 'last words');
    assert.match(failures[2]!.message, /SIGKILL/);
    const pids = new Set(outcomes.flatMap((outcome) => ('output' in outcome ? [outcome.output.pid] : [])));
    assert.equal(pids.size, 3);
    assert.ok(!pids.has(process.pid));
  });
});
