// SQLite's source package makes its one-file form with Tcl scripts. The interpreter comes from packages unpacked in .cache/, so that
// nothing is installed on the machine; where there is no apt, the machine's own is taken.

import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findProgram } from '../../base/command.ts';
import { cache } from '../../setup/cache.ts';
import { SetupError } from '../../setup/errors.ts';
import {
  aptExists,
  aptState,
  entryName,
  hostArchitecture,
  type PackageFile,
  packageField,
  unpackPackages,
} from '../../setup/packages.ts';
import { dependencyNames } from '../../setup/unpacked-packages.ts';

const packageName = 'tcl8.6';
/** What every Debian has is not fetched. */
const isPart = (name: string): boolean => /^(libtcl8\.6|libtommath1|zlib1g)$/.test(name);

async function download(): Promise<PackageFile[]> {
  const state = aptState('own', hostArchitecture());
  const files = [await state.download(packageName)];
  for (let next = 0; next < files.length; next++) {
    for (const name of dependencyNames(await packageField(files[next]!.file, 'Depends')))
      if (isPart(name) && files.every((known) => known.name !== name)) files.push(await state.download(name));
  }
  return files;
}

/** A start script named `tclsh` that uses the unpacked libraries. */
function writeStarter(folder: string): void {
  const libraries = readdirSync(join(folder, 'usr/lib'))
    .filter((name) => name.endsWith('-linux-gnu'))
    .flatMap((name) => [`$root/usr/lib/${name}`, `$root/lib/${name}`]);
  const lines = [
    '#!/bin/sh',
    '# Made by the set-up.',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: sh expands it
    'root=$(cd "${0%/*}/.." && pwd)',
    `LD_LIBRARY_PATH=${libraries.join(':')} TCL_LIBRARY="$root/usr/share/tcltk/tcl8.6" exec "$root/usr/bin/tclsh8.6" "$@"`,
    '',
  ];
  mkdirSync(join(folder, 'bin'));
  const starter = join(folder, 'bin', 'tclsh');
  writeFileSync(starter, lines.join('\n'));
  chmodSync(starter, 0o755);
}

/** The folder that holds a program `tclsh`. */
export async function ensureTclsh(): Promise<string> {
  if (!aptExists()) {
    const own = findProgram('tclsh');
    if (own !== undefined) return dirname(own);
    throw new SetupError('setup.tcl', 'There is no tclsh on this machine, and no apt to fetch it with', {
      hint: 'Install Tcl 8.6 so that tclsh is on PATH: SQLite’s sources are put together with it.',
    });
  }
  const { entry } = await cache.recorded('tcl', packageName, 'Tcl, which puts SQLite’s sources together', async () => {
    const files = await download();
    const name = entryName(files[0]!);
    await cache.entry('tcl', name, async (temporary) => {
      await unpackPackages(files, temporary);
      writeStarter(temporary);
    });
    return { entry: name };
  });
  return join(cache.path('tcl', entry), 'bin');
}
