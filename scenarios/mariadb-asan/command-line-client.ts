// Debian's own command-line client of MariaDB, unpacked in .cache/: for runs through `--publish`, where an ordinary program talks to the server.

import { join } from 'node:path';
import { cache } from '../../setup/cache.ts';
import { hostArchitecture } from '../../setup/packages.ts';
import { ensurePackages } from '../../setup/unpacked-packages.ts';
import { everywhere, writeStarters } from './build-tools.ts';

/** Path of a program `mariadb`; fetched if it is not in the cache. */
export async function ensureCommandLineClient(): Promise<string> {
  const folder = await ensurePackages(cache, {
    name: 'mariadb-client',
    label: "MariaDB's command-line client",
    architecture: hostArchitecture(),
    packages: ['mariadb-client-core'],
    withDependency: (name) => !everywhere.test(name) && name !== 'mariadb-common',
    finish: (root) => writeStarters(root, ['mariadb'], ''),
  });
  return join(folder, 'bin/mariadb');
}
