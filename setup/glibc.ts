// A static glibc for guests, for tests that must hold with more than one C library: the host's where the guest's ISA is the host's, else
// Debian's development packages, unpacked in .cache/, with the cross compiler of the tool chain.

import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ask } from '../base/command.ts';
import { type Cache, cache as projectCache } from './cache.ts';
import { aptExists } from './packages.ts';
import { ensureToolchain, type Isa } from './toolchain.ts';
import { ensurePackages } from './unpacked-packages.ts';

export interface Glibc {
  /** The start of every compile command: compiler and include options. */
  readonly cc: readonly string[];
  /** What a static program links before its own objects, and behind them. */
  readonly first: readonly string[];
  readonly last: readonly string[];
  /** In the place of `first` for a static PIE. */
  readonly firstOfPie: readonly string[];
  /** Mathematics, for those who need it: before `last`. */
  readonly libm: readonly string[];
}

const hostIsa = process.arch === 'x64' ? 'x86-64' : process.arch === 'arm64' ? 'aarch64' : undefined;
const architectures = { 'x86-64': 'amd64', aarch64: 'arm64' } as const;
const startFiles = ['crt1.o', 'crti.o'];
const startFilesOfPie = ['rcrt1.o', 'crti.o'];
const libgcc = ['libgcc.a', 'libgcc_eh.a'];

/** The archives of libm: where libm.a is a linker script (x86-64), those that it names, as it names them by where they are installed. */
function libmIn(libraries: string): string[] {
  const parts = readdirSync(libraries).filter((name) => /^lib(m-[\d.]+|mvec)\.a$/.test(name));
  return (parts.length > 0 ? parts.sort() : ['libm.a']).map((name) => join(libraries, name));
}

/** The compiler with its glibc; undefined where the machine has none and cannot fetch one. */
export async function ensureGlibc(isa: Isa, cache: Cache = projectCache): Promise<Glibc | undefined> {
  const gcc = isa === hostIsa ? 'gcc' : (await ensureToolchain(isa, cache)).cc[0]!;
  const ofGcc = (file: string): string => ask([gcc, `-print-file-name=${file}`]) ?? file;
  if (ofGcc('libc.a').startsWith('/')) {
    return {
      cc: [gcc],
      first: startFiles.map(ofGcc),
      firstOfPie: startFilesOfPie.map(ofGcc),
      libm: libmIn(dirname(ofGcc('libc.a'))),
      last: [...libgcc, 'libc.a', 'crtn.o'].map(ofGcc),
    };
  }
  if (!aptExists()) return undefined;
  const architecture = architectures[isa];
  const folder = await ensurePackages(cache, {
    name: 'glibc',
    label: `glibc for ${isa} guests`,
    architecture,
    packages: ['libc6-dev', 'linux-libc-dev'],
  });
  const triple = `${isa === 'x86-64' ? 'x86_64' : isa}-linux-gnu`;
  const libraries = join(folder, 'usr/lib', triple);
  const headers = [ofGcc('include'), join(folder, 'usr/include', triple), join(folder, 'usr/include')];
  if (!existsSync(join(libraries, 'libc.a'))) return undefined;
  const here = (name: string): string => join(libraries, name);
  return {
    cc: [gcc, '-nostdinc', ...headers.flatMap((path) => ['-isystem', path])],
    first: startFiles.map(here),
    firstOfPie: startFilesOfPie.map(here),
    libm: libmIn(libraries),
    last: [...libgcc.map(ofGcc), here('libc.a'), here('crtn.o')],
  };
}

/** The command that compiles and links a static program with the compiler's own linker; `args` are its flags, sources and `-o`. */
export function staticCommand({ cc, first, libm, last }: Glibc, args: readonly string[]): [string, ...string[]] {
  const [gcc = '', ...prefix] = cc;
  const libraries = [...libm, '-Wl,--start-group', ...last, '-Wl,--end-group'];
  return [gcc, ...prefix, '-static', '-nostdlib', ...first, ...args, ...libraries];
}
