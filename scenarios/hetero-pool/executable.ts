// The pool's executables, linked by our linker from one source of the kernels.

import { join } from 'node:path';
import type { LinkInput, LinkOptions } from '../../linker/options.ts';
import { ensureToolchain, type Isa, type Toolchain } from '../../setup/toolchain.ts';
import { linkGuestExecutable } from '../runner/guest-executable.ts';
import { compileGuestObject, interfaceFlags } from '../runner/guest-object.ts';
import { type Variant, variantFlags, variantNames } from './variants.ts';

/**
 * How the kernels are in the executable:
 * - `base`, `ext`: one compile
 * - `melf`: both as variants, at the same addresses
 * - `chosen`: both under names of their own, and a choice once per process
 */
export type Form = 'base' | 'ext' | 'melf' | 'chosen';

export const forms: readonly Form[] = ['base', 'ext', 'melf', 'chosen'];

const flags: readonly string[] = [
  '-std=gnu11',
  '-ffunction-sections',
  '-fdata-sections',
  '-fno-pie',
  '-fno-stack-protector',
  ...interfaceFlags,
];
const commonFlags = ['-O2', ...flags];
/** -O3: the vectoriser. */
const kernelFlags = ['-O3', ...flags];

const guestFolder = join(import.meta.dirname, 'guest');
const libmelfFolder = join(import.meta.dirname, '../../overlay/guest/libmelf');

async function objectsOf(form: Form, toolchain: Toolchain): Promise<LinkInput[]> {
  const common = (folder: string, name: string): Promise<string> =>
    compileGuestObject(toolchain, {
      source: join(folder, name),
      flags: [...commonFlags, ...variantFlags[toolchain.isa].base],
      includes: [libmelfFolder],
    });
  const kernels = (variant: Variant, suffix?: string): Promise<string> =>
    compileGuestObject(toolchain, {
      source: join(guestFolder, 'kernels.c'),
      flags: [
        ...kernelFlags,
        ...variantFlags[toolchain.isa][variant],
        ...(suffix === undefined ? [] : [`-DKERNEL_SUFFIX=${suffix}`]),
      ],
    });
  const inputs: LinkInput[] = [
    { path: await common(guestFolder, 'pool.c') },
    { path: await common(guestFolder, 'tables.c') },
    { path: await common(guestFolder, form === 'chosen' ? 'choose.c' : 'one-compile.c') },
    { path: await common(libmelfFolder, 'melf.c') },
  ];
  switch (form) {
    case 'melf':
      for (const variant of variantNames) inputs.push({ path: await kernels(variant), variant, unit: 'kernels' });
      break;
    case 'chosen':
      for (const variant of variantNames) inputs.push({ path: await kernels(variant, `_${variant}`) });
      break;
    default:
      inputs.push({ path: await kernels(form) });
  }
  return inputs;
}

async function linkForm(form: Form, toolchain: Toolchain): Promise<string> {
  const { crt, libc, libgcc, isa } = toolchain;
  const options: LinkOptions = {
    isa,
    inputs: [
      { path: crt.crt1 },
      { path: crt.crti },
      ...(await objectsOf(form, toolchain)),
      ...[libc, libgcc, libc, crt.crtn].map((path) => ({ path })),
    ],
    ...(form === 'melf'
      ? {
          variants: variantNames.map((name) => ({
            name,
            flags: [...kernelFlags, ...variantFlags[isa][name]].join(' '),
          })),
        }
      : {}),
    gcSections: true,
    buildFlags: toolchain.version,
  };
  return linkGuestExecutable({ name: 'pool', label: `linked the pool, ${form} (${isa})`, options, toolchain });
}

export interface Executables {
  readonly paths: Readonly<Record<Form, string>>;
  readonly toolchain: string;
}

/** Builds what is not in the cache yet. */
export async function ensureExecutables(isa: Isa): Promise<Executables> {
  const toolchain = await ensureToolchain(isa);
  const paths: Partial<Record<Form, string>> = {};
  for (const form of forms) paths[form] = await linkForm(form, toolchain);
  return { paths: paths as Record<Form, string>, toolchain: toolchain.version };
}
