// memcached and libevent as object files, once per variant. Both are configured once, with the fast flags; a variant compiles the same
// sources with the same generated headers and more flags, so that variants can differ in their code only.

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { run } from '../../base/command.ts';
import { inParallel } from '../../base/parallel.ts';
import { cache, hashOf } from '../../setup/cache.ts';
import { SetupError } from '../../setup/errors.ts';
import { step } from '../../setup/progress.ts';
import { applyPatch, ensureSource, levelTimes, type Source } from '../../setup/sources.ts';
import { ensureToolchain, type Isa, type Toolchain } from '../../setup/toolchain.ts';

export interface VariantFlags {
  readonly name: string;
  /** Added to `baseFlags`. */
  readonly cflags: readonly string[];
}

export interface MemcachedBuildOptions {
  readonly isa: Isa;
  readonly variants: readonly VariantFlags[];
  /** Unified diffs, applied in order to a copy of the configured memcached tree with `patch -p1`. */
  readonly patches: readonly string[];
  /** Folders of headers that the patches include; their contents are part of the key. */
  readonly includes?: readonly string[];
}

export interface VariantObjects {
  /** One object per source file, named after it. */
  readonly memcached: readonly string[];
  readonly libevent: readonly string[];
}

export interface MemcachedBuild {
  readonly variants: Readonly<Record<string, VariantObjects>>;
  readonly toolchain: Toolchain;
  readonly sources: { readonly memcached: string; readonly libevent: string };
}

/** One section per function and datum, for the linker to place; no position independence and no canaries, which variants would only differ in. */
export const baseFlags: readonly string[] = [
  '-O2',
  '-ffunction-sections',
  '-fdata-sections',
  '-fno-pie',
  '-fno-stack-protector',
];

const linkFlags = '-static -no-pie';
const compileJobs = 2;

/** Where a configured tree keeps what a compile command needs, written beside its Makefile. */
interface CompilePlan {
  readonly units: readonly string[];
  readonly flags: readonly string[];
}

const planName = 'melf-compile-plan.json';
const readPlan = (tree: string): CompilePlan => JSON.parse(readFileSync(join(tree, planName), 'utf8')) as CompilePlan;

/** Asks make for the values of variables, after all its includes and conditions. */
async function makeVariables(tree: string, names: readonly string[]): Promise<string[]> {
  const printer = join(tree, 'melf-variables.mk');
  writeFileSync(
    printer,
    `include Makefile\nmelf-variables:\n${names.map((name) => `\t@echo '$(${name})'\n`).join('')}`,
  );
  const output = await run(['make', '-s', '-f', 'melf-variables.mk', 'melf-variables'], { cwd: tree });
  return output.split('\n').slice(0, names.length);
}

const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');

/** What automake would compile for `target` and with which flags, beside `CFLAGS`. */
async function writePlan(tree: string, target: string, perTarget: string): Promise<void> {
  const names = [`${target}_SOURCES`, 'DEFS', 'DEFAULT_INCLUDES', 'INCLUDES', perTarget, 'CPPFLAGS', 'AM_CFLAGS'];
  const [sources = '', ...flags] = await makeVariables(tree, names);
  const units = words(sources).filter((name) => name.endsWith('.c'));
  if (units.length === 0)
    throw new SetupError('memcached.no-units', `The Makefile of ${target} names no C files`, { facts: { tree } });
  const plan: CompilePlan = { units, flags: flags.flatMap(words) };
  writeFileSync(join(tree, planName), JSON.stringify(plan));
}

/** Compiles every unit of a configured tree into `folder` and gives the objects in the order of the units. */
async function compileTree(
  toolchain: Toolchain,
  tree: string,
  flags: readonly string[],
  folder: string,
): Promise<string[]> {
  const plan = readPlan(tree);
  // Debug information and __FILE__ must not depend on where the project lies.
  const fixed = [...plan.flags, ...baseFlags, `-ffile-prefix-map=${cache.root}=.cache`, ...flags];
  const tasks = plan.units.map((unit) => async () => {
    const name = objectName(unit);
    await run([...toolchain.cc, ...fixed, '-c', unit, '-o', join(folder, name)], { cwd: tree });
    return name;
  });
  return inParallel(tasks, compileJobs);
}

/** `proto_text.c` becomes `proto_text.o`, `vendor/mcmc/mcmc.c` becomes `vendor-mcmc-mcmc.o`. */
const objectName = (unit: string): string => unit.replaceAll('/', '-').replace(/\.c$/, '.o');

async function configure(tree: string, toolchain: Toolchain, args: readonly string[], log: string): Promise<void> {
  const argv = [
    'sh',
    './configure',
    `--host=${toolchain.triple}`,
    '--disable-dependency-tracking',
    `CC=${toolchain.wrapper}`,
  ];
  const tools = [
    `AR=${toolchain.ar}`,
    `RANLIB=${toolchain.ranlib}`,
    `CFLAGS=${baseFlags.join(' ')}`,
    `LDFLAGS=${linkFlags}`,
  ];
  // Cross builds cannot run the programs that find these out; both ISAs are little-endian and allow unaligned loads.
  const env = { ac_cv_c_alignment: 'none', ac_cv_c_endian: 'little' };
  await run([...argv, ...tools, ...args], { cwd: tree, env, log });
}

