// SQLite as one C file, as its authors recommend to compile it, made from Debian's source package; and speedtest1, its benchmark.

import { copyFileSync, cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../base/command.ts';
import { cache, hashOf } from '../../setup/cache.ts';
import { compileTools, ensureHostTools } from '../../setup/host-tools.ts';
import { step } from '../../setup/progress.ts';
import { ensureSource } from '../../setup/sources.ts';
import { ensureTclsh } from './tclsh.ts';

export interface Amalgamation {
  /** Holds sqlite3.c, sqlite3.h and speedtest1.c. */
  readonly folder: string;
  readonly version: string;
}

/** What is kept of the source tree. */
const kept = ['sqlite3.c', 'sqlite3.h', 'test/speedtest1.c'];

/** Makes the amalgamation when it is not in the cache yet. */
export async function ensureAmalgamation(): Promise<Amalgamation> {
  const source = await ensureSource('sqlite3');
  const label = `SQLite ${source.version} as one C file`;
  const key = hashOf(['sqlite3', source.sha256, ...kept]);
  const folder = await cache.entry(
    'configured',
    `sqlite3-${key}`,
    (folder) =>
      step(label, async () => {
        await ensureHostTools(compileTools);
        const tcl = await ensureTclsh();
        const log = join(cache.stateFolder('logs'), 'sqlite3.log');
        await cache.withTemporary(async (tree) => {
          cpSync(source.folder, tree, { recursive: true, preserveTimestamps: true });
          const env = { PATH: `${tcl}:${process.env.PATH ?? ''}` };
          const off = ['--disable-tcl', '--disable-readline', '--disable-load-extension'];
          const tclsh = `ac_cv_prog_TCLSH_CMD=${join(tcl, 'tclsh')}`;
          await run(['sh', './configure', ...off, tclsh], { cwd: tree, env, log });
          await run(['make', 'sqlite3.c'], { cwd: tree, env, log });
          mkdirSync(folder, { recursive: true });
          for (const name of kept) copyFileSync(join(tree, name), join(folder, name.slice(name.lastIndexOf('/') + 1)));
        });
      }),
    { what: label },
  );
  return { folder, version: source.version };
}
