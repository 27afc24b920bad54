// Each program in each form, linked by our linker. SQLite's objects are the same files in every form that has them.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LinkInput, LinkOptions } from '../../linker/options.ts';
import { cache, hashOf } from '../../setup/cache.ts';
import { step } from '../../setup/progress.ts';
import type { Isa } from '../../setup/toolchain.ts';
import { compileGuestObject, linkerSources } from '../runner/guest-object.ts';
import { baseFlags, buildSqlite, type CompileName, flagsFor, flagsOf, type SqliteBuild } from './build.ts';
import { type Form, formNames, forms, type Program, programs } from './forms.ts';

const guestFolder = join(import.meta.dirname, 'guest');
const libmelfFolder = join(import.meta.dirname, '../../overlay/guest/libmelf');
const guest = (name: string): string => join(guestFolder, name);

const programSources = (program: Program, { amalgamation }: SqliteBuild): string[] =>
  program === 'service'
    ? ['service.c', 'session.c', 'policy.c', 'plant.c'].map(guest)
    : [join(amalgamation.folder, 'speedtest1.c')];

/** Frame pointers, for the stacks in reports of failed assertions. */
const guestFlags = ['-std=gnu11', ...baseFlags, '-fno-omit-frame-pointer', '-fno-optimize-sibling-calls'];

async function guestObjects(program: Program, form: Form, build: SqliteBuild): Promise<string[]> {
  const { toolchain, amalgamation } = build;
  const [only, second] = forms[form] as readonly CompileName[];
  const oneVariant = [`-DONE_VARIANT=${only === 'assert' ? 1 : 0}`];
  const melf =
    second === undefined
      ? { source: guest('one-variant.c'), flags: oneVariant }
      : { source: join(libmelfFolder, 'melf.c'), flags: [] };
  const sources = [...programSources(program, build), guest('assertion.c')].map((source) => ({
    source,
    flags: source.startsWith(guestFolder) ? ['-Wall', '-Wextra', '-Werror'] : ['-DSQLITE_OMIT_LOAD_EXTENSION'],
  }));
  const paths: string[] = [];
  for (const { source, flags } of [...sources, melf]) {
    const all = flagsFor(toolchain.isa, [...guestFlags, ...flags]);
    const includes = [guestFolder, libmelfFolder, amalgamation.folder];
    paths.push(await compileGuestObject(toolchain, { source, flags: all, includes }));
  }
  return paths;
}

function linkOptions(variants: readonly CompileName[], build: SqliteBuild, guestPaths: readonly string[]): LinkOptions {
  const { crt, libc, libgcc, isa, version } = build.toolchain;
  const multivariant = variants.length > 1;
  const sqlite = variants.map((name): LinkInput => {
    const input = { path: build.objects[name], unit: 'sqlite3' };
    return multivariant ? { ...input, variant: name } : input;
  });
  const common = (path: string): LinkInput => ({ path });
  return {
    isa,
    inputs: [
      ...[crt.crt1, crt.crti].map(common),
      ...sqlite,
      ...guestPaths.map(common),
      ...[libc, libgcc, crt.crtn].map(common),
    ],
    ...(multivariant ? { variants: variants.map((name) => ({ name, flags: flagsOf(name).join(' ') })) } : {}),
    gcSections: true,
    buildFlags: version,
  };
}

async function linkForm(program: Program, form: Form, build: SqliteBuild): Promise<string> {
  const options = linkOptions(forms[form], build, await guestObjects(program, form, build));
  const key = hashOf([program, form, JSON.stringify(options), build.toolchain.hash, ...linkerSources()]);
  const folder = await cache.entry('executables', key, (temporary) =>
    step(`linked ${program}, ${form}`, async () => {
      // Only now: a link is rare, and the linker is much to load.
      const { link } = await import('../../linker/link.ts');
      writeFileSync(join(temporary, program), link(options).bytes, { mode: 0o755 });
    }),
  );
  return join(folder, program);
}

/** What the linker says to variants that must not be linked: SQLite as it is compiled by default, and with assertions. */
export interface Refusal {
  readonly refused: boolean;
  readonly message: string;
}

/** Tries to link the pair that one would take first: with and without SQLITE_DEBUG. Its structs differ. */
async function refuseNaivePair(build: SqliteBuild): Promise<Refusal> {
  const options = linkOptions(['plain', 'assert'], build, await guestObjects('service', 'melf', build));
  const key = hashOf(['naive', JSON.stringify(options), build.toolchain.hash, ...linkerSources()]);
  const folder = await cache.entry('executables', key, async (temporary) => {
    const { link } = await import('../../linker/link.ts');
    const { LinkError } = await import('../../linker/errors.ts');
    const tried = (): Refusal => {
      try {
        link(options);
        return { refused: false, message: 'linked without a complaint' };
      } catch (error) {
        if (!(error instanceof LinkError)) throw error;
        return { refused: true, message: error.message };
      }
    };
    writeFileSync(join(temporary, 'refusal.json'), JSON.stringify(tried()));
  });
  return JSON.parse(readFileSync(join(folder, 'refusal.json'), 'utf8')) as Refusal;
}

export interface Executables {
  readonly paths: Readonly<Record<Program, Readonly<Record<Form, string>>>>;
  readonly refusal: Refusal;
  readonly versions: Readonly<Record<string, string>>;
}

/** Builds and links what is not in the cache yet. */
export async function ensureExecutables(isa: Isa): Promise<Executables> {
  const build = await buildSqlite(isa);
  const paths: Record<string, Record<string, string>> = {};
  for (const program of programs) {
    paths[program] = {};
    for (const form of formNames) paths[program][form] = await linkForm(program, form, build);
  }
  return {
    paths: paths as Executables['paths'],
    refusal: await refuseNaivePair(build),
    versions: { sqlite: build.amalgamation.version, toolchain: build.toolchain.version },
  };
}
