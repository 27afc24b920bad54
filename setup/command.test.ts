import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CommandError, inParallel, run } from './command.ts';
import { processStart } from './lock.mjs';
import { projectRoot } from './project.ts';

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
    await assert.rejects(run(['/nowhere/tool']), { code: 'setup.command', message: '/nowhere/tool failed' });
    await assert.rejects(run(['sleep', '30'], { timeout: 50 }), { code: 'setup.command' });
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

  it('keeps results in order and to the width asked for', async () => {
    let running = 0;
    let most = 0;
    const tasks = [30, 5, 20, 1, 10].map((milliseconds) => async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
      running--;
      return milliseconds;
    });
    assert.deepEqual(await inParallel(tasks, 2), [30, 5, 20, 1, 10]);
    assert.equal(most, 2);
  });

  it('starts nothing more after a failure', async () => {
    const began: number[] = [];
    const tasks = [0, 1, 2, 3, 4, 5].map((index) => async () => {
      began.push(index);
      await new Promise((resolve) => setTimeout(resolve, 2));
      if (index === 1) throw new Error('second');
    });
    await assert.rejects(inParallel(tasks, 2), /second/);
    assert.ok(began.length <= 3, `${began.length} began`);
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
