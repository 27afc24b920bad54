// Tools and libraries for builds, from packages unpacked in .cache/: nothing of them is installed on the machine.

import type { Cache } from './cache.ts';
import { hashOf } from './cache.ts';
import { aptState, type PackageFile, type PackageKind, packageField, unpackPackages } from './packages.ts';

export interface PackageSet {
  /** Name of the set: that of its folder in the cache. */
  readonly name: string;
  /** What it is for, as the line that tells of its fetching has it. */
  readonly label: string;
  readonly architecture: Exclude<PackageKind, 'source'>;
  readonly packages: readonly string[];
  /** Which of what these depend on is fetched, too; absent: nothing. */
  readonly withDependency?: (name: string) => boolean;
  /** Adds what the packages do not have, as start scripts. */
  readonly finish?: (folder: string) => void;
}

/** The package names of a Depends field, versions and alternatives left out. */
export function dependencyNames(depends: string): string[] {
  return depends
    .split(',')
    .map((one) => /^\s*([a-z0-9][a-z0-9+.-]+)/.exec(one)?.[1] ?? '')
    .filter((name) => name !== '');
}

async function download(set: PackageSet): Promise<PackageFile[]> {
  const state = aptState('own', set.architecture);
  const files: PackageFile[] = [];
  const wanted = [...set.packages];
  for (let next = 0; next < wanted.length; next++) {
    const file = await state.download(wanted[next]!);
    files.push(file);
    for (const name of dependencyNames(await packageField(file.file, 'Depends')))
      if (set.withDependency?.(name) === true && !wanted.includes(name)) wanted.push(name);
  }
  return files;
}

/** The folder of a set of packages, as they would lie below `/`; fetched when absent. */
export async function ensurePackages(cache: Cache, set: PackageSet): Promise<string> {
  const { entry } = await cache.recorded('packages', `${set.name}-${set.architecture}`, set.label, async () => {
    const files = await download(set);
    const made = `${set.name}-${hashOf(files.map(({ sha256 }) => sha256))}`;
    await cache.entry('packages', made, async (temporary) => {
      await unpackPackages(files, temporary);
      set.finish?.(temporary);
    });
    return { entry: made };
  });
  return cache.path('packages', entry);
}
