// C and C++ with glibc for either ISA, for programs that are linked static and that want what musl's tool chain (toolchain.ts) lacks:
// libstdc++, IFUNC, a real distribution's headers. Only fetched when somebody asks for the ISA that this machine does not have.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ask, findProgram } from '../base/command.ts';
import { type Cache, hashOf, cache as projectCache } from './cache.ts';
import { ensureCrossCompiler } from './cross-compiler.ts';
import { SetupError } from './errors.ts';
import { addonTools, compileTools, ensureHostTools, versionLine } from './host-tools.ts';
import { aptExists, hostArchitecture } from './packages.ts';
import { type Isa, isaFacts } from './toolchain.ts';

/** Programs by their full paths. */
export interface CrossToolchain {
  readonly isa: Isa;
  /** GNU's name of what is compiled for, for `--host=` and CMake's toolchain file. */
  readonly triple: string;
  readonly gcc: string;
  readonly gxx: string;
  readonly ar: string;
  readonly ranlib: string;
  readonly strip: string;
  readonly nm: string;
  readonly objcopy: string;
  /** The compilers' system root, for CMake's `CMAKE_SYSROOT` and `CMAKE_FIND_ROOT_PATH`; `/` where they are this machine's own. */
  readonly sysroot: string;
  /** Where the static C library lies; libraries that are unpacked elsewhere need their own `-I` and `-L`. */
  readonly libraries: string;
  /** Compiler and binutils, for reports. */
  readonly version: string;
  /** Changes when compiler, binutils or C library do. */
  readonly hash: string;
}

/** The place of a file of the compiler's libraries, when it has it. */
function libraryFile(gxx: string, file: string): string | undefined {
  const path = ask([gxx, `-print-file-name=${file}`]);
  return path !== undefined && path !== file && existsSync(path) ? path : undefined;
}

/** Whether programs with this prefix are on PATH and can link a static C++ program. */
function isUsable(prefix: string): boolean {
  const programs = ['gcc', 'g++', 'ar', 'ranlib', 'strip', 'nm', 'objcopy'];
  return (
    programs.every((name) => findProgram(prefix + name) !== undefined) &&
    ['libc.a', 'libstdc++.a', 'libgcc_eh.a'].every((file) => libraryFile(`${prefix}g++`, file) !== undefined)
  );
}

/** What stands before the names of the programs, with their folder. */
async function ensurePrefix(isa: Isa, cache: Cache): Promise<string> {
  const { gnu, debianArchitecture } = isaFacts[isa];
  if (debianArchitecture === hostArchitecture()) {
    await ensureHostTools([...compileTools, ...addonTools]);
    return '';
  }
  if (isUsable(`${gnu}-`)) return `${gnu}-`;
  if (!aptExists()) {
    throw new SetupError(
      'setup.cross-compiler',
      `There is no ${gnu}-g++ with a static C library on this machine, and no apt to fetch it with`,
      { hint: `Install g++, glibc's and libstdc++'s development files for ${gnu} so that ${gnu}-g++ is on PATH.` },
    );
  }
  const target = { gnu, debian: debianArchitecture };
  return join(await ensureCrossCompiler(cache, target, hostArchitecture(), 'c++'), 'bin', `${gnu}-`);
}

/** gcc, g++ and binutils with glibc and libstdc++ for programs of `isa`, from packages in the cache where the machine has none. */
export async function ensureCrossToolchain(isa: Isa, cache: Cache = projectCache): Promise<CrossToolchain> {
  const prefix = await ensurePrefix(isa, cache);
  const tool = (name: string): string => findProgram(prefix + name) ?? prefix + name;
  const gxx = tool('g++');
  const libc = libraryFile(gxx, 'libc.a');
  if (libc === undefined) {
    throw new SetupError('setup.static-libc', `${gxx} has no static C library`, {
      hint: 'Install the development files of the C library (Debian: libc6-dev).',
    });
  }
  const version = `${versionLine(gxx)}; ${versionLine(tool('ld'))}`;
  const sysroot = ask([gxx, '-print-sysroot']) ?? '';
  return {
    isa,
    triple: isaFacts[isa].gnu,
    gcc: tool('gcc'),
    gxx,
    ar: tool('ar'),
    ranlib: tool('ranlib'),
    strip: tool('strip'),
    nm: tool('nm'),
    objcopy: tool('objcopy'),
    sysroot: sysroot === '' ? '/' : sysroot,
    libraries: join(libc, '..'),
    version,
    hash: hashOf([version, gxx, libc]),
  };
}
