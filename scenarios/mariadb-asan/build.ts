// MariaDB's server as CMake and Ninja build it, with melf-cc as its compiler: every source in both variants (melf.toml). Half an hour on two
// CPUs. The build folder stays in .cache/mariadb/, so that a build that was ended goes on where it was, and a changed patch compiles little.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { run } from '../../base/command.ts';
import { fixedFlags } from '../../linker/cc/compile.ts';
import { readConfiguration } from '../../linker/cc/configuration.ts';
import { splitWords } from '../../linker/cc/words.ts';
import { cache, hashOf } from '../../setup/cache.ts';
import { versionLine } from '../../setup/host-tools.ts';
import { detail, note, step } from '../../setup/progress.ts';
import { ensureSource } from '../../setup/sources.ts';
import type { Isa } from '../../setup/toolchain.ts';
import { BuildProgress, descriptions } from './build-progress.ts';
import { type BuildTools, ensureBuildTools } from './build-tools.ts';
import { changesHash, updateTree } from './build-tree.ts';

export interface MariadbBuild {
  /** The folder where the build's commands run. */
  readonly folder: string;
  /** The server's link as the build would do it: compiler's words, without the program and `-o`. */
  readonly linkWords: readonly string[];
  /** Folders with what the server reads at its start: `english/errmsg.sys`, and `Index.xml` of the character sets. */
  readonly messages: string;
  readonly charsets: string;
  readonly version: string;
  /** Changes when any object may. */
  readonly key: string;
}

const here = import.meta.dirname;
export const configurationFile: string = join(here, 'melf.toml');
const driver = (name: string): string => join(here, '../../linker/cc', `${name}.cjs`);
const redirectHeader = join(here, '../../overlay/guest/asan/redirect.h');
const noChecks = join(here, 'patches/no-checks.c');

/** The program, as Ninja names it. */
const target = 'sql/mariadbd';

/** Storage engines and plugins that are left out: the server keeps CSV, MEMORY, Aria, MyISAM and MERGE. */
const withoutPlugins =
  'INNOBASE ROCKSDB MROONGA CONNECT SPIDER PERFSCHEMA PARTITION SPHINX ARCHIVE BLACKHOLE FEDERATED FEDERATEDX EXAMPLE SEQUENCE OQGRAPH ' +
  'COLUMNSTORE S3 FEEDBACK THREAD_POOL_INFO';

/** What configure must not find, since it is on some machines and not on others. */
const withoutPackages = 'LIBAIO URING Java JNI Boost LibXml2';

const variable = (name: string, value: string): string => `-D${name}=${value}`;

/** CMake's words after the source folder. */
function cmakeVariables(tools: BuildTools, root: string): string[] {
  const flags = `-O2 -g0 -DNDEBUG -DDBUG_OFF -ffile-prefix-map=${root}/=/mariadb/ -isystem ${tools.includes}`;
  const curses = join(tools.libraries, 'libncurses.a');
  return [
    variable('CMAKE_BUILD_TYPE', 'RelWithDebInfo'),
    variable('CMAKE_C_FLAGS_RELWITHDEBINFO', flags),
    variable('CMAKE_CXX_FLAGS_RELWITHDEBINFO', flags),
    variable('CMAKE_C_FLAGS', '-fno-pie'),
    variable('CMAKE_CXX_FLAGS', '-fno-pie'),
    variable('CMAKE_EXE_LINKER_FLAGS', `-static -no-pie -L${tools.libraries}`),
    ...[
      'DISABLE_SHARED=ON',
      'SECURITY_HARDENED=OFF',
      'WITH_SSL=bundled',
      'CONC_WITH_SSL=NONE',
      'WITH_ZLIB=bundled',
    ].map((one) => `-D${one}`),
    ...['WITH_PCRE=system', 'WITH_LIBFMT=system', 'WITH_EXTRA_CHARSETS=none', 'WITH_UNIT_TESTS=OFF'].map(
      (one) => `-D${one}`,
    ),
    ...['WITH_WSREP=OFF', 'WITH_SYSTEMD=no', 'WITH_JEMALLOC=no', 'WITH_NUMA=OFF'].map((one) => `-D${one}`),
    ...['WITH_EMBEDDED_SERVER=OFF', 'WITH_MARIABACKUP=OFF'].map((one) => `-D${one}`),
    variable('LIBFMT_INCLUDE_DIR', tools.includes),
    variable('BISON_EXECUTABLE', tools.bison),
    // No library of the machine: the folder above has them.
    variable('PKG_CONFIG_EXECUTABLE', '/bin/false'),
    variable('CURSES_LIBRARY', curses),
    variable('CURSES_NCURSES_LIBRARY', curses),
    variable('CURSES_INCLUDE_PATH', tools.includes),
    variable('CURSES_HAVE_CURSES_H', join(tools.includes, 'curses.h')),
    ...withoutPackages.split(' ').map((name) => variable(`CMAKE_DISABLE_FIND_PACKAGE_${name}`, '1')),
    ...withoutPlugins.split(' ').map((name) => variable(`PLUGIN_${name}`, 'NO')),
  ];
}

/** For CMake's questions, which are about the machine and not about variants: the flags that all variants have. */
async function writeQuestionsConfiguration(file: string): Promise<void> {
  const { compileFlags } = await readConfiguration(configurationFile, {});
  const flags = JSON.stringify(compileFlags);
  writeFileSync(file, `[[variant]]\nname = "plain"\n[compiler]\nflags = ${flags}\n[link]\nlibmelf = false\n`);
}

/** Writes a file unless it is the same: Ninja looks at times. */
function put(file: string, contents: Uint8Array): void {
  if (!existsSync(file) || !readFileSync(file).equals(contents)) writeFileSync(file, contents);
}

