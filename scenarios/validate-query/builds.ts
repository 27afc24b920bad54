// The lesson's four programs: one source (and one that had to be rewritten), compiled and linked in four ways.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../base/command.ts';
import type { LinkInput, LinkOptions } from '../../linker/options.ts';
import { cache, hashOf } from '../../setup/cache.ts';
import { ensureToolchain, type Toolchain } from '../../setup/toolchain.ts';

export const buildNames = ['plain', 'always', 'if', 'melf'] as const;
export type BuildName = (typeof buildNames)[number];

/** What each build is called where people read. */
export const buildTitles: Readonly<Record<BuildName, string>> = {
  plain: 'plain',
  always: 'always profiled (-pg)',
  if: 'if (c->prof)',
  melf: 'MELF',
};

const guest = join(import.meta.dirname, 'guest');
const profiling = join(import.meta.dirname, '../memcached-profiling/guest');
const libmelf = join(import.meta.dirname, '../../overlay/guest/libmelf');
const linkerFolder = join(import.meta.dirname, '../../linker');

/** As every project here is compiled, see memcached's build: callers must not know more of a callee than its prototype says. */
const flags: readonly string[] = [
  '-std=gnu11',
  '-O2',
  '-Wall',
  '-Wextra',
  '-ffunction-sections',
  '-fdata-sections',
  '-fno-pie',
  '-fno-stack-protector',
  '-fno-ipa-ra',
  '-fno-ipa-sra',
  '-fno-ipa-cp',
  '-fno-ipa-icf',
  '-fno-partial-inlining',
  '-fno-reorder-blocks-and-partition',
  '-fcf-protection=none',
  '-fno-asynchronous-unwind-tables',
];

interface Source {
  readonly file: string;
  readonly flags?: readonly string[];
  /** Of a multivariant function's source. */
  readonly variant?: string;
}

const profiled = ['-pg', '-mfentry'];
const runtime: readonly Source[] = [
  { file: join(profiling, 'profile.c'), flags: ['-mgeneral-regs-only'] },
  { file: join(profiling, 'fentry.S') },
];
const validate = join(guest, 'validate.c');
const serve: Source = { file: join(guest, 'serve.c') };

/** The file that a reader looks at. */
export const sourceOf = (build: BuildName): string => (build === 'if' ? join(guest, 'validate-if.c') : validate);

const sources: Readonly<Record<BuildName, readonly Source[]>> = {
  plain: [{ file: validate }, serve],
  always: [{ file: validate, flags: profiled }, serve, ...runtime],
  if: [{ file: sourceOf('if') }, serve, ...runtime],
  melf: [
    { file: validate, variant: 'fast' },
    { file: validate, flags: profiled, variant: 'prof' },
    { ...serve, flags: ['-DMELF'] },
    { file: join(libmelf, 'melf.c') },
    ...runtime,
  ],
};

const headers = (): Uint8Array[] =>
  [guest, libmelf].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.h'))
      .sort()
      .map((name) => readFileSync(join(folder, name))),
  );

async function compile(toolchain: Toolchain, source: Source): Promise<string> {
  const all = [...flags, ...(source.flags ?? [])];
  const key = hashOf([toolchain.hash, ...all, readFileSync(source.file), ...headers()]);
  const folder = await cache.entry('guest-objects', key, async (temporary) => {
    const out = join(temporary, 'guest.o');
    await run([...toolchain.cc, ...all, `-I${guest}`, `-I${libmelf}`, '-c', source.file, '-o', out]);
  });
  return join(folder, 'guest.o');
}

/** Another linker is another executable. */
const linkerSources = (): Uint8Array[] =>
  readdirSync(linkerFolder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .sort()
    .map((name) => readFileSync(join(linkerFolder, name)));

async function build(toolchain: Toolchain, name: BuildName): Promise<string> {
  const inputs: LinkInput[] = [];
  for (const source of sources[name]) {
    const path = await compile(toolchain, source);
    inputs.push(source.variant === undefined ? { path } : { path, variant: source.variant, unit: 'validate' });
  }
  const { crt, libc, libgcc } = toolchain;
  const library = (path: string): LinkInput => ({ path });
  const options: LinkOptions = {
    isa: 'x86-64',
    inputs: [...[crt.crt1, crt.crti].map(library), ...inputs, ...[libc, libgcc, crt.crtn].map(library)],
    gcSections: true,
    buildFlags: toolchain.version,
    ...(name === 'melf' ? { variants: [{ name: 'fast' }, { name: 'prof', flags: profiled.join(' ') }] } : {}),
  };
  const key = hashOf(['validate-query', JSON.stringify(options), toolchain.hash, ...linkerSources()]);
  const folder = await cache.entry('executables', key, async (temporary) => {
    const { link } = await import('../../linker/link.ts'); // a link is rare, and the linker is much to load
    writeFileSync(join(temporary, 'serve'), link(options).bytes, { mode: 0o755 });
  });
  return join(folder, 'serve');
}

/** Path of each program, made where it is not in the cache yet. */
export async function ensureBuilds(): Promise<{ paths: Readonly<Record<BuildName, string>>; toolchain: string }> {
  const toolchain = await ensureToolchain('x86-64');
  const paths: Partial<Record<BuildName, string>> = {};
  for (const name of buildNames) paths[name] = await build(toolchain, name);
  return { paths: paths as Record<BuildName, string>, toolchain: toolchain.version };
}
