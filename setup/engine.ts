// Unicorn and the addon over it: libunicorn from pkg-config or from a Debian package unpacked in .cache/, and
// emulator/native/*.cc compiled to two files, with and without the cheap exit check.

import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { type Cache, hashOf, cache as projectCache } from './cache.ts';
import { ask, findProgram, inParallel, run } from './command.ts';
import { SetupError } from './errors.ts';
import { addonTools, ensureHostTools, versionLine } from './host-tools.ts';
import {
  aptExists,
  aptState,
  hostArchitecture,
  packageField,
  type Suite,
  sha256Of,
  unpackPackages,
} from './packages.ts';
import { step } from './progress.ts';
import { projectRoot } from './project.ts';

export const leastUnicorn = '2.1.4';

export interface UnicornVersion {
  readonly version: string;
  /** Of the package that holds the library, or of the library file when it is the system's. */
  readonly sha256: string;
  /** Where it came from: `pkg-config`, or the suite's name and package. */
  readonly source: string;
}

export interface Engine {
  /** The addon that runs. */
  readonly addon: string;
  /** The same with Unicorn's own exit check, to compare with. */
  readonly stockAddon: string;
  readonly unicorn: UnicornVersion;
}

interface UnicornFiles extends UnicornVersion {
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

function systemUnicorn(): UnicornFiles | undefined {
  const version = ask(['pkg-config', '--modversion', 'unicorn']);
  if (version === undefined || !atLeast(version, leastUnicorn)) return undefined;
  const includes = ask(['pkg-config', '--variable=includedir', 'unicorn']);
  const libraries = ask(['pkg-config', '--variable=libdir', 'unicorn']);
  if (includes === undefined || libraries === undefined) return undefined;
  const library = readdirSync(libraries).find((name) => /^libunicorn\.(so|dylib|\d)/.test(name));
  if (library === undefined) return undefined;
  return { version, sha256: sha256Of(join(libraries, library)), source: 'pkg-config', includes, libraries };
}

const suitesInTurn: readonly Suite[] = ['own', 'testing', 'sid'];
const receiptName = 'melf-unicorn.json';

/** A finished package of an earlier run, so that nothing is asked of the network again. */
function unpackedUnicorn(cache: Cache): UnicornFiles | undefined {
  const folder = join(cache.root, 'unicorn');
  if (!existsSync(folder)) return undefined;
  const entries = readdirSync(folder).filter((name) => existsSync(join(folder, name, receiptName)));
  const found = entries.map((name) => ({
    name,
    ...(JSON.parse(readFileSync(join(folder, name, receiptName), 'utf8')) as UnicornVersion),
  }));
  found.sort((a, b) => (atLeast(a.version, b.version) ? -1 : 1));
  const best = found.find(({ version }) => atLeast(version, leastUnicorn));
  if (best === undefined) return undefined;
  const { name, ...unicorn } = best;
  const usr = join(folder, name, 'usr');
  const libraries = readdirSync(join(usr, 'lib'), { recursive: true, encoding: 'utf8' }).find((path) =>
    /(^|\/)libunicorn\.so\.\d+$/.test(path),
  );
  if (libraries === undefined)
    throw new SetupError('setup.unicorn', `The unpacked Unicorn package has no libunicorn.so`, {
      facts: { folder: usr },
    });
  return { ...unicorn, includes: join(usr, 'include'), libraries: dirname(join(usr, 'lib', libraries)) };
}

async function fetchUnicorn(cache: Cache): Promise<void> {
  const wanted = (version: string): boolean => atLeast(version, leastUnicorn);
  const tried: string[] = [];
  for (const suite of suitesInTurn) {
    const state = aptState(suite, hostArchitecture());
    let offered: string[];
    try {
      offered = await state.versions('libunicorn-dev');
    } catch (error) {
      if (!(error instanceof SetupError) || error.code !== 'setup.no-suite') throw error;
      offered = [];
    }
    tried.push(`${suite}: ${offered.join(' ') || 'none'}`);
    if (!offered.some(wanted)) continue;
    const headers = await state.download('libunicorn-dev', wanted);
    const runtimeName = /libunicorn\d\w*/.exec(await packageField(headers.file, 'Depends'))?.[0];
    if (runtimeName === undefined)
      throw new SetupError('setup.unicorn', 'libunicorn-dev names no library package in its Depends field');
    const library = await state.download(runtimeName, (version) => version === headers.version);
    await cache.entry(
      'unicorn',
      `${library.version.replaceAll(':', '_')}-${library.sha256.slice(0, 16)}`,
      async (folder) => {
        await unpackPackages([headers, library], folder);
        const receipt: UnicornVersion = {
          version: library.version,
          sha256: library.sha256,
          source: `${suite}: ${runtimeName}`,
        };
        writeFileSync(join(folder, receiptName), JSON.stringify(receipt, undefined, 2));
      },
    );
    return;
  }
  throw new SetupError('setup.unicorn', `No suite of this machine's mirror offers Unicorn >= ${leastUnicorn}`, {
    facts: { offered: tried.join('; ') },
    hint: `Install Unicorn >= ${leastUnicorn} so that pkg-config finds it.`,
  });
}

async function ensureUnicorn(cache: Cache): Promise<UnicornFiles> {
  const present = systemUnicorn() ?? unpackedUnicorn(cache);
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
  await step(`Unicorn >= ${leastUnicorn}`, () =>
    cache.locked(
      'unicorn',
      async () => {
        if (unpackedUnicorn(cache) === undefined) await fetchUnicorn(cache);
      },
      { what: 'fetching Unicorn' },
    ),
  );
  return unpackedUnicorn(cache)!;
}

interface AddonSources {
  readonly folder: string;
  readonly units: readonly string[];
  readonly hash: string;
}

function addonSources(folder: string): AddonSources {
  const names = existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => /\.(cc|h)$/.test(name))
        .sort()
    : [];
  const hash = hashOf(names.flatMap((name) => [name, readFileSync(join(folder, name))]));
  return { folder, units: names.filter((name) => name.endsWith('.cc')), hash };
}

