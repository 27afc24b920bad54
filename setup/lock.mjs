// A lock between processes, in plain JavaScript because the bootstrap needs it before any package is installed.
//
// The lock `name` is a chain of files `name.1`, `name.2`, ... in one folder. The highest number decides: its file names the
// holder, or says that the lock is free. Who finds the highest number N free, or its holder dead, creates N+1 by an exclusive
// link(2); one process can succeed. The highest file is never removed (a release only marks it free), therefore a slow
// contender that saw N dead a long time ago cannot take the lock a second time: it finds a number above its own and gives up.

import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const pollMilliseconds = 100;

/** What proc(5) says of a process, from its state (field 3 of stat) on. Throws where it does not run or there is no /proc. */
export function statFields(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The command name, field 2, may itself hold blanks and parentheses: count from its end.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** When the process `pid` started, in clock ticks since boot (stat field 22); '' where there is no /proc, undefined when it does not run. */
export function processStart(pid) {
  try {
    const fields = statFields(pid);
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error;
  }
  try {
    readFileSync('/proc/self/stat', 'latin1');
    return undefined; // There is a /proc, and the process is not in it.
  } catch {
    return signalReaches(pid) ? '' : undefined;
  }
}

function signalReaches(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function bootId() {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return '';
  }
}

/** Who this process is, so that another one can tell later whether it still runs. */
export function ownIdentity() {
  return { pid: process.pid, start: processStart(process.pid) ?? '', boot: bootId() };
}

/** Whether the process that called `ownIdentity()` still runs: a reused pid has another start time, a reboot another boot id. */
export function stillRuns(identity) {
  return identity.boot === bootId() && processStart(identity.pid) === identity.start;
}

function highestNumber(folder, name) {
  let highest = 0;
  for (const entry of readdirSync(folder)) {
    if (!entry.startsWith(`${name}.`)) continue;
    const number = Number(entry.slice(name.length + 1));
    if (Number.isInteger(number) && number > highest) highest = number;
  }
  return highest;
}

/** The holder written in a lock file: `undefined` when free. A file that vanished or cannot be read as a holder counts as free. */
function holderOf(path) {
  let text;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const holder = JSON.parse(text);
    return typeof holder?.pid === 'number' ? holder : undefined;
  } catch {
    return undefined; // Torn by a crash of the whole machine: links are only made to files written in full.
  }
}

/** One attempt: a release function when the lock is ours now, else the identity of its living holder. */
function tryAcquire(folder, name, what) {
  const highest = highestNumber(folder, name);
  if (highest > 0) {
    const holder = holderOf(join(folder, `${name}.${highest}`));
    if (holder !== undefined && stillRuns(holder)) return { holder };
  }
  const mine = join(folder, `${name}.${highest + 1}`);
  const draft = join(folder, `draft-${process.pid}-${randomBytes(6).toString('hex')}`);
  writeFileSync(draft, JSON.stringify({ ...ownIdentity(), what }));
  try {
    linkSync(draft, mine);
  } catch (error) {
    if (error.code === 'EEXIST') return {};
    throw error;
  } finally {
    unlinkSync(draft);
  }
  if (highestNumber(folder, name) !== highest + 1) {
    unlinkSync(mine);
    return {};
  }
  removeOlder(folder, name, highest + 1);
  return { release: () => markFree(folder, mine) };
}

function removeOlder(folder, name, number) {
  for (const entry of readdirSync(folder)) {
    const other = entry.startsWith(`${name}.`) ? Number(entry.slice(name.length + 1)) : Number.NaN;
    if (other < number) unlinkIfThere(join(folder, entry));
    if (entry.startsWith('draft-') && processStart(Number(entry.split('-')[1])) === undefined)
      unlinkIfThere(join(folder, entry));
  }
}

function unlinkIfThere(path) {
  try {
    unlinkSync(path);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
}

function markFree(folder, path) {
  const draft = join(folder, `draft-${process.pid}-${randomBytes(6).toString('hex')}`);
  writeFileSync(draft, 'free');
  renameSync(draft, path);
}

/**
 * Takes the lock `name` kept in `folder`, waiting for a living holder, and gives the function that releases it.
 * A holder that died (killed, crashed, machine restarted) is passed over. `onWait` is called once when there is one to wait for.
 */
export async function acquireLock(folder, name, { what = name, onWait } = {}) {
  mkdirSync(folder, { recursive: true });
  let told = false;
  for (;;) {
    const { release, holder } = tryAcquire(folder, name, what);
    if (release !== undefined) return release;
    if (holder !== undefined && !told) {
      told = true;
      onWait?.(holder);
    }
    if (holder !== undefined) await new Promise((resolve) => setTimeout(resolve, pollMilliseconds));
  }
}
