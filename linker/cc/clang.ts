// For tests: clang, from PATH or from Debian's packages unpacked in .cache/.

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../../base/command.ts';
import { cache } from '../../setup/cache.ts';
import { aptExists, hostArchitecture } from '../../setup/packages.ts';
import { ensurePackages } from '../../setup/unpacked-packages.ts';

const PARTS =
  /^(libclang-cpp14|libllvm14|libclang-common-14-dev|libclang1-14|libedit2|libz3-4|libxml2|libicu72|libbsd0|libmd0|libtinfo6)$/;

/** clang's path; undefined on a machine that has neither it nor Debian 12's packages. */
export async function ensureClang(): Promise<string | undefined> {
  const found = findProgram('clang') ?? findProgram('clang-14');
  if (found !== undefined || !aptExists()) return found;
  const folder = await ensurePackages(cache, {
    name: 'clang-14',
    label: 'fetched clang to test melf-cc with',
    architecture: hostArchitecture(),
    packages: ['clang-14'],
    withDependency: (name) => PARTS.test(name),
    finish: (root) => {
      mkdirSync(join(root, 'bin'));
      const script = join(root, 'bin', 'clang');
      // biome-ignore lint/suspicious/noTemplateCurlyInString: sh expands it
      const start = 'root=${0%/*}/..';
      const libraries = '$root/usr/lib/$(uname -m)-linux-gnu:$root/usr/lib/llvm-14/lib';
      writeFileSync(
        script,
        `#!/bin/sh\n${start}\nLD_LIBRARY_PATH=${libraries} exec "$root/usr/lib/llvm-14/bin/clang" "$@"\n`,
      );
      chmodSync(script, 0o755);
    },
  });
  return join(folder, 'bin', 'clang');
}
