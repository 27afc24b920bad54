// One source to one object, or to one file of assembly: the real compiler runs once for each variant.

import { appendFileSync, existsSync, lstatSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isatty } from 'node:tty';
import { addExcludedSection, encodeFat, FAT_SECTION, type FatVariant, isElf64 } from '../fat-object.ts';
import { takeCensus } from '../fat-symbols.ts';
import { onEnd } from './cleanups.ts';
import { type Argument, isVariantLanguage } from './command-line.ts';
import type { Configuration, Variant } from './configuration.ts';
import { addRules, readRules, rulesFile } from './dependencies.ts';
import { decodeAssembly, encodeAssembly } from './fat-assembly.ts';
import { Jobs } from './jobs.ts';
import { headerFlags } from './libmelf.ts';
import { type Outcome, type RunningTool, startTool } from './process.ts';
import { withoutFiles } from './shared-files.ts';
import { tell } from './tell.ts';
import { Warnings } from './warnings.ts';

type Source = Argument & { kind: 'input' };

/** The compiler, what it gets, and where to. */
export interface Compile {
  readonly compiler: readonly string[];
  readonly configuration: Configuration;
  readonly arguments: readonly Argument[];
  /** The one of `arguments` to compile. */
  readonly source: Source;
  /** How far. */
  readonly goal: 'object' | 'assembly';
  readonly output: string;
  /** Contents of the source when it is `-`. */
  readonly input: Uint8Array | undefined;
  /** An empty folder. */
  readonly scratch: string;
}

/** So that the linker can move and compare functions and objects one by one. */
const SECTIONS = ['-ffunction-sections', '-fdata-sections'];
/**
 * gcc lets a caller rely on the registers that a callee of its own source leaves alone (-fipa-ra). With the callee replaced by another
 * variant's, or by another view's, that would be wrong.
 */
const gccOnly = ['-fno-ipa-ra'];
const isClang = (compiler: readonly string[]): boolean => compiler.some((word) => /clang/.test(word));

/** Keeps clang from warning of the linker's words in a call that compiles and links, which it does not where it does both. */
export const quietCompile = (compiler: readonly string[]): Argument[] =>
  isClang(compiler) ? [{ kind: 'flag', words: ['-Wno-unused-command-line-argument'] }] : [];

/** Flags of every compile of multivariant code. */
export function fixedFlags(compiler: readonly string[]): string[] {
  return isClang(compiler) ? SECTIONS : [...SECTIONS, ...gccOnly];
}

/** The same with the project's own, for a source of a language. */
export function projectFlags(
  compiler: readonly string[],
  { libmelf, compileFlags }: Configuration,
  language: string,
): string[] {
  if (!isVariantLanguage(language)) return [...compileFlags];
  // clang warns of folders that a source without a preprocessor's work to do has no use for.
  const headers = libmelf && !language.endsWith('cpp-output') ? headerFlags : [];
  return [...fixedFlags(compiler), ...headers, ...compileFlags];
}

/** The words of one compile: every flag in its place, the other inputs left out, the variant's flags last. */
export function compileWords(
  list: readonly Argument[],
  source: Argument | undefined,
  extra: readonly string[],
  { path, adapt = (flag) => flag }: { path?: string; adapt?: (flag: readonly string[]) => readonly string[] } = {},
): string[] {
  const words = list.flatMap((one) => {
    if (one.kind === 'input') {
      if (one !== source) return [];
      const name = path ?? one.path;
      return one.forced === true && one.language !== undefined ? ['-x', one.language, name] : [name];
    }
    return adapt(one.words);
  });
  return [...words, ...extra];
}

/** One call of the compiler: the default variant's makes the output itself, as the compiler alone would. */
interface Call {
  readonly variant: Pick<Variant, 'name'> & { readonly flags: string };
  readonly command: readonly string[];
  readonly target: string;
  readonly input: Uint8Array | undefined;
}

/** Compiles a source for all variants; gives the exit code of the first compile that failed, or 0. */
export async function compileSource(job: Compile): Promise<number> {
  const { source, output, scratch } = job;
  const calls = callsOf(job);
  const forget = onEnd(() => {
    // What stands there is the default variant's alone, if it is whole.
    if (isPlainFile(output)) rmSync(output, { force: true });
    rmSync(scratch, { recursive: true, force: true });
  });
  const outcomes = await runAll(calls).finally(forget);
  const failed = outcomes.findIndex((one) => one !== undefined && one.code !== 0);
  if (failed > 0) {
    const [first, other] = [calls[0]!.variant.name, calls[failed]!.variant.name];
    tell(`${outcomes[failed]!.stderr}melf-cc: ${source.path} compiles as variant ${first}, but not as ${other}\n`);
    if (isPlainFile(output)) rmSync(output, { force: true });
  }
  if (failed >= 0) return outcomes[failed]!.code;
  const warnings = new Warnings(outcomes[0]!.stderr);
  for (const [i, outcome] of outcomes.entries())
    if (i > 0 && outcome!.stderr !== '') tell(warnings.further(outcome!.stderr, calls[i]!.variant.name));
  const rules = readRules(job.arguments);
  const file = rules && rulesFile(rules, output, source.path);
  if (file !== undefined && isPlainFile(file))
    for (const { target } of calls.slice(1)) addRules(file, `${target}.d`, rules!);
  if (calls.length > 1 && isPlainFile(output)) combine(job, calls);
  return 0;
}

