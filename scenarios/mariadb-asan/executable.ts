// The server in each form, linked by melf-cc from the same objects: those hold both variants, and a form takes what it names.

import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../base/command.ts';
import { asanObject, libmelfObject } from '../../linker/cc/libmelf.ts';
import { cache, hashOf } from '../../setup/cache.ts';
import { versionLine } from '../../setup/host-tools.ts';
import { step } from '../../setup/progress.ts';
import type { Isa } from '../../setup/toolchain.ts';
import { linkerSources } from '../runner/guest-executable.ts';
import { buildMariadb, configurationFile, type MariadbBuild } from './build.ts';

/**
 * `melf`: both variants and the sanitiser's runtime. With one variant: `plain`, as users have it, with glibc's malloc; `plain-allocator`, the
 * same with the runtime's malloc, to tell its cost from that of the checks; `always`, every connection sanitised.
 */
export const formNames = ['melf', 'plain', 'plain-allocator', 'always'] as const;
export type Form = (typeof formNames)[number];

const forms: Readonly<Record<Form, { readonly variants: readonly string[]; readonly runtime: boolean }>> = {
  melf: { variants: ['plain', 'asan'], runtime: true },
  plain: { variants: ['plain'], runtime: false },
  'plain-allocator': { variants: ['plain'], runtime: true },
  always: { variants: ['asan'], runtime: true },
};

const here = import.meta.dirname;
const linker = join(here, '../../linker/cc/melf-c++.cjs');

/** melf.toml with the variants of one form, and without what only the build's own programs are linked with. */
export function configurationOf(text: string, variants: readonly string[]): string {
  const [head = '', ...tables] = text.split(/^(?=\[)/m);
  const kept = tables.filter((table) => {
    const name = /^\[\[variant\]\]\s+name = "(.+)"/.exec(table)?.[1];
    return name === undefined || variants.includes(name);
  });
  return [head, ...kept].join('').replace(/^link-flags = .*$/m, '');
}

const runtimeOf = (form: Form, { compiler }: MariadbBuild): string[] =>
  forms[form].runtime ? [asanObject([compiler])] : [];

const configurationText = (form: Form): string =>
  configurationOf(readFileSync(configurationFile, 'utf8'), forms[form].variants);

/**
 * Writable data that one variant lacks is an error, no warning. Not in melf.toml: the small programs that the build links for itself
 * have stand-ins in the place of the sanitiser's runtime, and need not be held to it.
 */
const strictData = ['-Wl,--fatal-warnings'];

export interface LinkCommand {
  /** Without `-o`; to be run in the build's folder. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** How a form is linked. Writes its melf.toml into `folder`. */
export function linkCommand(form: Form, build: MariadbBuild, folder: string): LinkCommand {
  const toml = join(folder, 'melf.toml');
  writeFileSync(toml, configurationText(form));
  return {
    command: [process.execPath, linker, ...strictData, ...runtimeOf(form, build), ...build.linkWords],
    environment: { MELF_CONFIG: toml, MELF_CXX: build.compiler },
  };
}

async function linkForm(form: Form, build: MariadbBuild): Promise<string> {
  const key = hashOf([
    build.key,
    form,
    configurationText(form),
    ...strictData,
    ...build.linkWords,
    ...runtimeOf(form, build),
    libmelfObject([build.compiler]),
    ...linkerSources(),
  ]);
  const folder = await cache.entry('executables', `mariadb-${key}`, (temporary) =>
    step(`linked MariaDB, ${form}`, async () => {
      const { command, environment } = linkCommand(form, build, temporary);
      await run([...command, '-o', join(temporary, 'mariadbd')], { cwd: build.folder, env: environment });
    }),
  );
  return join(folder, 'mariadbd');
}

/** What the server finds in its file system (server.ts): messages, character sets, and an empty data folder. */
async function serverFiles(build: MariadbBuild): Promise<string> {
  return cache.entry('executables', `mariadb-files-${build.key}`, async (temporary) => {
    mkdirSync(join(temporary, 'data/mysql'), { recursive: true });
    mkdirSync(join(temporary, 'tmp'));
    mkdirSync(join(temporary, 'share/english'), { recursive: true });
    cpSync(join(build.messages, 'english/errmsg.sys'), join(temporary, 'share/english/errmsg.sys'));
    cpSync(build.charsets, join(temporary, 'share/charsets'), { recursive: true });
  });
}

export interface Executables {
  readonly paths: Readonly<Record<Form, string>>;
  /** The folder that becomes `/mariadb` in the guest. */
  readonly files: string;
  readonly versions: Readonly<Record<string, string>>;
}

/** Links what is not in the cache yet. */
export async function linkedForms(build: MariadbBuild, wanted: readonly Form[] = formNames): Promise<Executables> {
  const paths: Partial<Record<Form, string>> = {};
  for (const form of wanted) paths[form] = await linkForm(form, build);
  return {
    paths: paths as Record<Form, string>,
    files: await serverFiles(build),
    versions: { mariadb: build.version, compiler: versionLine(build.compiler) },
  };
}

/** Builds and links what is not in the cache yet. */
export async function ensureExecutables(isa: Isa): Promise<Executables> {
  return linkedForms(await buildMariadb(isa));
}
