import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { acquireLock, ownIdentity, processStart, stillRuns } from './lock.mjs';

const lockModule = pathToFileURL(join(import.meta.dirname, 'lock.mjs')).href;

/** Adds one to a number in a file, slowly and without any care: only a lock keeps two of them apart. */
const incrementer = `
  import { readFileSync, writeFileSync } from 'node:fs';
  import { setTimeout } from 'node:timers/promises';
  import { acquireLock } from '${lockModule}';
  const [folder, counter, times] = process.argv.slice(1);
  for (let i = 0; i < Number(times); i++) {
    const release = await acquireLock(folder, 'counter');
    const value = Number(readFileSync(counter, 'utf8'));
    await setTimeout(Math.random() * 4);
    writeFileSync(counter, String(value + 1));
    release();
  }
`;

const holder = `
  import { acquireLock } from '${lockModule}';
  await acquireLock(process.argv[1], 'held', { what: 'holding on' });
  process.stdout.write('held');
  setInterval(() => {}, 1000);
`;

function startNode(program: string, ...args: string[]): ChildProcess {
  return spawn(process.execPath, ['--input-type=module', '-e', program, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

describe('the lock between processes', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'melf-lock-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('keeps three processes from working at the same time', async () => {
    const counter = join(folder, 'value');
    writeFileSync(counter, '0');
    const processes = [1, 2, 3].map(() => startNode(incrementer, join(folder, 'locks'), counter, '6'));
    for (const [code] of await Promise.all(processes.map((child) => once(child, 'exit')))) assert.equal(code, 0);
    assert.equal(readFileSync(counter, 'utf8'), '18');
  });

  it('is taken over from a holder that was killed', async () => {
    const child = startNode(holder, folder);
    await once(child.stdout!, 'data');
    let waitedFor = '';
    const contender = acquireLock(folder, 'held', {
      onWait: ({ what }) => {
        waitedFor = what;
      },
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    child.kill('SIGKILL');
    const release = await contender;
    assert.equal(waitedFor, 'holding on');
    release();
  });

  it('is free again after its release, and leaves one small file', async () => {
    for (let i = 0; i < 5; i++) (await acquireLock(folder, 'again'))();
    assert.deepEqual(readdirSync(folder), ['again.5']);
  });

  it('is not kept by a process whose pid was given to another one', async () => {
    const reused = { pid: process.pid, start: '1', boot: ownIdentity().boot, what: 'long gone' };
    writeFileSync(join(folder, 'reused.7'), JSON.stringify(reused));
    const release = await acquireLock(folder, 'reused', { onWait: () => assert.fail('waited for a dead holder') });
    release();
  });

  it('is not kept by a process of before the last boot', () => {
    assert.equal(stillRuns(ownIdentity()), true);
    assert.equal(stillRuns({ ...ownIdentity(), boot: 'another' }), false);
  });

  it('counts a file torn by a crash as free', async () => {
    writeFileSync(join(folder, 'torn.1'), '{"pid": 1');
    (await acquireLock(folder, 'torn'))();
  });

  it('knows no start time of a process that does not exist', () => {
    assert.equal(processStart(2 ** 22 + 1), undefined);
  });
});
