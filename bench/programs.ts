// What the bench runs: its own guest programs, compiled once, and the peer.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, run } from '../base/command.ts';
import { cache, hashOf } from '../setup/cache.ts';
import { aptExists, aptState, unpackPackages } from '../setup/packages.ts';
import { step } from '../setup/progress.ts';
import { ensureToolchain, type Isa } from '../setup/toolchain.ts';

const folder = join(import.meta.dirname, 'guest');

/** The static executable of `guest/<name>.c`, the same file for us and for the peer. */
export async function guestProgram(name: string, isa: Isa = 'x86-64'): Promise<string> {
  const toolchain = await ensureToolchain(isa);
  const source = join(folder, `${name}.c`);
  const key = hashOf(['bench', name, toolchain.hash, readFileSync(source)]);
  const entry = await cache.entry('bench', key, async (temporary) => {
    await run([toolchain.wrapper, '-O2', '-static', '-no-pie', '-o', join(temporary, name), source, '-lm']);
  });
  return join(entry, name);
}

export interface Peer {
  readonly program: string;
  readonly version: string;
}

/** The programs of qemu's user mode. */
const qemuNames: Readonly<Record<Isa, string>> = { 'x86-64': 'qemu-x86_64', aarch64: 'qemu-aarch64' };

/** qemu's user-mode emulator: from PATH, or a Debian package unpacked in the cache; undefined where neither can be had. */
export async function qemuUser(isa: Isa = 'x86-64'): Promise<Peer | undefined> {
  const name = qemuNames[isa];
  const program = findProgram(name) ?? findProgram(`${name}-static`) ?? (await fetchedQemu(name));
  if (program === undefined) return undefined;
  const [version = ''] = (await run([program, '--version'])).split('\n');
  return { program, version: version.replace(/^qemu-\S+ version /, '') };
}

async function fetchedQemu(name: string): Promise<string | undefined> {
  if (!aptExists()) return undefined;
  const entry = await cache.entry('bench', 'qemu-user-static', (temporary) =>
    step('fetched qemu-user-static to compare with', async () => {
      await unpackPackages([await aptState('own', 'amd64').download('qemu-user-static')], temporary);
    }),
  );
  return join(entry, 'usr/bin', `${name}-static`);
}