const addonName = 'melf-engine.node';
const stockAddonName = 'melf-engine-stock.node';
const compileFlags = [
  '-std=c++17',
  '-O2',
  '-g1',
  '-fPIC',
  '-fvisibility=hidden',
  '-Wall',
  '-Wextra',
  '-Wno-unused-parameter',
];

/** Written as `current.json` when an engine is finished: what it was made from, to be compared on the next start. */
interface EngineReceipt {
  readonly entry: string;
  readonly sources: string;
  readonly napi: string;
  readonly compiler: string;
  readonly unicorn: UnicornVersion;
}

const abi = (): string =>
  `${process.platform}-${process.arch}-napi${process.versions.napi}-modules${process.versions.modules}`;

/** The compiler as a start can check it cheaply: its file, size and time; '' when it is gone (an installed addon still runs). */
function compilerIdentity(): string {
  const path = findProgram('g++');
  if (path === undefined) return '';
  const { size, mtimeMs } = statSync(path);
  return `${path} ${size} ${mtimeMs}`;
}

const engineReceipt = (cache: Cache) => cache.receipt<EngineReceipt>('engine', 'current');

const nativeFolder = join(projectRoot, 'emulator', 'native');

/** The engine of an earlier set-up when it fits the sources and this Node, with no process started and no network: for the start of every command. */
export function installedEngine(cache: Cache = projectCache, folder: string = nativeFolder): Engine | undefined {
  const receipt = engineReceipt(cache).read();
  if (receipt === undefined) return undefined;
  const compiler = compilerIdentity();
  const fits =
    receipt.sources === addonSources(folder).hash &&
    receipt.napi === abi() &&
    (compiler === '' || receipt.compiler === compiler);
  const engine = engineAt(cache.path('engine', receipt.entry), receipt.unicorn);
  return fits && existsSync(engine.addon) && existsSync(engine.stockAddon) ? engine : undefined;
}

