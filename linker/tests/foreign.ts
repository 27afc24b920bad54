// Source code of foreign programs from Debian's packages, kept below .cache/ like that of the guests.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../base/command.ts';
import { cache, hashOf } from '../../setup/cache.ts';
import { aptState, unpackPackages } from '../../setup/packages.ts';
import { levelTimes, unpackSourcePackage } from '../../setup/sources.ts';

/** The tree of a source package with Debian's patches; shared, so copy it before changing it. */
export async function foreignSource(name: string): Promise<string> {
  const { entry } = await cache.recorded('sources', `foreign-${name}`, `source code of ${name}`, async () => {
    const { dsc, version } = await aptState('own', 'source').downloadSource(name);
    const made = `${name}-${version.replaceAll(':', '_')}-${hashOf([readFileSync(dsc)])}`;
    await cache.entry('sources', made, async (folder) => {
      await unpackSourcePackage(dsc, folder);
      levelTimes(folder);
    });
    return { entry: made };
  });
  return cache.path('sources', entry);
}

/** The folder `gcc.c-torture/execute` of gcc 12's own tests, out of the package with gcc's source code. */
export async function tortureSource(): Promise<string> {
  const { entry } = await cache.recorded('sources', 'gcc-torture', "gcc's torture tests", async () => {
    const file = await aptState('own', 'amd64').download('gcc-12-source');
    const made = `gcc-torture-${file.version}`;
    await cache.entry('sources', made, (folder) =>
      cache.withTemporary(async (temporary) => {
        await unpackPackages([file], temporary);
        const usr = join(temporary, 'usr', 'src', 'gcc-12');
        const tar = (await run(['sh', '-c', `ls ${usr}/*.tar.*`])).trim().split('\n')[0]!;
        const inside = '*/gcc/testsuite/gcc.c-torture/execute';
        await run(['tar', '-xf', tar, '-C', folder, '--strip-components=4', '--wildcards', inside]);
      }),
    );
    return { entry: made };
  });
  return join(cache.path('sources', entry), 'execute');
}