/** A file outside the cache entries, so that it is there after a failure. */
const logFile = (name: string): string => join(cache.stateFolder('logs'), `${name}.log`);

/** Where libevent's archive and the objects in it lie, which are those of a variant without flags of its own. */
const archiveFolder = 'lib';

/** libevent configured, its archive for memcached's configure in `root/lib`, its headers in `include/`. */
function configuredLibevent(source: Source, toolchain: Toolchain): Promise<string> {
  const key = hashOf(['libevent', source.sha256, toolchain.hash, ...baseFlags]);
  const label = `libevent ${source.version} configured for ${toolchain.isa}`;
  return cache.entry(
    'configured',
    `libevent-${key}`,
    (folder) =>
      step(label, async () => {
        cpSync(source.folder, folder, { recursive: true, preserveTimestamps: true });
        const off = ['shared', 'openssl', 'samples', 'libevent-regress', 'debug-mode'].map(
          (part) => `--disable-${part}`,
        );
        await configure(folder, toolchain, off, logFile(`libevent-${toolchain.isa}`));
        await run(['make', 'include/event2/event-config.h'], { cwd: folder });
        await writePlan(folder, 'libevent_la', 'AM_CPPFLAGS');
        const archive = join(folder, archiveFolder);
        mkdirSync(archive);
        const objects = await compileTree(toolchain, folder, [], archive);
        await run([toolchain.ar, 'rcsD', 'libevent.a', ...objects], { cwd: archive });
      }),
    { what: label },
  );
}

function configuredMemcached(source: Source, libevent: string, toolchain: Toolchain): Promise<string> {
  const key = hashOf(['memcached', source.sha256, libevent, toolchain.hash, ...baseFlags]);
  const label = `memcached ${source.version} configured for ${toolchain.isa}`;
  return cache.entry(
    'configured',
    `memcached-${key}`,
    (folder) =>
      step(label, async () => {
        cpSync(source.folder, folder, { recursive: true, preserveTimestamps: true });
        const args = ['--disable-coverage', '--disable-docs', `--with-libevent=${libevent}`];
        await configure(folder, toolchain, args, logFile(`memcached-${toolchain.isa}`));
        await writePlan(folder, 'memcached', 'memcached_CPPFLAGS');
      }),
    { what: label },
  );
}

function patchedTree(tree: string, patches: readonly string[]): Promise<string> {
  if (patches.length === 0) return Promise.resolve(tree);
  const key = hashOf([tree, ...patches.map((patch) => readFileSync(patch))]);
  return cache.entry('patched', `memcached-${key}`, async (folder) => {
    cpSync(tree, folder, { recursive: true, preserveTimestamps: true });
    for (const patch of patches) await applyPatch(folder, patch);
    levelTimes(folder);
  });
}

/** Every file below the folders with its content, in a fixed order. */
function contents(folders: readonly string[]): (string | Uint8Array)[] {
  return folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .sort()
      .filter((name) => statSync(join(folder, name)).isFile())
      .flatMap((name) => [name, readFileSync(join(folder, name))]),
  );
}

interface ObjectsRequest {
  readonly label: string;
  readonly tree: string;
  readonly toolchain: Toolchain;
  readonly flags: readonly string[];
  readonly includes: readonly string[];
}

async function objectsOf({ label, tree, toolchain, flags, includes }: ObjectsRequest): Promise<string[]> {
  if (flags.length === 0 && includes.length === 0 && existsSync(join(tree, archiveFolder))) {
    return readPlan(tree).units.map((unit) => join(tree, archiveFolder, objectName(unit)));
  }
  const key = hashOf([relative(cache.root, tree), toolchain.hash, ...baseFlags, ...flags, ...contents(includes)]);
  const allFlags = [...flags, ...includes.map((folder) => `-I${folder}`)];
  const folder = await cache.entry(
    'objects',
    key,
    (temporary) => step(label, async () => void (await compileTree(toolchain, tree, allFlags, temporary))),
    { what: label },
  );
  return readPlan(tree).units.map((unit) => join(folder, objectName(unit)));
}

/** Builds what is not in the cache yet. The order of variants and units does not change any object. */
export async function buildMemcached({
  isa,
  variants,
  patches,
  includes = [],
}: MemcachedBuildOptions): Promise<MemcachedBuild> {
  const toolchain = await ensureToolchain(isa);
  const [memcached, libevent] = [await ensureSource('memcached'), await ensureSource('libevent')];
  const libeventTree = await configuredLibevent(libevent, toolchain);
  const memcachedTree = await patchedTree(await configuredMemcached(memcached, libeventTree, toolchain), patches);
  const result: Record<string, VariantObjects> = {};
  for (const { name, cflags } of variants) {
    const build = (program: string, tree: string, headers: readonly string[]): Promise<string[]> =>
      objectsOf({ label: `${program}, variant ${name} (${isa})`, tree, toolchain, flags: cflags, includes: headers });
    result[name] = {
      memcached: await build('memcached', memcachedTree, includes),
      libevent: await build('libevent', libeventTree, []),
    };
  }
  return { variants: result, toolchain, sources: { memcached: memcached.version, libevent: libevent.version } };
}
