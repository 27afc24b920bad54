import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runJobs } from './jobs.ts';

describe('runs in child processes', function () {
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
        if (input === 'hoard') globalThis.hoard = Buffer.alloc(600 * 2 ** 20, 1);
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
    assert.ok(outcomes.every((outcome) => !('output' in outcome) || outcome.output.pid !== process.pid));
  });

  const pids = async (inputs: readonly string[], width: number): Promise<(number | undefined)[]> => {
    const jobs = inputs.map((input) => ({ label: input, input }));
    const outcomes = await runJobs<string, { pid: number }>(join(folder, 'job.mjs'), jobs, width);
    return outcomes.map((outcome) => ('output' in outcome ? outcome.output.pid : undefined));
  };

  it('come one after the other in a process, until one fails there', async () => {
    const [a, b, failed, c] = await pids(['a', 'b', 'throw', 'c'], 1);
    assert.equal(a, b);
    assert.equal(failed, undefined);
    assert.notEqual(c, a);
  });

  it('leave no process that holds much', async () => {
    const [a, b, c] = await pids(['hoard', 'a', 'b'], 1);
    assert.notEqual(a, b);
    assert.equal(b, c);
  });
});
