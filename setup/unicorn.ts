// libunicorn: the system's by pkg-config when it is new enough, else Debian packages unpacked in .cache/.

import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ask } from '../base/command.ts';
import { MelfError } from '../base/errors.ts';
import type { Cache } from './cache.ts';
import { SetupError } from './errors.ts';
import {
  aptExists,
  aptState,
  entryName,
  hostArchitecture,
  type PackageFile,
  packageField,
  type Suite,
  sha256Of,
  unpackPackages,
} from './packages.ts';

export const leastUnicorn = '2.1.4';

export interface UnicornVersion {
  readonly version: string;
  /** Of the package that holds the library, or of the library file when it is the system's. */
  readonly sha256: string;
  /** Where it came from: `pkg-config`, or the suite's name and package. */
  readonly source: string;
}

export interface UnicornFiles extends UnicornVersion {
  readonly includes: string;
  readonly libraries: string;
}

/** Compares the dotted numbers at the start of two versions (`2.1.4-4` is at least `2.1.4`). */
export function atLeast(version: string, least: string): boolean {
  const numbers = (text: string): number[] =>
    (/^\d+(\.\d+)*/.exec(text.replace(/^\d+:/, ''))?.[0] ?? '0').split('.').map(Number);
  const [have, want] = [numbers(version), numbers(least)];
  for (let index = 0; index < want.length; index++) {
    const difference = (have[index] ?? 0) - want[index]!;
    if (difference !== 0) return difference > 0;
  }
  return true;
}

const isWanted = (version: string): boolean => atLeast(version, leastUnicorn);

function systemUnicorn(): UnicornFiles | undefined {
  const version = ask(['pkg-config', '--modversion', 'unicorn']);
  const includes = ask(['pkg-config', '--variable=includedir', 'unicorn']);
  const libraries = ask(['pkg-config', '--variable=libdir', 'unicorn']);
  if (version === undefined || includes === undefined || libraries === undefined || !isWanted(version))
    return undefined;
  const library = sharedLibrary(libraries);
  return { version, sha256: sha256Of(join(libraries, library)), source: 'pkg-config', includes, libraries };
}

/** The name of the library file that the addon is linked with. */
export function sharedLibrary(folder: string): string {
  const name = existsSync(folder)
    ? readdirSync(folder).find((file) => /^libunicorn\.(so\.\d+|\d+\.dylib)$/.test(file))
    : undefined;
  if (name !== undefined) return name;
  throw new SetupError('setup.unicorn', 'Unicorn is installed without its shared library', { facts: { folder } });
}

interface UnicornPackages extends UnicornVersion {
  readonly headers: PackageFile;
  readonly library: PackageFile;
}

/** The packages of the first suite that offers a version new enough. */
async function downloadUnicorn(): Promise<UnicornPackages> {
  const suites: readonly Suite[] = ['own', 'testing', 'sid'];
  const offers: string[] = [];
  let unreachable: MelfError | undefined;
  for (const suite of suites) {
    const state = aptState(suite, hostArchitecture());
    try {
      const offered = await state.versions('libunicorn-dev');
      offers.push(`${suite}: ${offered.join(' ') || 'none'}`);
      if (!offered.some(isWanted)) continue;
    } catch (error) {
      // A distribution without this suite, or a mirror without its index: another one may serve. Without its own there is no network.
      if (!(error instanceof MelfError) || suite === 'own') throw error;
      if (error.code === 'setup.no-index') unreachable ??= error;
      offers.push(`${suite}: ${error.message}`);
      continue;
    }
    const headers = await state.download('libunicorn-dev', isWanted);
    const libraryName = /libunicorn\d\w*/.exec(await packageField(headers.file, 'Depends'))?.[0];
    if (libraryName === undefined)
      throw new SetupError('setup.unicorn', 'libunicorn-dev names no library package in its Depends field');
    const library = await state.download(libraryName, (version) => version === headers.version);
    return { headers, library, version: library.version, sha256: library.sha256, source: `${suite}: ${libraryName}` };
  }
  if (unreachable !== undefined) throw unreachable;
  throw new SetupError('setup.unicorn', `No suite of this machine's mirror offers Unicorn >= ${leastUnicorn}`, {
    facts: { offered: offers.join('; ') },
    hint: `Install Unicorn >= ${leastUnicorn} so that pkg-config finds it.`,
  });
}

/** Unicorn's headers and library, fetched when the machine has none that is new enough. */
export async function ensureUnicorn(cache: Cache): Promise<UnicornFiles> {
  const present = systemUnicorn();
  if (present !== undefined) return present;
  if (!aptExists()) {
    throw new SetupError(
      'setup.unicorn',
      `pkg-config finds no Unicorn >= ${leastUnicorn}, and this machine has no apt to fetch it with`,
      {
        hint: `Install Unicorn >= ${leastUnicorn} (on macOS: brew install unicorn pkg-config; on Arch: pacman -S unicorn).`,
      },
    );
  }
  const { entry, ...unicorn } = await cache.recorded(
    'unicorn',
    hostArchitecture(),
    `Unicorn >= ${leastUnicorn}`,
    async () => {
      const { headers, library, ...version } = await downloadUnicorn();
      const name = entryName(library);
      await cache.entry('unicorn', name, (folder) => unpackPackages([headers, library], folder));
      return { entry: name, ...version };
    },
  );
  const usr = join(cache.path('unicorn', entry), 'usr');
  const library = readdirSync(join(usr, 'lib'), { recursive: true, encoding: 'utf8' }).find((path) =>
    /(^|\/)libunicorn\.so\.\d+$/.test(path),
  );
  if (library === undefined)
    throw new SetupError('setup.unicorn', 'The package of Unicorn holds no library', { facts: { folder: usr } });
  return { ...unicorn, includes: join(usr, 'include'), libraries: dirname(join(usr, 'lib', library)) };
}
