// The server's four forms (see configurations.ts), compiled from one patched source tree and linked by our linker. memcached's and libevent's
// objects of a variant are the same files in every form that has it.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from '../../base/command.ts';
import type { LinkInput, LinkOptions, VariantSpec } from '../../linker/options.ts';
import { cache, hashOf } from '../../setup/cache.ts';
import { step } from '../../setup/progress.ts';
import type { Isa, Toolchain } from '../../setup/toolchain.ts';
import { baseFlags, buildMemcached, type MemcachedBuild } from './build.ts';
import type { Form } from './configurations.ts';

/**
 * Common code calls functions of both variants, and was compiled once, with `fast`. So the compiler must not let a caller know more of a
 * callee than its prototype says: which registers this very body leaves alone (ipa-ra), that an argument was dropped (ipa-sra) or is a
 * constant (ipa-cp), that its head was moved into the caller (partial inlining). Cold halves of functions would need slots of their own.
 * Some distributions' compilers switch cf-protection on, which puts an instruction before the call of __fentry__.
 */
const interfaceFlags: readonly string[] = [
  '-fno-ipa-ra',
  '-fno-ipa-sra',
  '-fno-ipa-cp',
  '-fno-partial-inlining',
  '-fno-reorder-blocks-and-partition',
  '-fcf-protection=none',
];

/** What instruments the entry of each function: before the prologue where the ISA's compiler can do that. */
const profilingFlags: Readonly<Record<Isa, readonly string[]>> = { 'x86-64': ['-pg', '-mfentry'], aarch64: ['-pg'] };

type Variant = 'fast' | 'prof';

const variantFlags = (isa: Isa): Readonly<Record<Variant, readonly string[]>> => ({
  fast: interfaceFlags,
  prof: [...interfaceFlags, ...profilingFlags[isa]],
});

/**
 * What is on a thread's stack while memcached's event_handler switches: the handler and its callers up to the thread's first function,
 * libevent's loop among them (event_process_active and event_persist_closure where the compiler did not inline them). They are common
 * code, so no return address into the overlay window is on the stack, and a switch is sound. libc calls worker_libevent and main.
 */
export const commonFunctions: readonly string[] = [
  'main',
  'worker_libevent',
  'event_base_loop',
  'event_process_active*',
  'event_persist_closure*',
  'event_handler',
];

const guestFolder = join(import.meta.dirname, 'guest');
const libmelfFolder = join(import.meta.dirname, '../../overlay/guest/libmelf');
const patch = join(import.meta.dirname, 'memcached.patch');
const linkerFolder = join(import.meta.dirname, '../../linker');

interface GuestSource {
  readonly source: string;
  readonly flags?: readonly string[];
}

const libmelf: GuestSource = { source: join(libmelfFolder, 'melf.c') };
const oneVariant: GuestSource = { source: join(guestFolder, 'one-variant.c') };
/** The counting code, and what calls it from each function. It must not touch vector registers, which fentry.S does not save. */
const profilers: Readonly<Record<Isa, { counting: GuestSource; entry: GuestSource }>> = {
  'x86-64': {
    counting: { source: join(guestFolder, 'profile.c'), flags: ['-mgeneral-regs-only'] },
    entry: { source: join(guestFolder, 'fentry.S') },
  },
  aarch64: {
    counting: { source: join(guestFolder, 'profile.c'), flags: ['-mgeneral-regs-only', '-mno-outline-atomics'] },
    entry: { source: join(guestFolder, 'mcount.c'), flags: ['-mgeneral-regs-only'] },
  },
};
const branching = (source: GuestSource): GuestSource => ({
  ...source,
  flags: [...(source.flags ?? []), '-DMELF_BRANCH'],
});

interface FormParts {
  readonly variants: readonly Variant[];
  readonly guest: readonly GuestSource[];
}

function formParts(form: Form, isa: Isa): FormParts {
  const { counting, entry } = profilers[isa];
  switch (form) {
    case 'plain':
      return { variants: ['fast'], guest: [oneVariant] };
    case 'melf':
      return { variants: ['fast', 'prof'], guest: [libmelf, counting, entry] };
    case 'always':
      return { variants: ['prof'], guest: [oneVariant, counting, entry] };
    case 'branch':
      return { variants: ['prof'], guest: [branching(oneVariant), counting, branching(entry)] };
  }
}

export interface Executables {
  /** Path of the executable of each form asked for. */
  readonly paths: Readonly<Partial<Record<Form, string>>>;
  /** What they were made of. */
  readonly versions: Readonly<Record<string, string>>;
}

