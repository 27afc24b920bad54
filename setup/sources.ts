// The source code of the guest programs: Debian source packages, fetched with the private apt state, unpacked and patched here with tar
// and patch (dpkg-source is part of no minimal system).

import { createHash } from 'node:crypto';
import { existsSync, lstatSync, lutimesSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { run } from '../base/command.ts';
import { type Cache, cache as projectCache } from './cache.ts';
import { SetupError } from './errors.ts';
import { ensureHostTools, unpackTools } from './host-tools.ts';
import { aptExists, aptState } from './packages.ts';

export type SourceName = 'memcached' | 'libevent' | 'sqlite3' | 'mariadb';

export interface Source {
  readonly name: SourceName;
  /** The package's version, as `1.6.18-1`. */
  readonly version: string;
  /** The unpacked tree with Debian's patches applied. Shared by all: copy it before changing it. */
  readonly folder: string;
  /** SHA-256 of the `.dsc`, which holds those of all files of the package. */
  readonly sha256: string;
}

/** The upstream versions that the scenarios were made for, taken when the mirror has them. */
const preferredVersions: Readonly<Record<SourceName, string>> = {
  memcached: '1.6.18',
  libevent: '2.1.12',
  sqlite3: '3.40.1',
  mariadb: '10.11.18',
};

/** Whether a Debian version is one of the upstream version: `2.1.12-stable-8` of `2.1.12`, `1:10.11.18-0+deb12u1` of `10.11.18`. */
export function matchesUpstream(upstream: string, version: string): boolean {
  return new RegExp(`^${upstream.replaceAll('.', '\\.')}(?![0-9.])`).test(version.replace(/^\d+:/, ''));
}

/** The files of a source package with their hashes: the `Checksums-Sha256` field of its `.dsc` (Debian Policy 5.6.24). */
export function parseDsc(text: string): { format: string; files: { name: string; sha256: string }[] } {
  const format = /^Format:\s*(.+)$/m.exec(text)?.[1]?.trim() ?? '1.0';
  const files = [...text.matchAll(/^ ([0-9a-f]{64}) +\d+ +(\S+)$/gm)].map((match) => ({
    sha256: match[1]!,
    name: match[2]!,
  }));
  return { format, files };
}

function checkHashes(folder: string, dsc: ReturnType<typeof parseDsc>): void {
  for (const { name, sha256 } of dsc.files) {
    const actual = createHash('sha256')
      .update(readFileSync(join(folder, name)))
      .digest('hex');
    if (actual !== sha256) {
      throw new SetupError('setup.hash', `${name} has another hash than its .dsc says`, {
        facts: { expected: sha256, actual },
      });
    }
  }
}

/** The patch files that a quilt series names, in order; comments and patch options left out. */
export function parseSeries(text: string): string[] {
  return text
    .split('\n')
    .map(
      (line) =>
        line
          .replace(/(^|\s)#.*/, '')
          .trim()
          .split(/\s+/)[0] ?? '',
    )
    .filter((name) => name !== '');
}

/** Applies one unified diff in place; nothing is left of a patch that does not fit. */
export async function applyPatch(folder: string, patch: string): Promise<void> {
  await run(['patch', '-p1', '--batch', '--forward', '--silent', '--no-backup-if-mismatch', '-i', patch], {
    cwd: folder,
  });
}

/** Unpacks `format: 3.0 (quilt)` as dpkg-source(1) does: the upstream archive, its components, then debian/ and its patches. */
export async function unpackSourcePackage(dscFile: string, target: string): Promise<void> {
  const folder = dirname(dscFile);
  const dsc = parseDsc(readFileSync(dscFile, 'utf8'));
  checkHashes(folder, dsc);
  if (dsc.format !== '3.0 (quilt)') {
    throw new SetupError(
      'setup.source-format',
      `${basename(dscFile)} has the source format ${dsc.format}, only 3.0 (quilt) is known`,
    );
  }
  const archives = dsc.files.map(({ name }) => name).filter((name) => /\.tar\.\w+$/.test(name));
  const unpackInto = async (name: string, into: string, strip: boolean): Promise<void> => {
    mkdirSync(into, { recursive: true });
    await run([
      'tar',
      '-xf',
      join(folder, name),
      '-C',
      into,
      '--no-same-owner',
      ...(strip ? ['--strip-components=1'] : []),
    ]);
  };
  for (const name of archives) {
    const component = /\.orig-([\w-]+)\.tar\.\w+$/.exec(name)?.[1];
    if (/\.debian\.tar\.\w+$/.test(name)) await unpackInto(name, target, false);
    else if (component !== undefined) await unpackInto(name, join(target, component), true);
    else await unpackInto(name, target, true);
  }
  const patches = join(target, 'debian', 'patches');
  if (!existsSync(join(patches, 'series'))) return;
  for (const name of parseSeries(readFileSync(join(patches, 'series'), 'utf8')))
    await applyPatch(target, join(patches, name));
}

/** 2000-01-01. */
const sameTime = new Date(946_684_800_000);

/**
 * Gives every file of a tree the same time. A patch makes configure.ac newer than configure, and make would then run autoconf, which is not
 * there; of files of equal age make rebuilds none.
 */
export function levelTimes(folder: string): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (lstatSync(path).isDirectory()) levelTimes(path);
    lutimesSync(path, sameTime, sameTime);
  }
}

interface SourceRecord {
  readonly entry: string;
  readonly version: string;
  readonly sha256: string;
}

async function fetchSource(cache: Cache, name: SourceName): Promise<SourceRecord> {
  if (!aptExists()) {
    throw new SetupError(
      'setup.no-apt',
      `The source package ${name} is fetched with apt-get, which this machine does not have`,
      {
        hint: 'Run this on a Debian machine (or in a Debian container), or copy the .cache folder of one to here.',
      },
    );
  }
  await ensureHostTools(unpackTools);
  const state = aptState('own', 'source');
  const offered = await state.versions(name);
  const preferred = offered.some((version) => matchesUpstream(preferredVersions[name], version));
  const files = await state.downloadSource(
    name,
    (version) => !preferred || matchesUpstream(preferredVersions[name], version),
  );
  const sha256 = createHash('sha256').update(readFileSync(files.dsc)).digest('hex');
  const entry = `${name}-${files.version.replaceAll(':', '_')}-${sha256.slice(0, 16)}`;
  await cache.entry('sources', entry, async (folder) => {
    await unpackSourcePackage(files.dsc, folder);
    levelTimes(folder);
  });
  return { entry, version: files.version, sha256 };
}

/** The source tree of a guest program, fetched when absent. */
export async function ensureSource(name: SourceName, cache: Cache = projectCache): Promise<Source> {
  const label = `source code of ${name}`;
  const { entry, version, sha256 } = await cache.recorded('sources', name, label, () => fetchSource(cache, name));
  return { name, version, sha256, folder: cache.path('sources', entry) };
}
