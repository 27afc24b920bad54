import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readMelf } from '../../linker/melf-reader.ts';
import { ensureEngine } from '../../setup/engine.ts';
import { projectRoot } from '../../setup/project.ts';
import { ensureExecutables } from './executable.ts';
import { defaultLoad } from './load.ts';
import type { Report } from './report.ts';
import { run } from './run.ts';
import type { RunInput } from './run-record.ts';

/** Long enough for some hundred requests. */
const load = { ...defaultLoad, warmUp: 0.2e6, window: 2e6 };

const input = async (configuration: string, changes: Partial<RunInput> = {}): Promise<RunInput> => {
  const form = configuration.startsWith('melf') ? 'melf' : 'plain';
  return {
    configuration,
    executable: (await ensureExecutables('x86-64', [form])).paths[form]!,
    seed: 3,
    load,
    machine: {
      isa: 'x86-64',
      description: 'uniform-4',
      costModel: 'inorder',
      coherence: true,
      networkLatency: 20e3,
      threads: 4,
    },
    recording: false,
    trace: undefined,
    ...changes,
  };
};

describe('the memcached scenario', function () {
  // The first time it builds memcached.
  this.timeout(600_000);
  let folder: string;
  before(async () => {
    await ensureEngine();
    folder = mkdtempSync(join(tmpdir(), 'melf-scenario-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const scenario = (...args: string[]) =>
    spawnSync(process.execPath, ['--import', 'tsx', 'cli/main.ts', 'scenario', 'memcached-profiling', ...args], {
      cwd: projectRoot,
      encoding: 'utf8',
    });

  it('profiles half of the clients, exactly', () => {
    const out = join(folder, 'half');
    const { status, stdout, stderr } = scenario(
      ...['--quick', '--configurations', 'plain,melf-50', '--window', '2ms', '--out', out, '--json'],
    );
    assert.equal(status, 0, stderr);
    const report = JSON.parse(stdout) as Report;
    assert.deepEqual(report, JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')));
    for (const check of report.checks) assert.ok(check.ok, `${check.name}: ${check.detail}`);
    assert.ok(report.checks.length >= 6);
    const [plain, half] = report.results;
    assert.equal(plain?.switches, 0);
    assert.ok(half!.switches > 50);
    assert.ok(half!.profiled!.count > 100 && half!.performance!.count > 100);
    const { melf } = readMelf(readFileSync(join(out, 'memcached')));
    assert.deepEqual(
      melf?.variants.map(({ name }) => name),
      ['fast', 'prof'],
    );
    assert.match(readFileSync(join(out, 'profile-melf-50.txt'), 'utf8'), /process_command_ascii/);
    const trace = JSON.parse(readFileSync(join(out, 'trace.json'), 'utf8')) as { traceEvents: unknown[] };
    assert.ok(trace.traceEvents.length > 100);
    assert.deepEqual(
      readdirSync(out)
        .filter((name) => name.endsWith('.svg'))
        .sort(),
      ['distribution.svg', 'share.svg', 'timeline.svg'],
    );
  });

  it('does the same whether it is watched or not, and something else with another seed', async () => {
    const hash = async (changes: Partial<RunInput>): Promise<string> =>
      (await run(await input('melf-50', changes))).traceHash;
    const trace = join(folder, 'trace.json');
    const [first, watched, other] = [await hash({}), await hash({ recording: true, trace }), await hash({ seed: 4 })];
    assert.equal(first, watched);
    assert.notEqual(first, other);
    assert.ok(existsSync(trace));
  });

  it('names a run that fails, and leaves no results when all do', () => {
    const out = join(folder, 'none');
    // A connection would take longer than clients wait for a server to listen.
    const { status, stderr } = scenario(
      ...['--quick', '--configurations', 'plain', '--window', '1ms', '--latency', '10s', '--out', out],
    );
    assert.equal(status, 1);
    assert.match(stderr, /Not one run came to its end: plain, seed 1/);
    assert.doesNotMatch(stderr, /\n\s+at /);
    assert.ok(!existsSync(out));
  });
});
