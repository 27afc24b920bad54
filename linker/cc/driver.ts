// melf-cc and melf-c++: the wrapped compiler, called once for each variant, and our linker in the place of its own.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { MelfError } from '../../base/errors.ts';
import { checkOutputs } from '../output-file.ts';
import { type Argument, type CommandLine, expandResponseFiles, readCommandLine } from './command-line.ts';
import { compileSource, projectFlags, quietCompile } from './compile.ts';
import { type Configuration, findConfiguration, readConfiguration } from './configuration.ts';
import { ConfigurationError } from './configuration-error.ts';
import { readRules } from './dependencies.ts';
import { runTool } from './process.ts';
import { assertReadable, readArguments } from './raw-words.ts';
import { makeScratch } from './scratch.ts';
import { type SideFiles, sideFiles } from './side-files.ts';
import { splitWords } from './words.ts';

type Input = Argument & { kind: 'input' };

/** Runs as a compiler would; gives the exit code. */
export async function main(language: 'c' | 'c++', given: readonly string[]): Promise<number> {
  const argv = readArguments(given);
  try {
    return await compileAndLink(language, argv);
  } catch (error) {
    if (!(error instanceof MelfError)) throw error;
    const { asksForJson, reportError } = await import('./report.ts');
    reportError(error, asksForJson(argv));
    return 1;
  }
}

function compilerOf(language: 'c' | 'c++', configuration: Configuration | undefined): readonly string[] {
  if (configuration !== undefined) return language === 'c' ? configuration.c : configuration.cxx;
  const named = language === 'c' ? process.env.MELF_CC : process.env.MELF_CXX;
  return named ? splitWords(named) : [language === 'c' ? 'gcc' : 'g++'];
}

async function compileAndLink(language: 'c' | 'c++', argv: readonly string[]): Promise<number> {
  const words = expandResponseFiles(argv);
  const line = readCommandLine(words);
  const inputs = line.arguments.filter((one): one is Input => one.kind === 'input');
  const file = findConfiguration(process.cwd(), process.env);
  const configuration = file === undefined ? undefined : await readConfiguration(file, process.env);
  const compiler = compilerOf(language, configuration);
  // Questions about the compiler itself need no variants.
  if (inputs.length === 0) return runTool([...compiler, ...argv]).code;
  if (line.isIncomplete) {
    // What would follow must not become its value. The compiler says what is missing, unless it knows a flag of that name without a value.
    const { code } = runTool([...compiler, ...argv]);
    if (code !== 0) return code;
  }
  if (configuration === undefined) {
    throw new ConfigurationError('cc.no-configuration', `there is no melf.toml in ${process.cwd()} or above`, {
      hint: 'write one with a table [[variant]] (name, flags) for each variant, or name one in MELF_CONFIG',
    });
  }
  if (words.some((word) => /^-flto(=|$)/.test(word)) && !words.includes('-fno-lto')) {
    throw new ConfigurationError(
      'cc.lto',
      '-flto cannot be used: each variant must be machine code before they are linked',
      {
        hint: 'configure the project without link-time optimisation',
      },
    );
  }
  const first = [...projectFlags(compiler, configuration, 'c'), ...configuration.variants[0]!.flags];
  const isSource = (one: Input): boolean => one.language !== undefined;
  const isHeader = (one: Input): boolean => one.language?.endsWith('header') === true;
  if (line.goal === 'other' || (line.goal === 'assembly' && line.output === '-') || inputs.some(isHeader)) {
    const command = [...compiler, ...argv, ...(inputs.some(isSource) ? first : [])];
    if (readRules(line.arguments) === undefined) return runTool(command).code;
    const { runForRules } = await import('./rules.ts');
    return runForRules({ command, compiler, configuration, line });
  }
  // A shared library has the default variant only: views belong to the executable.
  if (line.goal === 'shared') return runTool([...compiler, ...argv, ...(inputs.some(isSource) ? first : [])]).code;
  for (const name of [...inputs.map(({ path }) => path), line.output ?? '', readRules(line.arguments)?.file ?? ''])
    assertReadable(name);
  const scratch = makeScratch(process.env);
  try {
    return await build(line, inputs, compiler, configuration, scratch);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function build(
  line: CommandLine,
  inputs: readonly Input[],
  compiler: readonly string[],
  configuration: Configuration,
  scratch: string,
): Promise<number> {
  const { goal } = line;
  const input = inputs.some((one) => one.path === '-') ? readFileSync(0) : undefined;
  const sources = inputs.filter((one) => one.language !== undefined);
  const stops = goal === 'object' || goal === 'assembly';
  const ending = goal === 'assembly' ? 's' : 'o';
  if (stops && (sources.length === 0 || (line.output !== undefined && sources.length > 1))) {
    // The compiler has its own words for this.
    return runTool([...compiler, ...rebuilt(line), goal === 'object' ? '-c' : '-S']).code;
  }
  const written = stops ? line.output : (line.output ?? 'a.out');
  if (written !== undefined) {
    // Before anything is compiled, which may take long.
    checkOutputs(
      [written],
      inputs.map(({ path }) => path),
    );
  }
  const first = [...configuration.compileFlags, ...configuration.variants[0]!.flags];
  const beside = stops ? new Map<Input, SideFiles>() : sideFiles(compiler, [...rebuilt(line), ...first], sources);
  const objects = new Map<Input, string>();
  let failure = 0;
  for (const [i, source] of sources.entries()) {
    const stem = basename(source.path, extname(source.path));
    const own = beside.get(source);
    const object = own?.object ?? join(scratch, `${i}-${stem}.o`);
    const output = stops ? (line.output ?? `${stem}.${ending}`) : object;
    const code = await compileSource({
      compiler,
      configuration,
      arguments: [...line.arguments, ...(own?.flags ?? []), ...(stops ? [] : quietCompile(compiler))],
      source,
      goal: goal === 'assembly' ? 'assembly' : 'object',
      output,
      input: source.path === '-' ? input : undefined,
      scratch: sources.length === 1 && stops ? scratch : mkdtempSync(join(scratch, 'variants-')),
    });
    // The compiler goes on with the other sources, too, unless a signal ended it.
    if (code > 128) return code;
    failure ||= code;
    objects.set(source, output);
  }
  const rest = inputs.filter((one) => one.language === undefined);
  // Of these the compiler says that they are not used, or that there are none such, which is an error.
  if (stops && rest.length > 0)
    failure ||= runTool([...compiler, ...rest.map(({ path }) => path), goal === 'assembly' ? '-S' : '-c']).code;
  if (stops || failure !== 0) return failure;
  const list = line.arguments.map((one): Argument => {
    const object = one.kind === 'input' ? objects.get(one) : undefined;
    return object === undefined ? one : { kind: 'input', path: object, language: undefined };
  });
  const { linkExecutable, linkRelocatable } = await import('./link-step.ts');
  const job = {
    compiler,
    configuration,
    arguments: list,
    output: line.output ?? 'a.out',
    sources: new Map(sources.map((source) => [objects.get(source)!, source.path])),
    scratch,
  };
  return line.goal === 'relocatable' ? linkRelocatable(job) : linkExecutable(job);
}

const rebuilt = (line: CommandLine): string[] => [
  ...line.arguments.flatMap((one) => (one.kind === 'input' ? languageWords(one) : one.words)),
  ...(line.output === undefined ? [] : ['-o', line.output]),
];

/** An input, with the language that -x gave it. */
function languageWords(one: Input): string[] {
  return one.forced === true && one.language !== undefined ? ['-x', one.language, one.path, '-x', 'none'] : [one.path];
}
