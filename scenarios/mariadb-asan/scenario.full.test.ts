// The whole scenario and the server for ordinary clients. MariaDB's build takes long: only with MELF_TEST_MARIADB=1, or for one instruction
// set with its name in the place of 1.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { skipBecause } from '../../base/tests/skip.ts';
import { describePlace, SwitchSafety, type UnsafeReport } from '../../overlay/safety/switch-safety.ts';
import { ensureEngine } from '../../setup/engine.ts';
import { projectRoot } from '../../setup/project.ts';
import type { Isa } from '../../setup/toolchain.ts';
import { ensureCommandLineClient } from './command-line-client.ts';
import { configurationOfRun, contextIds } from './configurations.ts';
import { ensureExecutables } from './executable.ts';
import { checkedOnlyLoad, defaultLoad } from './load.ts';
import { run } from './run.ts';

const cli = [
  process.execPath,
  '--import',
  'tsx',
  join(projectRoot, 'cli/main.ts'),
  'scenario',
  'mariadb-asan',
] as const;
const port = 33917;
/** Words that no frame explains are left out: buffers on the stack that were not filled hold return addresses of earlier calls. */
const unsafeFrames = ({ places }: UnsafeReport): string[] =>
  places.filter(({ found }) => found !== 'word').map(describePlace);

const asked = process.env.MELF_TEST_MARIADB;

for (const isa of ['x86-64', 'aarch64'] as const)
  describe(`the MariaDB scenario, ${isa}`, function () {
    // The first hook may have to build it.
    this.timeout(7_200_000);
    describeOn(isa);
  });

function describeOn(isa: Isa): void {
  before(function () {
    if (asked !== '1' && asked !== isa)
      skipBecause(this, `MELF_TEST_MARIADB is neither 1 nor ${isa}, without which nothing builds MariaDB`);
    return ensureExecutables(isa);
  });

  it('has every check hold', () => {
    const folder = mkdtempSync(join(tmpdir(), 'mariadb-asan-'));
    try {
      const [node, ...words] = [...cli, '--isa', isa, '--quick', '--json', '--out', join(folder, 'results')];
      const { stdout, stderr, status } = spawnSync(node, words, { encoding: 'utf8', cwd: projectRoot });
      assert.equal(status, 0, stderr);
      const report = JSON.parse(stdout) as { checks: { ok: boolean }[]; results: { id: string }[] };
      assert.ok(report.checks.length >= 10 && report.checks.every(({ ok }) => ok));
      assert.equal(report.results.length, 8);
      const text = readFileSync(join(folder, 'results/planted-report.txt'), 'utf8');
      assert.match(text, /ERROR: heap-[\s\S]* variant asan[\s\S]* in melf_plant_/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('switches only where no frame of a multivariant function is on the stack, in a pool and by command', async () => {
    await ensureEngine();
    const { paths, files } = await ensureExecutables(isa);
    for (const id of contextIds) {
      let safety: SwitchSafety | undefined;
      const { pool } = configurationOfRun(id);
      const record = await run(
        {
          configuration: id,
          executable: paths.melf,
          files,
          seed: 1,
          load: checkedOnlyLoad(defaultLoad),
          machine: {
            isa,
            description: 'uniform-4',
            costModel: 'inorder',
            networkLatency: 20e3,
            threads: pool === undefined ? 'one-per-connection' : { groups: pool },
          },
          trace: undefined,
        },
        (server, file) => {
          safety = new SwitchSafety(file, 'warn');
          safety.watch(server);
        },
      );
      assert.deepEqual(safety?.reports.flatMap(unsafeFrames), [], id);
      // Each stack is unwound down to the thread's start.
      assert.ok(safety.framesWalked > 4 * safety.checks, `${safety.framesWalked} frames`);
      assert.ok(safety.checks >= record.switches && record.switches > 4, `${safety.checks} of ${record.switches}`);
    }
  });

  const serves = async (flags: readonly string[]): Promise<void> => {
    const client = await ensureCommandLineClient();
    const [node, ...words] = [...cli, '--isa', isa, '--publish', String(port), ...flags];
    const server: ChildProcess = spawn(node, words, { cwd: projectRoot, stdio: ['ignore', 'ignore', 'pipe'] });
    let output = '';
    server.stderr!.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    const ask = (user: string, sql: string): { status: number | null; stdout: string; stderr: string } =>
      spawnSync(client, ['--no-defaults', '-h', '127.0.0.1', '-P', String(port), '-u', user, '-N', '-e', sql], {
        encoding: 'utf8',
      });
    try {
      while (ask('plain', 'SELECT 1').status !== 0) {
        assert.equal(server.exitCode, null, output);
        await pause(500);
      }
      const make = 'CREATE DATABASE shop; CREATE TABLE shop.things (id INT PRIMARY KEY, name VARCHAR(30));';
      assert.equal(ask('plain', `${make} INSERT INTO shop.things VALUES (1, 'one'), (2, 'two')`).stderr, '');
      const read = 'SELECT MELF_VARIANT(), id, name FROM shop.things ORDER BY id';
      assert.equal(ask('plain', read).stdout, 'plain\t1\tone\nplain\t2\ttwo\n');
      assert.equal(ask('asan', read).stdout, 'asan\t1\tone\nasan\t2\ttwo\n');
      const variant = 'SELECT MELF_VARIANT()';
      const byCommand = ['ON', 'OFF', 'USER'].map((value) => `SET melf_sanitize=${value}; ${variant}`).join(';');
      assert.equal(ask('plain', `${variant};${byCommand}`).stdout, 'plain\nasan\nplain\nplain\n');
      assert.equal(ask('asan', `${variant};${byCommand}`).stdout, 'asan\nasan\nplain\nasan\n');
      assert.equal(ask('plain', "SELECT MELF_PLANT('use-after-free')").stdout, 'use-after-free\n');
      assert.doesNotMatch(output, /ERROR: heap/);
      assert.equal(ask('asan', "SELECT MELF_PLANT('use-after-free')").stdout, 'use-after-free\n');
      await pause(500);
      assert.match(output, /heap-use-after-free[\s\S]*variant asan[\s\S]*melf_plant_use_after_free/);
      assert.equal(ask('plain', 'SHUTDOWN').status, 0);
      if (server.exitCode === null) await once(server, 'exit');
      assert.equal(server.exitCode, 0, output);
    } finally {
      server.kill();
    }
  };

  const what = 'a table made, filled and read back, sanitised and plain, by user and by command';
  it(`serves the ordinary client by a thread for each connection: ${what}`, () => serves([]));
  it(`serves the ordinary client by a pool of threads: ${what}`, () => serves(['--pool', '2']));
}
