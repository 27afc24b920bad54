// SQLite as object files: without debugging, as users compile it; and by melf-cc with its two variants in one object (melf.toml).

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../base/command.ts';
import { inParallel } from '../../base/parallel.ts';
import { decodeFat, FAT_SECTION, sectionNamed } from '../../linker/fat-object.ts';
import { cache, hashOf } from '../../setup/cache.ts';
import { step } from '../../setup/progress.ts';
import { ensureToolchain, type Isa, type Toolchain } from '../../setup/toolchain.ts';
import { type Amalgamation, ensureAmalgamation } from './amalgamation.ts';

/** `plain`: as users compile SQLite. The others: the two variants. */
export type CompileName = 'plain' | 'noassert' | 'assert';

/** One section per function and datum, for the linker to place; no position independence and no canaries, which variants would only differ in. */
const baseFlags: readonly string[] = [
  '-O2',
  '-ffunction-sections',
  '-fdata-sections',
  '-fno-pie',
  '-fno-stack-protector',
];

/** What every compile gets. */
export const flagsFor = (isa: Isa): string[] => [
  ...baseFlags,
  isa === 'x86-64' ? '-fcf-protection=none' : '-mno-outline-atomics',
];

/** SQLite's own options, the same everywhere. */
const sqliteOptions: readonly string[] = [
  '-DSQLITE_THREADSAFE=1',
  '-DSQLITE_OMIT_LOAD_EXTENSION',
  '-DSQLITE_TEMP_STORE=2',
  '-DHAVE_USLEEP=1',
];

const configuration = join(import.meta.dirname, 'melf.toml');
const shimFolder = join(import.meta.dirname, 'guest/shim');
const linkerFolder = join(import.meta.dirname, '../../linker');
const compileJobs = 2;

export interface SqliteBuild {
  /** Ordinary objects, one for each compile. */
  readonly objects: Readonly<Record<CompileName, string>>;
  /** melf-cc's: both variants. */
  readonly fat: string;
  readonly amalgamation: Amalgamation;
  readonly toolchain: Toolchain;
}

/** Calls melf-cc as a makefile would. */
export async function melfCc(toolchain: Toolchain, words: readonly string[]): Promise<void> {
  const driver = join(linkerFolder, 'cc/melf-cc.cjs');
  const env = { MELF_CONFIG: configuration, MELF_CC: toolchain.wrapper };
  await run([process.execPath, driver, ...words], { env });
}

/** What melf-cc makes of one source depends on these of its files. */
const compilerSources = (): Uint8Array[] =>
  [configuration, join(linkerFolder, 'cc/compile.ts'), join(linkerFolder, 'fat-object.ts')].map((file) =>
    readFileSync(file),
  );

interface Compile {
  readonly name: string;
  readonly amalgamation: Amalgamation;
  readonly toolchain: Toolchain;
  /** Contents that the result depends on, beyond the tool chain. */
  readonly inputs: readonly Uint8Array[];
  /** Compiles with these words, which name source and flags, to an object in the folder. */
  readonly make: (words: readonly string[], folder: string) => Promise<void>;
}

/** The folder with what `make` made; about half a minute of one CPU for each variant. */
function compile({ name, amalgamation, toolchain, inputs, make }: Compile): Promise<string> {
  const shim = readdirSync(shimFolder).map((header) => readFileSync(join(shimFolder, header)));
  const flags = [...flagsFor(toolchain.isa), ...sqliteOptions];
  const { folder: sources } = amalgamation;
  const key = hashOf([toolchain.hash, sources.slice(cache.root.length), ...flags, ...shim, ...inputs]);
  const label = `SQLite, ${name} (${toolchain.isa})`;
  // __FILE__ must not depend on where the project lies.
  const words = [...flags, `-ffile-prefix-map=${sources}/=`, `-I${shimFolder}`, '-c', join(sources, 'sqlite3.c')];
  const build = (folder: string): Promise<void> => step(label, () => make(words, folder));
  return cache.entry('objects', `sqlite3-${name.replaceAll(' ', '-')}-${key}`, build, { what: label });
}

/** Each variant as the ordinary object that it is, out of the fat one. */
async function takeApart(fat: string, toolchain: Toolchain, folder: string): Promise<void> {
  await run([toolchain.objcopy, '-R', FAT_SECTION, fat, join(folder, 'noassert.o')]);
  const [variants] = decodeFat(sectionNamed(readFileSync(fat), FAT_SECTION)!, fat);
  for (const { name, object } of variants!) if (object !== undefined) writeFileSync(join(folder, `${name}.o`), object);
}

/** Compiles what is not in the cache yet. */
export async function buildSqlite(isa: Isa): Promise<SqliteBuild> {
  const toolchain = await ensureToolchain(isa);
  const amalgamation = await ensureAmalgamation();
  const plain = (): Promise<string> =>
    compile({
      name: 'plain',
      amalgamation,
      toolchain,
      inputs: [],
      make: async (words, folder) => void (await run([...toolchain.cc, ...words, '-o', join(folder, 'sqlite3.o')])),
    });
  const both = (): Promise<string> =>
    compile({
      name: 'noassert and assert',
      amalgamation,
      toolchain,
      inputs: compilerSources(),
      make: async (words, folder) => {
        const fat = join(folder, 'sqlite3.o');
        await melfCc(toolchain, [...words, '-o', fat]);
        await takeApart(fat, toolchain, folder);
      },
    });
  const [variants, plainFolder] = (await inParallel([both, plain], compileJobs)) as [string, string];
  return {
    objects: {
      plain: join(plainFolder, 'sqlite3.o'),
      noassert: join(variants, 'noassert.o'),
      assert: join(variants, 'assert.o'),
    },
    fat: join(variants, 'sqlite3.o'),
    amalgamation,
    toolchain,
  };
}
