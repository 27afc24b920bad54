// Objects of our own C and assembly sources for guests, compiled once and kept in the cache.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from '../../base/command.ts';
import { cache, hashOf } from '../../setup/cache.ts';
import type { Toolchain } from '../../setup/toolchain.ts';

export interface GuestObject {
  readonly source: string;
  /** All of the compiler's flags besides includes. */
  readonly flags: readonly string[];
  /** Folders whose headers the source may include; its own is one of them. */
  readonly includes?: readonly string[];
}

/**
 * Common code calls functions of both variants, and was compiled once. So the compiler must not let a caller know more of a
 * callee than its prototype says: which registers this very body leaves alone (ipa-ra), that an argument was dropped (ipa-sra) or is a
 * constant (ipa-cp), that its head was moved into the caller (partial inlining). Cold halves of functions would need slots of their own.
 * Some distributions' compilers switch cf-protection on, which puts an instruction before the call of __fentry__.
 */
export const interfaceFlags: readonly string[] = [
  '-fno-ipa-ra',
  '-fno-ipa-sra',
  '-fno-ipa-cp',
  '-fno-partial-inlining',
  '-fno-reorder-blocks-and-partition',
  '-fcf-protection=none',
];

function headersOf(folders: readonly string[]): (string | Uint8Array)[] {
  return folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.h'))
      .sort()
      .flatMap((name) => [name, readFileSync(join(folder, name))]),
  );
}

/** Path of the object; compiled if it is not in the cache. */
export async function compileGuestObject(toolchain: Toolchain, object: GuestObject): Promise<string> {
  const { source, flags, includes = [] } = object;
  const folders = [dirname(source), ...includes];
  const key = hashOf([toolchain.hash, ...flags, readFileSync(source), ...headersOf(folders)]);
  const folder = await cache.entry('guest-objects', key, async (temporary) => {
    // Debug information and __FILE__ must not depend on where the project lies.
    const prefix = `-ffile-prefix-map=${dirname(source)}=.`;
    const includeFlags = folders.map((one) => `-I${one}`);
    const output = join(temporary, 'guest.o');
    await run([...toolchain.cc, ...flags, prefix, ...includeFlags, '-c', source, '-o', output]);
  });
  return join(folder, 'guest.o');
}
