import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../setup/project.ts';

describe('melf test', function () {
  this.timeout(120_000);
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'melf-test-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs test files that have these bodies, half a second after its limit the end of a test that goes on. */
  function test(jobs: number, bodies: Readonly<Record<string, string>>): ReturnType<typeof spawnSync> {
    for (const [name, body] of Object.entries(bodies))
      writeFileSync(
        join(folder, `${name}.test.ts`),
        `import { spawnSync } from 'node:child_process';
         describe('${name}', function () { this.timeout(300); ${body} });
         void spawnSync;`,
      );
    const argv = ['--import', 'tsx', 'cli/main.ts', 'test', '--jobs', String(jobs), folder];
    const env = { ...process.env, MELF_TEST_GRACE: '500' };
    return spawnSync(process.execPath, argv, { cwd: projectRoot, env, encoding: 'utf8', timeout: 60_000 });
  }

  const stuck = {
    fine: "it('passes', () => undefined);",
    loop: "it('passes', () => undefined); after(() => { for (;;); });",
    waits: "it('passes', () => undefined); it('waits', () => { spawnSync('sleep', ['1000']); });",
  };

  it('ends a test and a hook that never give way, names them, and runs the others', () => {
    const { status, stdout, stderr } = test(2, stuck);
    assert.equal(status, 1);
    assert.match(String(stderr), /a hook in .*loop\.test\.ts did not end within 0\.8 s/);
    assert.match(String(stderr), /"waits waits" in .*waits\.test\.ts did not end within 0\.8 s/);
    assert.match(String(stderr), /a child of it: sleep 1000/);
    // What the two files had passed went with their processes.
    assert.match(String(stdout), /\n1 passed, 2 failed, 0 skipped\n$/);
  });

  it('does not wait for a process that comes to no end and does not heed SIGTERM', () => {
    const endless = "process.on('SIGTERM', () => undefined); process.reallyExit = () => { for (;;); };";
    const { status, stdout } = test(2, { endless: `it('passes', () => { ${endless} });`, fine: stuck.fine });
    assert.equal(status, 0);
    assert.match(String(stdout), /\n2 passed, 0 failed, 0 skipped\n$/);
  });

  it('ends itself where all tests share its process', () => {
    const { signal, stderr } = test(1, { waits: stuck.waits });
    assert.equal(signal, 'SIGKILL');
    assert.match(String(stderr), /"waits waits" in .*waits\.test\.ts did not end within 0\.8 s/);
  });
});
