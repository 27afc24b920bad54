// The guest tool chain: the C compiler for the guest's ISA (the host's gcc for x86-64, a cross gcc for AArch64) with musl's headers
// and start files, unpacked from packages. Nothing of the host's own libc gets into a guest program.

import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ask, findProgram } from '../base/command.ts';
import { type Cache, hashOf, cache as projectCache } from './cache.ts';
import { ensureCrossCompiler } from './cross-compiler.ts';
import { SetupError } from './errors.ts';
import { compileTools, ensureHostTools, versionLine } from './host-tools.ts';
import { aptExists, aptState, entryName, hostArchitecture, type PackageFile, unpackPackages } from './packages.ts';

export type Isa = 'x86-64' | 'aarch64';

export interface Toolchain {
  readonly isa: Isa;
  /** The start of every compile command: compiler and include options. */
  readonly cc: readonly string[];
  readonly as: string;
  readonly ar: string;
  readonly ranlib: string;
  readonly objcopy: string;
  readonly crt: { readonly crt1: string; readonly crti: string; readonly crtn: string };
  readonly libc: string;
  readonly libgcc: string;
  /** Include folders in order: musl's, then the compiler's own. */
  readonly includes: readonly string[];
  /** A program usable as `CC=` of a ./configure; links static, not position independent. */
  readonly wrapper: string;
  /** GNU's name of the guest, for `--host=`. */
  readonly triple: string;
  /** Compiler, binutils and musl, for reports. */
  readonly version: string;
  /** Changes when anything of the above does: part of every key of what it builds. */
  readonly hash: string;
}

export interface IsaFacts {
  /** What GNU and Debian call the musl folder. */
  readonly triple: string;
  readonly debianArchitecture: 'amd64' | 'arm64';
  /** Before the names of a cross compiler's programs. */
  readonly gnu: string;
}

/** Debian's and GNU's names for the ISAs. */
export const isaFacts = {
  'x86-64': { triple: 'x86_64-linux-musl', gnu: 'x86_64-linux-gnu', debianArchitecture: 'amd64' },
  aarch64: { triple: 'aarch64-linux-musl', gnu: 'aarch64-linux-gnu', debianArchitecture: 'arm64' },
} as const satisfies Record<Isa, IsaFacts>;

/** musl's development files: where they are and which they are. */
interface Musl {
  readonly includes: string;
  readonly libraries: string;
  readonly version: string;
}

const muslFiles = ['crt1.o', 'crti.o', 'crtn.o', 'libc.a'];

function muslBelow(usr: string, { triple }: IsaFacts, version: string): Musl {
  return { includes: join(usr, 'include', triple), libraries: join(usr, 'lib', triple), version };
}

/** musl as the machine has it, by what its musl-gcc says; only used where there is no apt. */
function systemMusl({ triple }: IsaFacts): Musl | undefined {
  for (const program of [`${triple}-gcc`, 'musl-gcc']) {
    const libc = ask([program, '-print-file-name=libc.a']);
    const machine = ask([program, '-dumpmachine']);
    if (libc === undefined || !libc.startsWith('/') || machine?.split('-')[0] !== triple.split('-')[0]) continue;
    const libraries = join(libc, '..');
    const includes = [join(libraries, '../include'), join(libraries, '../../include', triple)].find((folder) =>
      existsSync(join(folder, 'stdio.h')),
    );
    if (includes !== undefined) return { includes, libraries, version: `of ${program}` };
  }
  return undefined;
}

async function ensureMusl(cache: Cache, isa: Isa): Promise<Musl> {
  const facts = isaFacts[isa];
  if (!aptExists()) {
    const musl = systemMusl(facts);
    if (musl !== undefined) return musl;
    throw new SetupError(
      'setup.musl',
      `There is no musl for ${isa} guests on this machine, and no apt to fetch it with`,
      {
        hint: `Install musl's development files so that ${facts.triple}-gcc or musl-gcc is on PATH.`,
      },
    );
  }
  const { debianArchitecture: architecture } = facts;
  const { entry, version } = await cache.recorded('musl', architecture, `musl for ${isa} guests`, async () => {
    const musl = await aptState('own', architecture).download('musl-dev');
    const name = `${entryName(musl)}-${architecture}`;
    await cache.entry('musl', name, (temporary) => unpackMusl(musl, facts, temporary));
    return { entry: name, version: musl.version };
  });
  return muslBelow(join(cache.path('musl', entry), 'usr'), facts, version);
}

async function unpackMusl(musl: PackageFile, facts: IsaFacts, folder: string): Promise<void> {
  await unpackPackages([musl], folder);
  const { libraries } = muslBelow(join(folder, 'usr'), facts, musl.version);
  const missing = muslFiles.filter((file) => !existsSync(join(libraries, file)));
  if (missing.length > 0) {
    throw new SetupError('setup.musl', `The package musl-dev ${musl.version} lacks ${missing.join(', ')}`, {
      facts: { libraries },
    });
  }
}

