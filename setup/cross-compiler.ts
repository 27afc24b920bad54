// A gcc for another ISA, from packages unpacked in .cache/. gcc finds its parts by the place it is called at; the libraries that it and
// binutils were linked with are given by small start scripts.

import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cache } from './cache.ts';
import { SetupError } from './errors.ts';
import { aptState, entryName, type PackageFile, type PackageKind, packageField, unpackPackages } from './packages.ts';

export interface CrossTarget {
  /** GNU's name, as `aarch64-linux-gnu`: before the names of the programs. */
  readonly gnu: string;
  /** Debian's name of the architecture. */
  readonly debian: 'amd64' | 'arm64';
}

/** What of the compiler's dependencies is needed to compile and assemble: no C library, no sanitizers, nothing that every Debian has. */
function isPart(name: string, { gnu, debian }: CrossTarget): boolean {
  const target = gnu.replaceAll('_', '-');
  return (
    [`gcc-N-${target}`, `cpp-N-${target}`, `binutils-${target}`, `libgcc-N-dev-${debian}-cross`].includes(
      name.replace(/-\d+-/, '-N-'),
    ) || /^(lib(gmp|isl|mpc|mpfr|zstd|jansson|binutils)\d*(t64)?|zlib1g)$/.test(name)
  );
}

/** The package names of a Depends field, versions and alternatives left out. */
export function dependencyNames(depends: string): string[] {
  return depends
    .split(',')
    .map((one) => /^\s*([a-z0-9][a-z0-9+.-]+)/.exec(one)?.[1] ?? '')
    .filter((name) => name !== '');
}

async function download(target: CrossTarget, host: PackageKind): Promise<PackageFile[]> {
  const state = aptState('own', host);
  const first = await state.download(`gcc-${target.gnu.replaceAll('_', '-')}`);
  const files = new Map<string, PackageFile>();
  let wanted = dependencyNames(await packageField(first.file, 'Depends'));
  while (wanted.length > 0) {
    const next: string[] = [];
    for (const name of wanted) {
      if (files.has(name) || !isPart(name, target)) continue;
      const file = await state.download(name);
      files.set(name, file);
      next.push(...dependencyNames(await packageField(file.file, 'Depends')));
    }
    wanted = next;
  }
  return [...files.values()];
}

/** Scripts that start the programs with the unpacked libraries, below their usual names without gcc's version. */
function writeStarters(folder: string, { gnu }: CrossTarget): void {
  const usr = join(folder, 'usr');
  const libraries = readdirSync(join(usr, 'lib'))
    .filter((name) => name.endsWith('-linux-gnu'))
    .map((name) => `$root/usr/lib/${name}`);
  mkdirSync(join(folder, 'bin'));
  for (const program of readdirSync(join(usr, 'bin')).filter((name) => name.startsWith(`${gnu}-`))) {
    const name = program.replace(/-\d+$/, '');
    const starter = join(folder, 'bin', name);
    const lines = [
      '#!/bin/sh',
      '# Made by the set-up.',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: sh expands it
      'root=${0%/*}/..',
      `LD_LIBRARY_PATH=${libraries.join(':')} exec "$root/usr/bin/${program}" "$@"`,
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

/** The folder with the programs of gcc and binutils for `target`, fetched when absent. */
export async function ensureCrossCompiler(cache: Cache, target: CrossTarget, host: PackageKind): Promise<string> {
  const { entry } = await cache.recorded('cross', target.gnu, `gcc for ${target.gnu}`, async () => {
    const packages = await download(target, host);
    const gcc = packages.find(({ name }) => name.startsWith('gcc-'));
    if (gcc === undefined)
      throw new SetupError('setup.cross-compiler', `gcc for ${target.gnu} names no versioned package`);
    const name = entryName(gcc);
    await cache.entry('cross', name, async (temporary) => {
      await unpackPackages(packages, temporary);
      writeStarters(temporary, target);
    });
    return { entry: name };
  });
  return join(cache.path('cross', entry), 'bin');
}
