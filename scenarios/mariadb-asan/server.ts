// How the server is started in the sandbox: what it finds there, and its command line.

import type { HostMount } from '../../emulator/linux/files/file-tree.ts';

export interface ServerSettings {
  readonly port: number;
  /** A thread for each connection, or a pool of so many groups of threads. */
  readonly threads: 'one-per-connection' | { readonly groups: number };
  readonly maxConnections?: number;
}

const home = '/mariadb';

/** The server's files (executable.ts); what it writes stays in the sandbox. */
export function serverMounts(files: string): HostMount[] {
  return [{ at: home, folders: [files], mode: 'overlay' }];
}

/** The server's path in the guest. */
export const serverProgram: string = `${home}/mariadbd`;

/** argv. There are no grant tables: every user may everything, with any password; names still choose the variant. */
export function serverCommand({ port, threads, maxConnections = 100 }: ServerSettings, folder = home): string[] {
  const handling =
    threads === 'one-per-connection'
      ? ['--thread-handling=one-thread-per-connection']
      : ['--thread-handling=pool-of-threads', `--thread-pool-size=${threads.groups}`];
  return [
    `${folder}/mariadbd`,
    '--no-defaults',
    '--user=root',
    `--datadir=${folder}/data`,
    `--tmpdir=${folder}/tmp`,
    `--lc-messages-dir=${folder}/share`,
    `--character-sets-dir=${folder}/share/charsets`,
    `--socket=${folder}/tmp/mariadbd.sock`,
    `--pid-file=${folder}/tmp/mariadbd.pid`,
    `--port=${port}`,
    '--bind-address=0.0.0.0',
    '--skip-name-resolve',
    '--skip-grant-tables',
    // There are no such tables either; without this each statement would look for them.
    '--use-stat-tables=never',
    '--default-storage-engine=Aria',
    '--key-buffer-size=1M',
    '--aria-pagecache-buffer-size=1M',
    '--aria-log-file-size=8M',
    '--table-open-cache=64',
    `--max-connections=${maxConnections}`,
    ...handling,
  ];
}
