import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { skipBecause } from '../../base/tests/skip.ts';
import { readMelf } from '../../linker/melf-reader.ts';
import { describePlace, SwitchSafety } from '../../overlay/safety/switch-safety.ts';
import { ensureEngine } from '../../setup/engine.ts';
import { projectRoot } from '../../setup/project.ts';
import { type Executables, ensureExecutables } from './executable.ts';
import type { Report } from './report.ts';
import { run } from './run.ts';
import type { RunInput, ServiceRecord } from './run-record.ts';

for (const isa of ['x86-64', 'aarch64'] as const) {
  describe(`the SQLite scenario (${isa})`, function () {
    // The first time it compiles SQLite three times.
    this.timeout(1_200_000);
    let folder: string;
    let executables: Executables;
    before(async () => {
      await ensureEngine();
      executables = await ensureExecutables(isa);
      folder = mkdtempSync(join(tmpdir(), 'melf-sqlite-'));
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    it('has a linker that takes the assert-only pair and refuses the one whose structs differ', () => {
      const { melf } = readMelf(readFileSync(executables.paths.service.melf));
      assert.deepEqual(
        melf?.variants.map(({ name }) => name),
        ['noassert', 'assert'],
      );
      const functions = new Set(melf?.functions.map(({ name }) => name));
      for (const name of ['sqlite3_step', 'sqlite3VdbeExec', 'pager_write']) assert.ok(functions.has(name), name);
      // The programs and libc are common code: they are on the stack at a switch.
      for (const name of ['main', 'serve', 'session_serve', 'session_step', 'execute', 'memcpy'])
        assert.ok(!functions.has(name), name);
      assert.ok(executables.refusal.refused);
      assert.match(executables.refusal.message, /disagree about sqlite3Config: \d+ bytes against \d+/);
    });

    it('runs natively in both variants with the same verification hash', function () {
      if (process.arch !== 'x64' || isa !== 'x86-64')
        skipBecause(this, `this machine does not execute ${isa} programs`);
      const hashes = ['noassert', 'assert'].map((variant) => {
        const { status, stdout } = spawnSync(
          executables.paths.speedtest1.melf,
          ['--size', '1', '--verify', ':memory:'],
          {
            encoding: 'utf8',
            env: { MELF_VARIANT: variant },
          },
        );
        assert.equal(status, 0);
        return /Verification Hash: (.+)/.exec(stdout)?.[1];
      });
      assert.ok(hashes[0] !== undefined && hashes[0] === hashes[1]);
    });

    const serviceInput = (configuration: string, seed = 3): RunInput => ({
      program: 'service',
      configuration,
      executable: executables.paths.service.melf,
      seed,
      load: { clients: 4, statements: 16, think: 50e3 },
      machine: { isa, description: 'uniform-4', costModel: 'inorder', networkLatency: 20e3 },
    });
    const service = async (configuration: string, seed?: number): Promise<ServiceRecord> =>
      (await run(serviceInput(configuration, seed))) as ServiceRecord;

    it('trips planted faults in asserting threads only, and gives the same answers everywhere', async () => {
      const planted = await service('planted-threads');
      assert.deepEqual(planted.failures.map(({ thread }) => thread).sort(), [1, 1, 3, 3]);
      assert.equal((await service('planted-never')).failures.length, 0);
      const middle = await service('middle');
      assert.equal(middle.answersHash, planted.answersHash);
      assert.equal(middle.contentHash, planted.contentHash);
      assert.ok(middle.switches > 100);
    });

    it('switches only where no frame of a multivariant function is on the stack', async () => {
      for (const configuration of ['middle', 'session']) {
        let safety: SwitchSafety | undefined;
        const record = (await run(serviceInput(configuration), (service, file) => {
          safety = new SwitchSafety(file, 'warn');
          safety.watch(service);
        })) as ServiceRecord;
        // Words that no frame explains are left out: buffers on the stack that were not filled hold return addresses of earlier calls.
        const frames = safety?.reports.flatMap(({ places }) => places.filter(({ found }) => found !== 'word'));
        assert.deepEqual(frames?.map(describePlace), [], configuration);
        assert.ok(safety !== undefined && safety.framesWalked > 4 * safety.checks, `${safety?.framesWalked} frames`);
        assert.ok(safety.checks >= record.switches && record.switches > 4, `${safety.checks} of ${record.switches}`);
      }
    });

    it('does the same for the same seed, something else for another', async () => {
      const [first, again, other] = [await service('melf-50'), await service('melf-50'), await service('melf-50', 4)];
      assert.equal(first.traceHash, again.traceHash);
      assert.notEqual(first.traceHash, other.traceHash);
      assert.notEqual(first.answersHash, other.answersHash);
    });

    it('prints its report, with every check ok', () => {
      const out = join(folder, 'results');
      const args = [
        '--quick',
        '--isa',
        isa,
        '--configurations',
        'plain,noassert,melf-0,melf-25,melf-75,always,threads,every-5,request,session,middle',
        '--power-failures',
        '3',
        '--out',
        out,
        '--json',
      ];
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        ['--import', 'tsx', 'cli/main.ts', 'scenario', 'sqlite-assertions', ...args],
        { cwd: projectRoot, encoding: 'utf8' },
      );
      assert.equal(status, 0, stderr);
      const report = JSON.parse(stdout) as Report;
      assert.deepEqual(report, JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')));
      for (const check of report.checks) assert.ok(check.ok, `${check.name}: ${check.detail}`);
      assert.equal(report.speedtest1.length, 5);
      assert.equal(report.ledger.length, 6);
      assert.deepEqual(readdirSync(out).sort(), ['cycles.svg', 'latency.svg', 'report.html', 'report.json']);
    });

    it('leaves no results when a name is wrong', () => {
      const out = join(folder, 'none');
      const args = ['scenario', 'sqlite-assertions', '--configurations', 'melf-3', '--out', out];
      const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', 'cli/main.ts', ...args], {
        cwd: projectRoot,
        encoding: 'utf8',
      });
      assert.notEqual(status, 0);
      assert.match(stderr, /There is no configuration melf-3/);
      assert.ok(!existsSync(out));
    });
  });
}
