// What MariaDB's build needs besides gcc, g++ and the C library: CMake, Ninja, Bison, and three libraries to link with. From packages
// unpacked in .cache/; CMake and Ninja are the machine's own where it has them.

import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../../base/command.ts';
import { cache } from '../../setup/cache.ts';
import { type CrossToolchain, ensureCrossToolchain } from '../../setup/cross-toolchain.ts';
import { SetupError } from '../../setup/errors.ts';
import { addonTools, compileTools, ensureHostTools } from '../../setup/host-tools.ts';
import { aptExists, hostArchitecture } from '../../setup/packages.ts';
import { type Isa, isaFacts } from '../../setup/toolchain.ts';
import { ensurePackages } from '../../setup/unpacked-packages.ts';

export interface BuildTools {
  readonly cmake: string;
  readonly ninja: string;
  readonly bison: string;
  /** The folder of pcre2, fmt and ncurses: `include` and `lib`. */
  readonly includes: string;
  readonly libraries: string;
  /** The compilers that melf-cc and melf-c++ wrap. */
  readonly cc: string;
  readonly cxx: string;
  /** For another instruction set than the host's. */
  readonly cross: CrossToolchain | undefined;
}

/** Start scripts in `bin/`, with the libraries that came with the programs. `environment`: more of what a program needs, `$root` the folder. */
export function writeStarters(folder: string, programs: readonly string[], environment: string): void {
  const library = join(folder, 'usr/lib');
  const libraries = (existsSync(library) ? readdirSync(library) : [])
    .filter((name) => name.endsWith('-linux-gnu'))
    .flatMap((name) => [`$root/usr/lib/${name}`, `$root/lib/${name}`]);
  const own = libraries.length === 0 ? [] : [`LD_LIBRARY_PATH=${libraries.join(':')}`];
  const environments = [...own, environment].join(' ');
  mkdirSync(join(folder, 'bin'));
  for (const program of programs) {
    const lines = [
      '#!/bin/sh',
      '# Made by the set-up.',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: sh expands it
      'root=$(cd "${0%/*}/.." && pwd)',
      `${environments} exec "$root/usr/bin/${program}" "$@"`,
      '',
    ];
    writeFileSync(join(folder, 'bin', program), lines.join('\n'));
    chmodSync(join(folder, 'bin', program), 0o755);
  }
}

/** Every Debian has these, in the versions that its packages want. */
export const everywhere =
  /^(libc6|libgcc-s1|libstdc\+\+6|libgcc1|procps|debconf|dpkg|perl.*|python3.*|adduser|lsb-base|init-system-helpers)$/;

async function cmakeAndNinja(): Promise<{ cmake: string; ninja: string }> {
  const own = { cmake: findProgram('cmake'), ninja: findProgram('ninja') };
  if (own.cmake !== undefined && own.ninja !== undefined) return { cmake: own.cmake, ninja: own.ninja };
  const folder = await ensurePackages(cache, {
    name: 'cmake',
    label: 'CMake and Ninja, with which MariaDB is built',
    architecture: hostArchitecture(),
    packages: ['cmake', 'ninja-build'],
    withDependency: (name) => !everywhere.test(name),
    finish: (root) => writeStarters(root, ['cmake', 'ninja'], ''),
  });
  return { cmake: join(folder, 'bin/cmake'), ninja: join(folder, 'bin/ninja') };
}

async function bison(): Promise<string> {
  const folder = await ensurePackages(cache, {
    name: 'bison',
    label: 'Bison, which makes MariaDB’s parser',
    architecture: hostArchitecture(),
    packages: ['bison', 'm4'],
    withDependency: (name) => name.startsWith('libsigsegv'),
    finish: (root) => writeStarters(root, ['bison'], 'BISON_PKGDATADIR="$root/usr/share/bison" M4="$root/usr/bin/m4"'),
  });
  return join(folder, 'bin/bison');
}

async function compilers(isa: Isa): Promise<Pick<BuildTools, 'cc' | 'cxx' | 'cross'>> {
  if (isaFacts[isa].debianArchitecture === hostArchitecture()) return { cc: 'gcc', cxx: 'g++', cross: undefined };
  const cross = await ensureCrossToolchain(isa);
  return { cc: cross.gcc, cxx: cross.gxx, cross };
}

/** Fetches what is missing. */
export async function ensureBuildTools(isa: Isa): Promise<BuildTools> {
  await ensureHostTools([...compileTools, ...addonTools]);
  if (!aptExists()) {
    throw new SetupError('setup.no-apt', 'MariaDB is built with Debian’s packages, and this machine has no apt', {
      hint: 'Run this on a Debian machine (or in a Debian container), or copy the .cache folder of one to here.',
    });
  }
  const chosen = await compilers(isa);
  // A machine that compiles for itself has libcrypt with its C library.
  const more = chosen.cross === undefined ? [] : ['libcrypt-dev'];
  const libraries = await ensurePackages(cache, {
    name: 'mariadb-libraries',
    label: 'libraries that MariaDB is linked with',
    architecture: isaFacts[isa].debianArchitecture,
    packages: ['libpcre2-dev', 'libfmt-dev', 'libncurses-dev', ...more],
  });
  const triple = readdirSync(join(libraries, 'usr/lib')).find((name) => name.endsWith('-linux-gnu'));
  if (triple === undefined)
    throw new SetupError('setup.libraries', 'The packages of pcre2 hold no library', { facts: { libraries } });
  return {
    ...chosen,
    ...(await cmakeAndNinja()),
    bison: await bison(),
    includes: join(libraries, 'usr/include'),
    libraries: join(libraries, 'usr/lib', triple),
  };
}
