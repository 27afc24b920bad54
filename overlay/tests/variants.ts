// Compiles and links a multivariant program from one source file of this folder.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { link } from '../../linker/link.ts';
import type { LinkInput, LinkOptions } from '../../linker/options.ts';
import { ensureGlibc, type Glibc } from '../../setup/glibc.ts';
import { ensureToolchain, type Isa } from '../../setup/toolchain.ts';

const libmelf = join(import.meta.dirname, '../guest/libmelf');

/** One section per function; callers know no more of callees than their prototypes. */
const flags = [
  '-std=gnu11',
  '-O2',
  '-Wall',
  '-ffunction-sections',
  '-fdata-sections',
  '-fno-pie',
  '-fno-stack-protector',
  '-fno-inline',
  '-fno-ipa-ra',
  '-fno-ipa-sra',
  '-fno-ipa-cp',
  '-fno-ipa-icf',
  '-fasynchronous-unwind-tables',
];

export interface MultivariantProgram {
  /** File of this folder: compiled once plainly for the common code, and once per variant with `-DVARIANT_CODE=index`. */
  readonly source: string;
  readonly variants: readonly string[];
  readonly link?: Partial<LinkOptions>;
  readonly flags?: readonly string[];
  /** Default musl. */
  readonly libc?: 'musl' | 'glibc';
}

async function libraryOf(isa: Isa, libc: 'musl' | 'glibc'): Promise<Pick<Glibc, 'cc' | 'first' | 'last'>> {
  if (libc === 'glibc') {
    const glibc = await ensureGlibc(isa);
    if (glibc === undefined) throw new Error(`there is no glibc for ${isa}: ask ensureGlibc first`);
    return glibc;
  }
  const { cc, crt, libc: archive, libgcc } = await ensureToolchain(isa);
  return { cc, first: [crt.crt1, crt.crti], last: [archive, libgcc, crt.crtn] };
}

/** Links the program into `folder`; gives its path. */
export async function buildVariants(isa: Isa, folder: string, program: MultivariantProgram): Promise<string> {
  const library = await libraryOf(isa, program.libc ?? 'musl');
  const [cc = '', ...prefix] = library.cc;
  const name = program.source.replace(/\.c$/, program.libc === 'glibc' ? '-glibc' : '');
  const compile = (source: string, out: string, own: readonly string[]): string => {
    const path = join(folder, `${name}-${isa}-${out}.o`);
    const all = [...prefix, ...flags, ...(isa === 'x86-64' ? ['-fcf-protection=none'] : []), ...own, `-I${libmelf}`];
    execFileSync(cc, [...all, ...(program.flags ?? []), '-c', source, '-o', path], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    return path;
  };
  const source = join(import.meta.dirname, program.source);
  const common = [compile(source, 'common', []), compile(join(libmelf, 'melf.c'), 'libmelf', ['-std=c99'])];
  const plain = (path: string): LinkInput => ({ path });
  const { bytes } = link({
    isa,
    inputs: [
      ...[...library.first, ...common].map(plain),
      ...program.variants.map((variant, index) => ({
        path: compile(source, variant, [`-DVARIANT_CODE=${index}`]),
        variant,
        unit: name,
      })),
      ...library.last.map(plain),
    ],
    variants: program.variants.map((variant) => ({ name: variant })),
    ...program.link,
  });
  const path = join(folder, `${name}-${isa}`);
  writeFileSync(path, bytes, { mode: 0o755 });
  return path;
}

export const readProgram = (path: string): Uint8Array => new Uint8Array(readFileSync(path));
