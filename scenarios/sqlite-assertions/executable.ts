// Each program in each form, linked by our linker: the multivariant form by melf-cc, as a makefile would. SQLite's objects are the same in
// every form that has them.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LinkInput, LinkOptions } from '../../linker/options.ts';
import { cache, hashOf } from '../../setup/cache.ts';
import { step } from '../../setup/progress.ts';
import type { Isa } from '../../setup/toolchain.ts';
import { linkerSources } from '../runner/guest-executable.ts';
import { compileGuestObject } from '../runner/guest-object.ts';
import { buildSqlite, type CompileName, flagsFor, melfCc, type SqliteBuild } from './build.ts';
import { type Form, formNames, forms, type Program, programs } from './forms.ts';

const guestFolder = join(import.meta.dirname, 'guest');
const libmelfFolder = join(import.meta.dirname, '../../overlay/guest/libmelf');
const guest = (name: string): string => join(guestFolder, name);

const programSources = (program: Program, { amalgamation }: SqliteBuild): string[] =>
  ({
    service: ['service.c', 'session.c', 'policy.c', 'plant.c'].map(guest),
    speedtest1: [join(amalgamation.folder, 'speedtest1.c')],
    ledger: [guest('ledger.c')],
  })[program];

/** Frame pointers, for the stacks in reports of failed assertions. */
const guestFlags = ['-std=gnu11', '-fno-omit-frame-pointer', '-fno-optimize-sibling-calls'];

/** The common objects of a program. A form with one variant has a stand-in for libmelf, the other gets libmelf from melf-cc. */
async function guestObjects(program: Program, form: Form, build: SqliteBuild): Promise<string[]> {
  const { toolchain, amalgamation } = build;
  const own = ['-Wall', '-Wextra', '-Werror'];
  const sources = [...programSources(program, build), guest('assertion.c')].map((source) => ({
    source,
    flags: source.startsWith(guestFolder) ? own : ['-DSQLITE_OMIT_LOAD_EXTENSION'],
  }));
  const variant = `-DONE_VARIANT=${form === 'always' ? 1 : 0}`;
  const standIn = form === 'melf' ? [] : [{ source: guest('one-variant.c'), flags: [...own, variant] }];
  const paths: string[] = [];
  for (const { source, flags } of [...sources, ...standIn]) {
    const all = [...flagsFor(toolchain.isa), ...guestFlags, ...flags];
    const includes = [guestFolder, libmelfFolder, amalgamation.folder];
    paths.push(await compileGuestObject(toolchain, { source, flags: all, includes }));
  }
  return paths;
}

/** Start files, SQLite, the program, libraries; two variants of SQLite only to be refused. */
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
    ...(multivariant ? { variants: variants.map((name) => ({ name })) } : {}),
    gcSections: true,
    buildFlags: version,
  };
}

async function linkForm(program: Program, form: Form, build: SqliteBuild): Promise<string> {
  const objects = await guestObjects(program, form, build);
  const { toolchain } = build;
  const key = hashOf([program, form, build.fat, build.objects.plain, ...objects, toolchain.hash, ...linkerSources()]);
  const folder = await cache.entry('executables', key, (temporary) =>
    step(`linked ${program}, ${form} (${toolchain.isa})`, async () => {
      const output = join(temporary, program);
      if (form === 'melf') {
        await melfCc(toolchain, ['-Wl,--gc-sections', build.fat, ...objects, '-o', output]);
        return;
      }
      // Only now: a link is rare, and the linker is much to load.
      const { link } = await import('../../linker/link.ts');
      writeFileSync(output, link(linkOptions(forms[form], build, objects)).bytes, { mode: 0o755 });
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
  const options = linkOptions(['plain', 'assert'], build, await guestObjects('service', 'plain', build));
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
