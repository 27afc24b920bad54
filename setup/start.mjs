#!/usr/bin/env node
// The way into every command: `npm run scenario|melf|bench`, `npm test`. Plain JavaScript without dependencies, because it is what
// installs them. With everything in place it reads two small files and hands over to cli/main.ts.

import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { acquireLock } from './lock.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const leastNode = [20, 19];

class StartError extends Error {
  constructor(message, hint) {
    super(message);
    this.hint = hint;
  }
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > leastNode[0] || (major === leastNode[0] && minor >= leastNode[1])) return;
  throw new StartError(`Node ${process.versions.node} is too old`, `Install Node ${leastNode.join('.')} or newer.`);
}

const modules = join(root, 'node_modules');
const stampFile = join(modules, '.melf-stamp');

/** What node_modules has to be made from: the lock file and the platform its optional binaries are for. */
function wantedStamp(lockText) {
  return createHash('sha256').update(`${process.platform} ${process.arch} ${lockText}`).digest('hex');
}

const stampFits = (stamp) => existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp;

/** Whether npm itself put in node_modules what the lock file says (its own record tells), as after an `npm ci` by hand. */
function matchesLock(lockText) {
  const record = join(modules, '.package-lock.json');
  if (!existsSync(record)) return false;
  const wanted = JSON.parse(lockText).packages;
  const present = JSON.parse(readFileSync(record, 'utf8')).packages;
  const same = (path) =>
    present[path]?.version === wanted[path].version && present[path]?.integrity === wanted[path].integrity;
  const needed = Object.keys(wanted).filter((path) => path !== '' && (!wanted[path].optional || path in present));
  return (
    needed.every(same) &&
    Object.keys(present).every((path) => path in wanted) &&
    needed.every((path) => existsSync(join(root, path)))
  );
}

function installModules() {
  const cache = join(root, '.cache');
  mkdirSync(cache, { recursive: true });
  const npm = /npm-cli\.c?js$/.test(process.env.npm_execpath ?? '')
    ? [process.execPath, process.env.npm_execpath]
    : ['npm'];
  // Without a network npm's own patience is three minutes of silence.
  const patience = ['--fetch-retries=2', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=5000'];
  const [program, ...args] = [
    ...npm,
    'ci',
    '--no-audit',
    '--no-fund',
    '--no-progress',
    '--loglevel=error',
    ...patience,
  ];
  const result = spawnSync(program, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  if (result.status === 0) return;
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`.trimEnd();
  const log = join(cache, 'npm-ci.log');
  writeFileSync(log, `${output}\n`);
  // npm says what is wrong first, and its usage at length after it.
  const told = output.split('\n').filter((line) => /^npm error ./.test(line));
  const first = (told.length > 0 ? told : output.split('\n')).slice(0, 6).join('\n  ');
  throw new StartError(
    `npm ci failed:\n  ${first}`,
    `Check the network, then start the same command again. The whole output is in ${log}.`,
  );
}

async function ensureModules() {
  const lockText = readFileSync(join(root, 'package-lock.json'), 'utf8');
  const stamp = wantedStamp(lockText);
  if (stampFits(stamp)) return;
  const release = await acquireLock(join(root, '.cache', 'locks'), 'node-modules', {
    what: 'installing node modules',
    onWait: ({ pid, what }) => process.stderr.write(`· waiting for another run (process ${pid}): ${what}\n`),
  });
  try {
    if (stampFits(stamp)) return;
    if (!matchesLock(lockText)) {
      const started = performance.now();
      process.stderr.write('· installing node modules (npm ci)\n');
      installModules();
      process.stderr.write(`✓ node modules (${((performance.now() - started) / 1000).toFixed(1)} s)\n`);
    }
    writeFileSync(stampFile, stamp);
  } finally {
    release();
  }
}

/** Runs the command line in its own process, passes signals on and ends as it ends. */
function handOver(args) {
  const main = join(root, 'cli', 'main.ts');
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), main, ...args], { stdio: 'inherit' });
  // Ctrl-C at a terminal reaches the child by itself (same process group); this process only has to outlive it.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.on('SIGHUP', () => child.kill('SIGHUP'));
  child.on('error', (error) => fail(error));
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0);
  });
}

function fail(error) {
  process.stderr.write(`error: ${error.message}\n${error.hint === undefined ? '' : `hint: ${error.hint}\n`}`);
  if (!(error instanceof StartError) && process.argv.includes('--debug')) process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
}

try {
  checkNode();
  await ensureModules();
  if (process.argv[2] === 'link') await (await import('./link.cjs')).default.link(process.argv.slice(3));
  else handOver(process.argv.slice(2));
} catch (error) {
  fail(error);
}