interface Place {
  readonly root: string;
  readonly source: string;
  readonly build: string;
  readonly log: string;
}

async function configure(place: Place, tools: BuildTools): Promise<void> {
  const questions = join(place.root, 'questions.toml');
  await writeQuestionsConfiguration(questions);
  const env = { CC: driver('melf-cc'), CXX: driver('melf-c++'), MELF_CONFIG: questions };
  const words = [
    tools.cmake,
    '-G',
    'Ninja',
    `-DCMAKE_MAKE_PROGRAM=${tools.ninja}`,
    ...cmakeVariables(tools, place.root),
  ];
  rmSync(join(place.build, 'build.ninja'), { force: true });
  await step('MariaDB configured', () => run([...words, place.source], { cwd: place.build, env, log: place.log }));
}

/** All that the server is linked from, without the link itself: that is done with more than the build knows of (executable.ts). */
async function inputsOfTarget(ninja: string, build: string): Promise<string[]> {
  const answer = await run([ninja, '-t', 'query', target], { cwd: build });
  const inputs = /^ {2}input:.*\n((?: {4}.*\n)*)/m.exec(answer)?.[1] ?? '';
  return inputs
    .trimEnd()
    .split('\n')
    .map((line) => line.trim().replace(/^\|\|? /, ''));
}

/** The words of the server's link, as in `: && g++ FLAGS OBJECTS -o sql/mariadbd LIBRARIES && :`. */
export function linkWordsOf(commands: string): string[] {
  const last = commands.trimEnd().split('\n').at(-1) ?? '';
  const command = last.split(' && ').find((one) => one.includes(` -o ${target} `)) ?? '';
  const words = splitWords(command);
  const output = words.indexOf('-o');
  return [...words.slice(1, output), ...words.slice(output + 2)];
}

async function compile(place: Place, tools: BuildTools): Promise<void> {
  const inputs = await inputsOfTarget(tools.ninja, place.build);
  const planned = descriptions(await run([tools.ninja, '-n', ...inputs], { cwd: place.build }));
  if (planned.length === 0) return;
  const progress = new BuildProgress(planned, performance.now());
  let told = 0;
  const tell = (): void => {
    const text = progress.text(performance.now());
    detail(text);
    if (process.stderr.isTTY || progress.share < told + 0.1) return;
    told = progress.share;
    note(`MariaDB: ${text}`);
  };
  const timer = setInterval(tell, 1000);
  note(
    `MariaDB is compiled in both variants: ${progress.text(performance.now())}. It can be ended and goes on where it was.`,
  );
  try {
    await step(`MariaDB, ${planned.length} steps`, () =>
      run([tools.ninja, `-j${cpus().length}`, ...inputs], {
        cwd: place.build,
        log: place.log,
        env: { MELF_CONFIG: join(place.root, 'melf.toml') },
        onOutput: (text) => progress.add(text),
      }),
    );
  } finally {
    clearInterval(timer);
  }
}

/** Builds what is missing. */
export async function buildMariadb(isa: Isa): Promise<MariadbBuild> {
  const source = await ensureSource('mariadb');
  const tools = await ensureBuildTools();
  const root = cache.stateFolder('mariadb', isa);
  const place: Place = {
    root,
    source: join(root, 'source'),
    build: join(root, 'build'),
    log: join(cache.stateFolder('logs'), `mariadb-${isa}.log`),
  };
  const { variants, compileFlags } = await readConfiguration(configurationFile, {});
  const flags = [...fixedFlags(['g++']), ...compileFlags, ...variants.flatMap((one) => [one.name, ...one.flags])];
  // All objects anew when this changes; what does Ninja know by itself: the patched files and the header.
  const compilers = [versionLine('gcc'), versionLine('g++'), versionLine(tools.cmake)];
  const key = hashOf([source.sha256, ...compilers, ...cmakeVariables(tools, root), driver('melf-cc'), ...flags]);
  const changes = hashOf([changesHash(), readFileSync(redirectHeader), readFileSync(noChecks)]);
  const result = (linkWords: readonly string[]): MariadbBuild => ({
    folder: place.build,
    linkWords,
    messages: join(place.build, 'sql/share'),
    charsets: join(place.source, 'sql/share/charsets'),
    version: source.version,
    key: hashOf([key, changes]),
  });
  const state = cache.receipt<{ key: string; changes: string; linkWords: string[] }>('mariadb', `${isa}/built`);
  const built = (): MariadbBuild | undefined => {
    const known = state.read();
    return known?.key === key && known.changes === changes ? result(known.linkWords) : undefined;
  };
  const label = `MariaDB ${source.version} (${isa})`;
  const work = async (): Promise<MariadbBuild> => {
    const configured = cache.receipt<{ key: string }>('mariadb', `${isa}/configured`);
    if (configured.read()?.key !== key) rmSync(place.build, { recursive: true, force: true });
    await updateTree(source, place.source);
    mkdirSync(place.build, { recursive: true });
    put(join(root, 'melf.toml'), readFileSync(configurationFile));
    put(join(place.build, 'redirect.h'), readFileSync(redirectHeader));
    await run(['gcc', '-O2', '-c', noChecks, '-o', join(place.build, 'no-checks.o')]);
    if (!existsSync(join(place.build, 'build.ninja'))) await configure(place, tools);
    configured.write({ key });
    await compile(place, tools);
    const linkWords = linkWordsOf(await run([tools.ninja, '-t', 'commands', target], { cwd: place.build }));
    state.write({ key, changes, linkWords });
    return result(linkWords);
  };
  return built() ?? cache.locked(`mariadb-${isa}`, async () => built() ?? work(), { what: label });
}