/**
 * A gcc specs file (GCC manual, "Spec Files") that puts musl in the place of the host's libc: its start files, its library folder as the
 * only one, libgcc by full path.
 */
function specs(musl: Musl, libgcc: string, libgccEh: string): string {
  return [
    `*link_libgcc:\n-L${musl.libraries}\n`,
    `*libgcc:\n${libgcc} ${libgccEh}\n`,
    `*startfile:\n${musl.libraries}/crt1.o ${musl.libraries}/crti.o\n`,
    `*endfile:\n${musl.libraries}/crtn.o\n`,
    '*link:\n-static -nostdlib --eh-frame-hdr\n',
    '*lib:\n-lc\n',
    '',
  ].join('\n');
}

/** A word for sh, quoted. */
const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

function wrapperScript(cc: readonly string[], specsFile: string): string {
  return [
    '#!/bin/sh',
    '# Made by the set-up: compiles against musl and links static programs that are not position independent.',
    `exec ${cc.map(quoted).join(' ')} -fno-pie -specs=${quoted(specsFile)} -static -no-pie "$@"`,
    '',
  ].join('\n');
}

/** What stands before the names of the compiler's programs, with their folder where they are not on PATH. */
async function ensureCompiler(cache: Cache, isa: Isa): Promise<string> {
  await ensureHostTools(compileTools);
  const { gnu, debianArchitecture } = isaFacts[isa];
  if (debianArchitecture === hostArchitecture()) return '';
  const prefix = `${gnu}-`;
  if (['gcc', 'as', 'ar', 'objcopy'].every((name) => findProgram(prefix + name) !== undefined)) return prefix;
  if (!aptExists()) {
    throw new SetupError(
      'setup.cross-compiler',
      `There is no ${prefix}gcc on this machine, and no apt to fetch it with`,
      {
        hint: `Install gcc and binutils for ${gnu} so that ${prefix}gcc is on PATH.`,
      },
    );
  }
  const folder = await ensureCrossCompiler(cache, { gnu, debian: debianArchitecture }, hostArchitecture());
  return join(folder, 'bin', prefix);
}

/** The tool chain for guests of `isa`, fetched and set up where needed. The AArch64 one is only asked for by those who build for AArch64. */
export async function ensureToolchain(isa: Isa, cache: Cache = projectCache): Promise<Toolchain> {
  if (/[\s'"\\]/.test(cache.root)) {
    throw new SetupError('setup.path', 'The project lies in a folder with a blank or a quote in its name', {
      facts: { folder: cache.root },
      hint: 'Move it: neither configure scripts nor gcc specs can work with such a folder.',
    });
  }
  const prefix = await ensureCompiler(cache, isa);
  const musl = await ensureMusl(cache, isa);
  const { triple } = isaFacts[isa];
  const tool = (name: string): string => `${prefix}${name}`;
  const gcc = tool('gcc');
  const ofGcc = (file: string): string => ask([gcc, `-print-file-name=${file}`]) ?? file;
  const includes = [musl.includes, ofGcc('include')];
  const cc = [gcc, '-nostdinc', ...includes.flatMap((folder) => ['-isystem', folder])];
  const libgcc = ofGcc('libgcc.a');
  const version = `${versionLine(gcc)}; ${versionLine(tool('ld'))}; musl ${musl.version}`;
  const specsText = specs(musl, libgcc, ofGcc('libgcc_eh.a'));
  // The wrapper names absolute folders, so a moved project gets another one.
  const hash = hashOf([version, ...cc, specsText, wrapperScript(cc, '')]);
  const folder = await cache.entry('toolchain', `${isa}-${hash}`, async (temporary) => {
    mkdirSync(join(temporary, 'bin'));
    const specsName = 'musl.specs';
    writeFileSync(join(temporary, specsName), specsText);
    const script = join(temporary, 'bin', `${triple}-gcc`);
    writeFileSync(script, wrapperScript(cc, join(cache.path('toolchain', `${isa}-${hash}`), specsName)));
    chmodSync(script, 0o755);
  });
  return {
    isa,
    cc,
    as: findProgram(tool('as')) ?? tool('as'),
    ar: findProgram(tool('ar')) ?? tool('ar'),
    ranlib: findProgram(tool('ranlib')) ?? tool('ranlib'),
    objcopy: findProgram(tool('objcopy')) ?? tool('objcopy'),
    crt: {
      crt1: join(musl.libraries, 'crt1.o'),
      crti: join(musl.libraries, 'crti.o'),
      crtn: join(musl.libraries, 'crtn.o'),
    },
    libc: join(musl.libraries, 'libc.a'),
    libgcc,
    includes,
    wrapper: join(folder, 'bin', `${triple}-gcc`),
    triple,
    version,
    hash,
  };
}
