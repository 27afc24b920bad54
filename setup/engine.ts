// The addon over libunicorn: emulator/native/*.cc compiled to two files, with and without the cheap exit check.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import { findProgram, run } from '../base/command.ts';
import { inParallel } from '../base/parallel.ts';
import { type Cache, hashOf, cache as projectCache } from './cache.ts';
import { SetupError } from './errors.ts';
import { addonTools, ensureHostTools, versionLine } from './host-tools.ts';
import { step } from './progress.ts';
import { projectRoot } from './project.ts';
import { ensureUnicorn, sharedLibrary, type UnicornFiles, type UnicornVersion } from './unicorn.ts';

export interface Engine {
  /** The addon that runs. */
  readonly addon: string;
  /** The same with Unicorn's own exit check, to compare with. */
  readonly stockAddon: string;
  readonly unicorn: UnicornVersion;
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
  const isPrivate = !relative(folder, unicorn.libraries).startsWith('../../../');
  const rpath = isPrivate ? `$ORIGIN/${relative(folder, unicorn.libraries)}` : unicorn.libraries;
  const undefinedSymbols = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : [];
  await run([
    'g++',
    '-shared',
    ...undefinedSymbols,
    ...compiled,
    join(unicorn.libraries, sharedLibrary(unicorn.libraries)),
    `-Wl,-rpath,${rpath}`,
    '-o',
    join(folder, output),
  ]);
  rmSync(objects, { recursive: true });
}

/** Opens an addon in another process, so that one that crashes or lacks a symbol is refused before it is published. */
async function tryToLoad(addon: string): Promise<void> {
  const program = 'process.dlopen({ exports: {} }, process.argv[1], require("node:os").constants.dlopen.RTLD_NOW)';
  await run([process.execPath, '-e', program, addon], { timeout: 60_000 });
}

async function buildEngine(cache: Cache, folder: string): Promise<Engine> {
  const sources = addonSources(folder);
  if (sources.units.length === 0) {
    throw new SetupError('setup.addon-sources', 'There are no addon sources', {
      facts: { folder },
      hint: 'Restore emulator/native/ from git.',
    });
  }
  await ensureHostTools(addonTools);
  const unicorn = await ensureUnicorn(cache);
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
        if (addonSources(folder).hash !== sources.hash) {
          throw new SetupError('setup.addon-sources', 'The addon sources changed while they were compiled', {
            facts: { folder },
            hint: 'Start the same command again.',
          });
        }
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
