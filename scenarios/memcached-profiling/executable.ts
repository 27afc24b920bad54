// The server's four forms (see configurations.ts), compiled from one patched source tree and linked by our linker. memcached's and libevent's
// objects of a variant are the same files in every form that has it.

import { join } from 'node:path';
import type { LinkInput, LinkOptions, VariantSpec } from '../../linker/options.ts';
import type { Isa } from '../../setup/toolchain.ts';
import { linkGuestExecutable } from '../runner/guest-executable.ts';
import { compileGuestObject, type GuestObject, interfaceFlags } from '../runner/guest-object.ts';
import { profilerSources } from '../runner/profiler/sources.ts';
import { baseFlags, buildMemcached, type MemcachedBuild } from './build.ts';
import type { Form } from './configurations.ts';

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

/** As the programs themselves are compiled. */
const guestFlags: readonly string[] = ['-std=c99', ...baseFlags, ...interfaceFlags];

const libmelf: GuestObject = { source: join(libmelfFolder, 'melf.c'), flags: [] };
const oneVariant: GuestObject = { source: join(guestFolder, 'one-variant.c'), flags: [] };
const branching = ({ source, flags }: GuestObject): GuestObject => ({ source, flags: [...flags, '-DMELF_BRANCH'] });

interface FormParts {
  readonly variants: readonly Variant[];
  readonly guest: readonly GuestObject[];
}

function formParts(form: Form, isa: Isa): FormParts {
  const { counting, entry } = profilerSources[isa];
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

async function compiledLinkOptions(form: Form, build: MemcachedBuild): Promise<LinkOptions> {
  const guest: string[] = [];
  for (const { source, flags } of formParts(form, build.toolchain.isa).guest) {
    const object = { source, flags: [...guestFlags, ...flags], includes: [libmelfFolder] };
    guest.push(await compileGuestObject(build.toolchain, object));
  }
  return linkOptions(form, build, guest);
}

async function linkForm(form: Form, build: MemcachedBuild): Promise<string> {
  const options = await compiledLinkOptions(form, build);
  const { toolchain } = build;
  return linkGuestExecutable({ name: 'memcached', label: `linked memcached, ${form}`, options, toolchain });
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
