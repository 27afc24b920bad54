// SQLite as object files: without debugging, and twice with SQLITE_DEBUG, which differ in one thing: whether assert() checks.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cache, hashOf } from '../../setup/cache.ts';
import { inParallel, run } from '../../setup/command.ts';
import { step } from '../../setup/progress.ts';
import { ensureToolchain, type Isa, type Toolchain } from '../../setup/toolchain.ts';
import { type Amalgamation, ensureAmalgamation } from './amalgamation.ts';

export const compileNames = ['plain', 'noassert', 'assert'] as const;
/** `plain`: as users compile SQLite. The others: the two variants. */
export type CompileName = (typeof compileNames)[number];

/** One section per function and datum, for the linker to place; no position independence and no canaries, which variants would only differ in. */
export const baseFlags: readonly string[] = [
  '-O2',
  '-ffunction-sections',
  '-fdata-sections',
  '-fno-pie',
  '-fno-stack-protector',
  '-fcf-protection=none',
];

/** Those that the ISA's compiler knows. */
export const flagsFor = (isa: Isa, flags: readonly string[]): string[] => [
  ...flags.filter((flag) => isa === 'x86-64' || !flag.startsWith('-fcf-protection')),
  ...(isa === 'aarch64' ? ['-mno-outline-atomics'] : []),
];

/** SQLite's own options, the same everywhere. */
const sqliteOptions: readonly string[] = [
  '-DSQLITE_THREADSAFE=1',
  '-DSQLITE_OMIT_LOAD_EXTENSION',
  '-DSQLITE_TEMP_STORE=2',
  '-DHAVE_USLEEP=1',
];

/**
 * What keeps the two variants alike in everything but the code of their functions:
 * - callers know no more of a callee than its prototype says (ipa-ra, ipa-sra, ipa-cp, partial inlining, cold halves), as in memcached's
 *   build (memcached-profiling/executable.ts);
 * - the same functions exist in both: an assertion makes a function larger, so one that is inlined away in `noassert` is not in
 *   `assert`. So nothing is inlined by size or for being called once, and equal functions are not merged;
 * - the same data exist in both: of a variable that only assertions read, the compiler removes the stores
 *   (ipa-reference-addressable). SQLite's mutexIsInit is one: initialised by `noassert`, an assertion in `assert` would find it 0.
 * Frame pointers, and calls at a function's end that stay calls, are for the stacks in reports of failed assertions.
 */
const variantRules: readonly string[] = [
  '-fno-ipa-ra',
  '-fno-ipa-sra',
  '-fno-ipa-cp',
  '-fno-ipa-icf',
  '-fno-partial-inlining',
  '-fno-reorder-blocks-and-partition',
  '-fno-tree-switch-conversion',
  '-fno-inline-small-functions',
  '-fno-inline-functions-called-once',
  '-fno-ipa-reference-addressable',
  '-fno-omit-frame-pointer',
  '-fno-optimize-sibling-calls',
];

const compileFlags: Readonly<Record<CompileName, readonly string[]>> = {
  plain: [],
  noassert: [...variantRules, '-DSQLITE_DEBUG', '-DMELF_ASSERTIONS=0'],
  assert: [...variantRules, '-DSQLITE_DEBUG', '-DMELF_ASSERTIONS=1'],
};

/** How a variant is compiled, for `.melf` and reports. */
export const flagsOf = (name: CompileName): string[] => [...baseFlags, ...sqliteOptions, ...compileFlags[name]];

const shimFolder = join(import.meta.dirname, 'guest/shim');
const compileJobs = 2;

export interface SqliteBuild {
  readonly objects: Readonly<Record<CompileName, string>>;
  readonly amalgamation: Amalgamation;
  readonly toolchain: Toolchain;
}

async function compile(name: CompileName, { folder }: Amalgamation, toolchain: Toolchain): Promise<string> {
  const shim = readdirSync(shimFolder).map((header) => readFileSync(join(shimFolder, header)));
  const flags = flagsFor(toolchain.isa, flagsOf(name));
  const key = hashOf([toolchain.hash, folder.slice(cache.root.length), ...flags, ...shim]);
  const label = `SQLite, ${name} (${toolchain.isa})`;
  const made = await cache.entry(
    'objects',
    `sqlite3-${name}-${key}`,
    (temporary) =>
      step(label, async () => {
        // __FILE__ must not depend on where the project lies.
        const fixed = [`-ffile-prefix-map=${folder}/=`, `-I${shimFolder}`];
        const source = join(folder, 'sqlite3.c');
        await run([...toolchain.cc, ...flags, ...fixed, '-c', source, '-o', join(temporary, 'sqlite3.o')]);
      }),
    { what: label },
  );
  return join(made, 'sqlite3.o');
}

/** Compiles what is not in the cache yet: about half a minute of one CPU for each object. */
export async function buildSqlite(isa: Isa): Promise<SqliteBuild> {
  const toolchain = await ensureToolchain(isa);
  const amalgamation = await ensureAmalgamation();
  const tasks = compileNames.map((name) => () => compile(name, amalgamation, toolchain));
  const paths = await inParallel(tasks, compileJobs);
  const objects = Object.fromEntries(compileNames.map((name, index) => [name, paths[index]!]));
  return { objects: objects as Record<CompileName, string>, amalgamation, toolchain };
}