function callsOf(job: Compile): Call[] {
  const { compiler, configuration, source, output, input } = job;
  const language = source.language ?? 'c';
  const stop = job.goal === 'object' ? '-c' : '-S';
  const multivariant = isVariantLanguage(language);
  const fixed = projectFlags(compiler, configuration, language);
  const chosen = configuration.isMultivariant(source.path);
  const stored = multivariant || !chosen ? undefined : storedVariants(source.path);
  const ending = job.goal === 'object' ? 'o' : 's';
  const dependencies = readRules(job.arguments)?.kind;
  const call = (variant: Call['variant'], own: readonly string[], i: number, path?: string): Call => {
    const target = i === 0 ? output : join(job.scratch, `${i}.${ending}`);
    const rules = i > 0 && dependencies !== undefined ? [dependencies, '-MF', `${target}.d`, '-MT', 'x'] : [];
    const words = compileWords(job.arguments, source, [...fixed, ...own], {
      path,
      adapt: i === 0 ? undefined : withoutFiles,
    });
    const colours = i === 0 ? colourFlags(job.arguments) : [];
    return { variant, command: [...compiler, ...words, ...colours, stop, ...rules, '-o', target], target, input };
  };
  if (stored !== undefined) {
    return stored.map(({ name, flags, object }, i) => {
      const path = i === 0 ? undefined : join(job.scratch, `${i}-${source.path.endsWith('.S') ? 'in.S' : 'in.s'}`);
      if (path !== undefined) writeFileSync(path, object ?? readFileSync(source.path));
      return call({ name, flags }, [], i, path);
    });
  }
  // What applies to assembly are the flags of the preprocessor, and those must not differ between variants.
  const variants = multivariant && chosen ? configuration.variants : configuration.variants.slice(0, 1);
  return variants.map(({ name, flags }, i) => call({ name, flags: flags.join(' ') }, multivariant ? flags : [], i));
}

/** What the default variant's compiler writes goes through a pipe, which it would take for no terminal. */
function colourFlags(list: readonly Argument[]): string[] {
  const { TERM, NO_COLOR, GCC_COLORS } = process.env;
  const isAsked = list.some(
    (one) => one.kind === 'flag' && /^-f(no-)?(diagnostics-color|color-diagnostics)/.test(one.words[0]!),
  );
  const isPlain = !isatty(2) || isAsked || TERM === undefined || TERM === 'dumb' || GCC_COLORS === '' || NO_COLOR;
  return isPlain ? [] : ['-fdiagnostics-color=always'];
}

/** The default variant first; others beside it while processors are free. After a failure no more are started. */
async function runAll(calls: readonly Call[]): Promise<(Outcome | undefined)[]> {
  const jobs = new Jobs(process.env);
  const outcomes: (Outcome | undefined)[] = calls.map(() => undefined);
  const atWork = new Map<RunningTool, Promise<unknown>>();
  let next = 0;
  let failed = false;
  const begin = (i: number): void => {
    const done = calls.length > 1 ? jobs.add() : () => undefined;
    const tool = startTool(calls[i]!.command, {
      input: calls[i]!.input,
      quiet: i > 0,
      echo: i === 0 && calls.length > 1,
    });
    const ended = tool.outcome.then((outcome) => {
      outcomes[i] = outcome;
      if (outcome.code === 0) return;
      failed = true;
      // The default variant speaks for all: it goes on when another one fails.
      if (i === 0) for (const one of atWork.keys()) one.stop();
    });
    const settled = ended.finally(() => {
      atWork.delete(tool);
      done();
    });
    atWork.set(tool, settled);
  };
  do {
    while (next < calls.length && !failed && (atWork.size === 0 || jobs.mayAdd())) begin(next++);
    await Promise.race(atWork.values());
  } while (atWork.size > 0 || (next < calls.length && !failed));
  // The others were stopped, or failed for the same reason.
  return outcomes[0]?.code === 0 ? outcomes : outcomes.slice(0, 1);
}

/** Puts the other variants into the default one's output. */
function combine(job: Compile, calls: readonly Call[]): void {
  const { output } = job;
  const base = readFileSync(output);
  const variants = calls.map(({ variant, target }, i): FatVariant => {
    const object = i === 0 ? undefined : readFileSync(target);
    return { ...variant, object: object?.equals(base) === true ? undefined : object };
  });
  // The same in all variants: it stays an ordinary file, and its functions common code.
  if (variants.every(({ object }) => object === undefined)) return;
  if (job.goal === 'object' && !isElf64(base)) {
    tell(
      `melf-cc: warning: ${job.source.path}: only objects of 64 bits, little-endian, can hold variants: it is compiled as variant ${calls[0]!.variant.name} alone\n`,
    );
  } else if (job.goal === 'assembly') appendFileSync(output, encodeAssembly(base, variants));
  else writeFileSync(output, addExcludedSection(base, FAT_SECTION, encodeFat(variants, takeCensus(base)), output));
}

function storedVariants(path: string): FatVariant[] | undefined {
  // Reading assembly that is written by hand costs little: it is short.
  const found = existsSync(path) && statSync(path).isFile() ? decodeAssembly(readFileSync(path), path) : undefined;
  if (found !== 'edited') return found;
  tell(
    `melf-cc: warning: ${path} was edited after melf-cc -S had made it: the other variants that it holds are left out, and all run what it says now\n`,
  );
  return undefined;
}

/** False for `/dev/null`, which a configure script gives when it only wants to know whether it compiles. */
export function isPlainFile(path: string): boolean {
  return existsSync(path) && lstatSync(path).isFile();
}
