// gcc and g++ for another ISA, from packages unpacked in .cache/. They find their parts by the place they are called at; the libraries
// that they and binutils were linked with are given by small start scripts.

import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cache } from './cache.ts';
import { SetupError } from './errors.ts';
import type { PackageKind } from './packages.ts';
import { ensurePackages } from './unpacked-packages.ts';

export interface CrossTarget {
  /** GNU's name, as `aarch64-linux-gnu`: before the names of the programs. */
  readonly gnu: string;
  /** Debian's name of the architecture. */
  readonly debian: 'amd64' | 'arm64';
}

/** `c`: gcc and binutils, without a C library (guests have musl). `c++`: g++, too, with glibc's and libstdc++'s development files. */
export type CrossExtent = 'c' | 'c++';

/** Which of the compiler's dependencies are fetched: no sanitizers, nothing that every Debian has. */
function isPart(name: string, { gnu, debian }: CrossTarget, extent: CrossExtent): boolean {
  const target = gnu.replaceAll('_', '-');
  const c = [`gcc-N-${target}`, `cpp-N-${target}`, `binutils-${target}`, `libgcc-N-dev-${debian}-cross`];
  const libraries = [
    'libc6',
    'libc6-dev',
    'linux-libc-dev',
    'libgcc-s1',
    'libatomic1',
    'libstdc++6',
    'libstdc++-N-dev',
  ];
  const cxx = [
    `gcc-${target}`,
    `cpp-${target}`,
    `g++-N-${target}`,
    ...libraries.map((one) => `${one}-${debian}-cross`),
  ];
  const parts = extent === 'c' ? c : [...c, ...cxx];
  return (
    parts.includes(name.replace(/-\d+-/, '-N-')) ||
    /^(lib(gmp|isl|mpc|mpfr|zstd|jansson|binutils)\d*(t64)?|zlib1g)$/.test(name)
  );
}

/**
 * Scripts that start the programs with the unpacked libraries, below their usual names without gcc's version. The compilers take the
 * folder as their system root: headers of this machine cannot get in, and the paths in the C library's linker scripts lead into it.
 */
function writeStarters(folder: string, { gnu }: CrossTarget): void {
  const usr = join(folder, 'usr');
  const libraries = readdirSync(join(usr, 'lib'))
    .filter((name) => name.endsWith('-linux-gnu'))
    .map((name) => `$root/usr/lib/${name}`);
  mkdirSync(join(folder, 'bin'));
  const programs = readdirSync(join(usr, 'bin')).filter((name) => name.startsWith(`${gnu}-`));
  for (const program of programs) {
    const name = program.replace(/-\d+$/, '');
    // gcc's own package has its name without a version, too, as a link.
    if (name !== program && programs.includes(name)) continue;
    const starter = join(folder, 'bin', name);
    const compiler = /-(gcc|g\+\+|cpp)$/.test(name);
    const lines = [
      '#!/bin/sh',
      '# Made by the set-up.',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: sh expands it
      'root=$(cd "${0%/*}/.." && pwd)',
      `LD_LIBRARY_PATH=${libraries.join(':')} exec "$root/usr/bin/${program}"${compiler ? ' --sysroot="$root"' : ''} "$@"`,
      '',
    ];
    writeFileSync(starter, lines.join('\n'));
    chmodSync(starter, 0o755);
  }
  if (!existsSync(join(folder, 'bin', `${gnu}-gcc`)) || !existsSync(join(folder, 'bin', `${gnu}-as`))) {
    throw new SetupError('setup.cross-compiler', `The packages of gcc for ${gnu} hold no compiler`, {
      facts: { folder: usr },
    });
  }
}

/** The folder with the programs of gcc and binutils (in `bin`) for `target`, fetched when absent. */
export async function ensureCrossCompiler(
  cache: Cache,
  target: CrossTarget,
  host: Exclude<PackageKind, 'source'>,
  extent: CrossExtent = 'c',
): Promise<string> {
  const compiler = `${extent === 'c' ? 'gcc' : 'g++'}-${target.gnu.replaceAll('_', '-')}`;
  return ensurePackages(cache, {
    name: compiler,
    label: extent === 'c' ? `gcc for ${target.gnu}` : `g++, glibc and libstdc++ for ${target.gnu}`,
    architecture: host,
    packages: [compiler],
    withDependency: (name) => isPart(name, target, extent),
    finish: (folder) => writeStarters(folder, target),
  });
}