const engineAt = (folder: string, unicorn: UnicornVersion): Engine => ({
  addon: join(folder, addonName),
  stockAddon: join(folder, stockAddonName),
  unicorn,
});

function nodeApiHeaders(): string {
  const { include_dir: folder } = createRequire(import.meta.url)('node-api-headers') as { include_dir: string };
  return folder;
}

async function compileAddon(
  sources: AddonSources,
  unicorn: UnicornFiles,
  folder: string,
  output: string,
  defines: readonly string[],
): Promise<void> {
  const objects = join(folder, `objects-${output}`);
  mkdirSync(objects);
  const includes = [`-I${nodeApiHeaders()}`, `-I${unicorn.includes}`, `-I${sources.folder}`];
  const tasks = sources.units.map((unit) => async () => {
    const object = join(objects, `${unit}.o`);
    await run(['g++', ...compileFlags, ...defines, ...includes, '-c', join(sources.folder, unit), '-o', object]);
    return object;
  });
  const compiled = await inParallel(tasks, 2);
  const library = readdirSync(unicorn.libraries).find((name) => /^libunicorn\.(so\.\d+|\d+\.dylib)$/.test(name)) ?? '';
  const isPrivate = !relative(folder, unicorn.libraries).startsWith('../../../');
  const rpath = isPrivate ? `$ORIGIN/${relative(folder, unicorn.libraries)}` : unicorn.libraries;
  const undefinedSymbols = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : [];
  await run([
    'g++',
    '-shared',
    ...undefinedSymbols,
    ...compiled,
    join(unicorn.libraries, library),
    `-Wl,-rpath,${rpath}`,
    '-o',
    join(folder, output),
  ]);
}

/** Opens an addon in another process, so that one that crashes or lacks a symbol is refused before it is published. */
async function tryToLoad(addon: string): Promise<void> {
  await run([process.execPath, '-e', 'process.dlopen({ exports: {} }, process.argv[1])', addon], { timeout: 60_000 });
}

async function buildEngine(cache: Cache, folder: string): Promise<Engine> {
  const sources = addonSources(folder);
  if (sources.units.length === 0) {
    throw new SetupError('setup.addon-sources', 'There are no addon sources', {
      facts: { folder },
      hint: 'Restore emulator/native/ from git.',
    });
  }
  const unicorn = await ensureUnicorn(cache);
  await ensureHostTools(addonTools);
  const key = hashOf([
    sources.hash,
    unicorn.version,
    unicorn.sha256,
    unicorn.libraries,
    versionLine('g++'),
    abi(),
    ...compileFlags,
  ]);
  const entry = await cache.entry(
    'engine',
    key,
    (output) =>
      step('engine addon', async () => {
        await compileAddon(sources, unicorn, output, addonName, ['-DMELF_FAST_EXIT_CHECK=1']);
        await compileAddon(sources, unicorn, output, stockAddonName, []);
        for (const name of [addonName, stockAddonName]) await tryToLoad(join(output, name));
      }),
    { what: 'building the engine addon' },
  );
  const { version, sha256, source } = unicorn;
  const receipt: EngineReceipt = {
    entry: key,
    sources: sources.hash,
    napi: abi(),
    compiler: compilerIdentity(),
    unicorn: { version, sha256, source },
  };
  engineReceipt(cache).write(receipt);
  return engineAt(entry, receipt.unicorn);
}

/** Unicorn and the addon, ready to load: fetched and built when absent or outdated. */
export async function ensureEngine(cache: Cache = projectCache, folder: string = nativeFolder): Promise<Engine> {
  return installedEngine(cache, folder) ?? buildEngine(cache, folder);
}