async function compileGuest(toolchain: Toolchain, { source, flags = [] }: GuestSource): Promise<string> {
  const headers = readdirSync(libmelfFolder).filter((name) => name.endsWith('.h'));
  const options = ['-std=c99', ...baseFlags, ...interfaceFlags, ...flags];
  const contents = [source, ...headers.map((name) => join(libmelfFolder, name))].map((path) => readFileSync(path));
  const folder = await cache.entry(
    'guest-objects',
    hashOf([toolchain.hash, ...options, ...contents]),
    async (temporary) => {
      // What is compiled must not depend on where the project lies.
      const places = [`-ffile-prefix-map=${dirname(source)}=.`, `-I${libmelfFolder}`];
      await run([...toolchain.cc, ...options, ...places, '-c', source, '-o', join(temporary, 'guest.o')]);
    },
  );
  return join(folder, 'guest.o');
}

function linkOptions(form: Form, build: MemcachedBuild, guest: readonly string[]): LinkOptions {
  const { crt, libc, libgcc, isa } = build.toolchain;
  const { variants } = formParts(form, isa);
  const flagsOf = variantFlags(isa);
  const multivariant = variants.length > 1;
  const ofVariant = (variant: Variant): LinkInput[] => {
    const { memcached, libevent } = build.variants[variant]!;
    const inputs = (program: string, paths: readonly string[]): LinkInput[] =>
      paths.map((path) => {
        const unit = `${program}/${path.slice(path.lastIndexOf('/') + 1).replace(/\.o$/, '')}`;
        return multivariant ? { path, variant, unit } : { path, unit };
      });
    return [...inputs('memcached', memcached), ...inputs('libevent', libevent)];
  };
  const specs: VariantSpec[] = variants.map((name) => ({
    name,
    flags: [...baseFlags, ...flagsOf[name]].join(' '),
  }));
  return {
    isa,
    inputs: [
      ...[crt.crt1, crt.crti].map((path) => ({ path })),
      ...variants.flatMap(ofVariant),
      ...guest.map((path) => ({ path })),
      ...[libc, libgcc, crt.crtn].map((path) => ({ path })),
    ],
    ...(multivariant ? { variants: specs, common: commonFunctions } : {}),
    gcSections: true,
    buildFlags: build.toolchain.version,
  };
}

/** Every source of the linker: another linker is another executable. */
function linkerSources(): Uint8Array[] {
  return readdirSync(linkerFolder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .sort()
    .map((name) => readFileSync(join(linkerFolder, name)));
}

async function compiledLinkOptions(form: Form, build: MemcachedBuild): Promise<LinkOptions> {
  const guest: string[] = [];
  for (const source of formParts(form, build.toolchain.isa).guest)
    guest.push(await compileGuest(build.toolchain, source));
  return linkOptions(form, build, guest);
}

async function linkForm(form: Form, build: MemcachedBuild): Promise<string> {
  const options = await compiledLinkOptions(form, build);
  // The paths of objects name their contents, as all of the cache does; musl and libgcc are in the tool chain's hash.
  const key = hashOf([form, JSON.stringify(options), build.toolchain.hash, ...linkerSources()]);
  const folder = await cache.entry('executables', key, (temporary) =>
    step(`linked memcached, ${form}`, async () => {
      // Only now: a link is rare, and the linker is much to load.
      const { link } = await import('../../linker/link.ts');
      mkdirSync(temporary, { recursive: true });
      writeFileSync(join(temporary, 'memcached'), link(options).bytes, { mode: 0o755 });
    }),
  );
  return join(folder, 'memcached');
}

const buildOf = (isa: Isa): Promise<MemcachedBuild> =>
  buildMemcached({
    isa,
    variants: Object.entries(variantFlags(isa)).map(([name, cflags]) => ({ name, cflags })),
    patches: [patch],
    includes: [libmelfFolder],
  });

/** How a form is linked, with everything compiled that it needs: for the bench, which times the link itself. */
export async function linkOptionsOf(form: Form, isa: Isa): Promise<LinkOptions> {
  return compiledLinkOptions(form, await buildOf(isa));
}

/** Builds and links the forms that are not in the cache yet. */
export async function ensureExecutables(isa: Isa, wanted: readonly Form[]): Promise<Executables> {
  const build = await buildOf(isa);
  const paths: Partial<Record<Form, string>> = {};
  for (const form of new Set(wanted)) paths[form] = await linkForm(form, build);
  return {
    paths,
    versions: {
      memcached: build.sources.memcached,
      libevent: build.sources.libevent,
      toolchain: build.toolchain.version,
    },
  };
}
