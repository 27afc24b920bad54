// The thread of test-watchdog.ts, in plain JavaScript because Node 20 starts threads without the loader of TypeScript. It goes on while
// the tests' own thread is busy or waits for a child. Its messages are what has to end in time, or undefined.

import { readdirSync, readFileSync, writeSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { statFields } from '../setup/lock.mjs';

/** All processes that can be seen, with parent and command line (proc(5)); none where there is no /proc. */
function processes() {
  const found = [];
  for (const name of readNames('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      found.push({ pid: Number(name), parent: Number(statFields(name)[1]), command });
    } catch {
      // It ended meanwhile.
    }
  }
  return found;
}

function readNames(folder) {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** The children of `pid`, theirs, and so on. */
const descendants = (pid, all) =>
  all.filter(({ parent }) => parent === pid).flatMap((child) => [child, ...descendants(child.pid, all)]);

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
}

function end({ what, milliseconds }) {
  const below = descendants(process.pid, processes());
  const list = below.map(({ command }) => `  a child of it: ${command.slice(0, 300)}\n`).join('');
  // Not by process.stderr, which a thread has only through the one that does not answer.
  writeSync(2, `${what} did not end within ${milliseconds / 1000} s: its process is ended\n${list}`);
  for (const { pid } of below) kill(pid);
  kill(process.pid);
}

let timer;
parentPort.on('message', (watched) => {
  clearTimeout(timer);
  if (watched !== undefined) timer = setTimeout(end, watched.milliseconds, watched);
});
parentPort.postMessage('ready');
