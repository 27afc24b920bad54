// Guest executables that our linker makes, kept in the cache.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LinkOptions } from '../../linker/options.ts';
import { cache, hashOf } from '../../setup/cache.ts';
import { step } from '../../setup/progress.ts';
import type { Toolchain } from '../../setup/toolchain.ts';

/** Every source of the linker, for keys of what it links: another linker makes another executable. */
export function linkerSources(): Uint8Array[] {
  const folder = join(import.meta.dirname, '../../linker');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && !name.startsWith('tests/'))
    .sort()
    .map((name) => readFileSync(join(folder, name)));
}

export interface GuestExecutable {
  /** The file's name; the folder around it is the cache's. */
  readonly name: string;
  /** Its inputs are files of the cache and of the tool chain, whose paths name their contents. */
  readonly options: LinkOptions;
  readonly toolchain: Toolchain;
  /** Of the step that the user sees when it is linked. */
  readonly label: string;
}

/** Path of the executable; linked if it is not in the cache. */
export async function linkGuestExecutable({ name, label, options, toolchain }: GuestExecutable): Promise<string> {
  const key = hashOf([name, JSON.stringify(options), toolchain.hash, ...linkerSources()]);
  const folder = await cache.entry('executables', key, (temporary) =>
    step(label, async () => {
      const { link } = await import('../../linker/link.ts'); // only now: a link is rare, and the linker is much to load
      mkdirSync(temporary, { recursive: true });
      writeFileSync(join(temporary, name), link(options).bytes, { mode: 0o755 });
    }),
  );
  return join(folder, name);
}
