import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { processStart } from '../setup/lock.mjs';
import { projectRoot } from '../setup/project.ts';
import { CommandError, run } from './command.ts';

const commandModule = pathToFileURL(join(import.meta.dirname, 'command.ts')).href;

describe('running tools', () => {
  it('gives stdout only, and runs them in the C locale', async () => {
    assert.equal(await run(['sh', '-c', 'echo "$LC_ALL"; echo noise >&2']), 'C\n');
  });

  it('fails with the exit code and the end of the output, kept in full in the log', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'melf-command-'));
    const log = join(folder, 'log');
    try {
      const failing = run(['sh', '-c', 'seq 1 100; echo wrong >&2; exit 3'], { log });
      await assert.rejects(failing, (error) => {
        assert.ok(error instanceof CommandError);
        assert.equal(error.status, 3);
        assert.equal(error.message, 'sh failed with exit code 3');
        assert.match(String(error.facts.output), /^90\n.*100\nwrong$/s);
        return true;
      });
      assert.match(readFileSync(log, 'utf8'), /\n1\n2\n/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('fails when the program does not exist or takes too long', async () => {
    await assert.rejects(run(['/nowhere/tool']), { code: 'command.failed', message: '/nowhere/tool failed' });
    await assert.rejects(run(['sleep', '30'], { timeout: 50 }), { code: 'command.failed' });
  });

  it('ends its tools when it is ended', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'melf-command-'));
    const pidFile = join(folder, 'pid');
    const program = `import { run } from '${commandModule}'; await run(['sh', '-c', 'echo $$ > ${pidFile}; exec sleep 30']);`;
    const argv = ['--import', 'tsx', '--input-type=module', '-e', program];
    try {
      const child = spawn(process.execPath, argv, { cwd: projectRoot, stdio: 'ignore' });
      const exit = once(child, 'exit');
      const pid = await untilDefined(() => Number(readIfThere(pidFile)) || undefined);
      child.kill('SIGTERM');
      assert.deepEqual(await exit, [null, 'SIGTERM']);
      await untilDefined(() => (processStart(pid) === undefined ? true : undefined));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

async function untilDefined<T>(look: () => T | undefined): Promise<T> {
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
