// MariaDB's server as CMake and Ninja build it, with melf-cc as its compiler: every source in both variants (melf.toml). A quarter of an hour to
// more than an hour on two CPUs. The build folder stays in .cache/mariadb/, so that a build that was ended goes on where it was, and a changed patch compiles little.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { run } from '../../base/command.ts';
import { fixedFlags } from '../../linker/cc/compile.ts';
import { readConfiguration } from '../../linker/cc/configuration.ts';
import { splitWords } from '../../linker/cc/words.ts';
import { cache, hashOf, type Receipt } from '../../setup/cache.ts';
import { versionLine } from '../../setup/host-tools.ts';
import { detail, note, step } from '../../setup/progress.ts';
import { ensureSource, type Source } from '../../setup/sources.ts';
import type { Isa } from '../../setup/toolchain.ts';
import { BuildProgress, descriptions } from './build-progress.ts';
import { type BuildTools, ensureBuildTools } from './build-tools.ts';
import { changesHash, updateTree } from './build-tree.ts';
import { cmakeVariables, emulator } from './cmake-words.ts';

export interface MariadbBuild {
  /** The folder where the build's commands run. */
  readonly folder: string;
  /** The C++ compiler that melf-c++ wraps. */
  readonly compiler: string;
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
  readonly isa: Isa;
  readonly root: string;
  readonly source: string;
  readonly build: string;
  readonly log: string;
}

/** For melf-cc. */
const environment = ({ cc, cxx }: BuildTools, configuration: string): Record<string, string> => ({
  MELF_CONFIG: configuration,
  MELF_CC: cc,
  MELF_CXX: cxx,
});

async function configure(place: Place, tools: BuildTools): Promise<void> {
  const questions = join(place.root, 'questions.toml');
  await writeQuestionsConfiguration(questions);
  const env = { CC: driver('melf-cc'), CXX: driver('melf-c++'), ...environment(tools, questions) };
  const words = [
    tools.cmake,
    '-G',
    'Ninja',
    `-DCMAKE_MAKE_PROGRAM=${tools.ninja}`,
    ...cmakeVariables(tools, place.isa, place.root),
    ...emulator(tools, place.root),
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
        env: environment(tools, join(place.root, 'melf.toml')),
        onOutput: (text) => progress.add(text),
      }),
    );
  } finally {
    clearInterval(timer);
  }
}

interface Plan {
  readonly place: Place;
  readonly source: Source;
  readonly tools: BuildTools;
  /** All objects are made anew when this changes. */
  readonly key: string;
  /** What Ninja notices by itself: the patched files and the header. */
  readonly changes: string;
}

interface BuiltState {
  readonly key: string;
  readonly changes: string;
  readonly linkWords: readonly string[];
}

const stateOf = (isa: Isa): Receipt<BuiltState> => cache.receipt('mariadb', `${isa}/built`);

async function planOf(isa: Isa): Promise<Plan> {
  const source = await ensureSource('mariadb');
  const tools = await ensureBuildTools(isa);
  const root = cache.stateFolder('mariadb', isa);
  const { variants, compileFlags } = await readConfiguration(configurationFile, {});
  const flags = [...fixedFlags([tools.cxx]), ...compileFlags, ...variants.flatMap((one) => [one.name, ...one.flags])];
  const compilers = [versionLine(tools.cc), versionLine(tools.cxx), versionLine(tools.cmake)];
  return {
    place: {
      isa,
      root,
      source: join(root, 'source'),
      build: join(root, 'build'),
      log: join(cache.stateFolder('logs'), `mariadb-${isa}.log`),
    },
    source,
    tools,
    key: hashOf([source.sha256, ...compilers, ...cmakeVariables(tools, isa, root), driver('melf-cc'), ...flags]),
    changes: hashOf([changesHash(), readFileSync(redirectHeader), readFileSync(noChecks)]),
  };
}

const resultOf = ({ place, source, tools, key, changes }: Plan, linkWords: readonly string[]): MariadbBuild => ({
  folder: place.build,
  compiler: tools.cxx,
  linkWords,
  messages: join(place.build, 'sql/share'),
  charsets: join(place.source, 'sql/share/charsets'),
  version: source.version,
  key: hashOf([key, changes]),
});

function finished(plan: Plan): MariadbBuild | undefined {
  const known = stateOf(plan.place.isa).read();
  return known?.key === plan.key && known.changes === plan.changes ? resultOf(plan, known.linkWords) : undefined;
}

async function work(plan: Plan): Promise<MariadbBuild> {
  const { place, source, tools, key, changes } = plan;
  const configured = cache.receipt<{ key: string }>('mariadb', `${place.isa}/configured`);
  if (configured.read()?.key !== key) rmSync(place.build, { recursive: true, force: true });
  await updateTree(source, place.source);
  mkdirSync(place.build, { recursive: true });
  put(join(place.root, 'melf.toml'), readFileSync(configurationFile));
  put(join(place.build, 'redirect.h'), readFileSync(redirectHeader));
  await run([tools.cc, '-O2', '-c', noChecks, '-o', join(place.build, 'no-checks.o')]);
  if (!existsSync(join(place.build, 'build.ninja'))) await configure(place, tools);
  configured.write({ key });
  await compile(place, tools);
  const linkWords = linkWordsOf(await run([tools.ninja, '-t', 'commands', target], { cwd: place.build }));
  stateOf(place.isa).write({ key, changes, linkWords });
  return resultOf(plan, linkWords);
}

/** Builds what is missing. */
export async function buildMariadb(isa: Isa): Promise<MariadbBuild> {
  const plan = await planOf(isa);
  const what = `MariaDB ${plan.source.version} (${isa})`;
  return finished(plan) ?? cache.locked(`mariadb-${isa}`, async () => finished(plan) ?? work(plan), { what });
}

/** The build where it is there already, for those who would not wait for it; undefined where it is not, or is of other sources or flags. */
export async function builtMariadb(isa: Isa): Promise<MariadbBuild | undefined> {
  return stateOf(isa).read() === undefined ? undefined : finished(await planOf(isa));
}
