// The lesson's four programs: one source (and one that had to be rewritten), compiled and linked in four ways.

import { join } from 'node:path';
import type { LinkInput, LinkOptions } from '../../linker/options.ts';
import { ensureToolchain, type Isa, type Toolchain } from '../../setup/toolchain.ts';
import { linkGuestExecutable } from '../runner/guest-executable.ts';
import { compileGuestObject, interfaceFlags } from '../runner/guest-object.ts';
import { profilerSources } from '../runner/profiler/sources.ts';

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
const libmelf = join(import.meta.dirname, '../../overlay/guest/libmelf');

const flags: readonly string[] = [
  '-std=gnu11',
  '-O2',
  '-Wall',
  '-Wextra',
  '-ffunction-sections',
  '-fdata-sections',
  '-fno-pie',
  '-fno-stack-protector',
  ...interfaceFlags,
  '-fno-ipa-icf',
  '-fno-asynchronous-unwind-tables',
];

interface Source {
  readonly source: string;
  readonly flags?: readonly string[];
  /** Of a multivariant function's source. */
  readonly variant?: string;
}

/** On AArch64 the call comes behind the prologue: gcc has no `-mfentry` there. */
const profiling: Readonly<Record<Isa, readonly string[]>> = { 'x86-64': ['-pg', '-mfentry'], aarch64: ['-pg'] };
const validate = join(guest, 'validate.c');
const serve: Source = { source: join(guest, 'serve.c') };

/** The file that a reader looks at. */
export const sourceOf = (build: BuildName): string => (build === 'if' ? join(guest, 'validate-if.c') : validate);

function sourcesOf(isa: Isa): Readonly<Record<BuildName, readonly Source[]>> {
  const profiled = profiling[isa];
  const { counting, entry } = profilerSources[isa];
  const runtime: readonly Source[] = [counting, entry];
  return {
    plain: [{ source: validate }, serve],
    always: [{ source: validate, flags: profiled }, serve, ...runtime],
    if: [{ source: sourceOf('if') }, serve, ...runtime],
    melf: [
      { source: validate, variant: 'fast' },
      { source: validate, flags: profiled, variant: 'prof' },
      { ...serve, flags: ['-DMELF'] },
      { source: join(libmelf, 'melf.c') },
      ...runtime,
    ],
  };
}

async function build(toolchain: Toolchain, name: BuildName): Promise<string> {
  const inputs: LinkInput[] = [];
  for (const { source, flags: own = [], variant } of sourcesOf(toolchain.isa)[name]) {
    const path = await compileGuestObject(toolchain, { source, flags: [...flags, ...own], includes: [guest, libmelf] });
    inputs.push(variant === undefined ? { path } : { path, variant, unit: 'validate' });
  }
  const { crt, libc, libgcc } = toolchain;
  const library = (path: string): LinkInput => ({ path });
  const options: LinkOptions = {
    isa: toolchain.isa,
    inputs: [...[crt.crt1, crt.crti].map(library), ...inputs, ...[libc, libgcc, crt.crtn].map(library)],
    gcSections: true,
    buildFlags: toolchain.version,
    ...(name === 'melf'
      ? { variants: [{ name: 'fast' }, { name: 'prof', flags: profiling[toolchain.isa].join(' ') }] }
      : {}),
  };
  return linkGuestExecutable({
    name: 'serve',
    label: `linked validate-query, ${name} (${toolchain.isa})`,
    options,
    toolchain,
  });
}

/** Path of each program, made where it is not in the cache yet. */
export async function ensureBuilds(
  isa: Isa,
): Promise<{ paths: Readonly<Record<BuildName, string>>; toolchain: string }> {
  const toolchain = await ensureToolchain(isa);
  const paths: Partial<Record<BuildName, string>> = {};
  for (const name of buildNames) paths[name] = await build(toolchain, name);
  return { paths: paths as Record<BuildName, string>, toolchain: toolchain.version };
}
