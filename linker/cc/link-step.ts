// The last step of melf-cc: the wrapped compiler says what it would hand to its linker, and ours does that.

import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { MelfError } from '../../base/errors.ts';
import type { Diagnostic } from '../errors.ts';
import { addExcludedSection, decodeFat, encodeFat, FAT_SECTION, type FatVariant, sectionNamed } from '../fat-object.ts';
import { assertSymbols, takeCensus } from '../fat-symbols.ts';
import { link } from '../link.ts';
import { formatMap } from '../map.ts';
import { COMMON, isElf, readObject } from '../object.ts';
import type { LinkOptions } from '../options.ts';
import { checkOutputs, writeAll } from '../output-file.ts';
import { formatStatistics } from '../statistics.ts';
import { type Argument, expandResponseFiles } from './command-line.ts';
import { isPlainFile } from './compile.ts';
import type { Configuration } from './configuration.ts';
import { readLdCommand } from './ld-command.ts';
import { asanObject, runtimeObjects } from './libmelf.ts';
import { runTool } from './process.ts';
import { assertReadable, isRaw } from './raw-words.ts';
import { asksForJson, report, reportError } from './report.ts';
import { tell } from './tell.ts';
import { splitWords } from './words.ts';

export interface LinkJob {
  readonly compiler: readonly string[];
  readonly configuration: Configuration;
  /** Objects in the place of sources. */
  readonly arguments: readonly Argument[];
  readonly output: string;
  /** What was compiled to those objects, by their paths: it must not be written over either. */
  readonly sources: ReadonlyMap<string, string>;
  readonly scratch: string;
}

const SANITIZERS =
  "a MELF is static, and the compiler's sanitizers need shared libraries; a [[variant]] with asan = true in melf.toml finds errors of the heap";

const wordsOf = (list: readonly Argument[]): string[] =>
  list.flatMap((one) => (one.kind === 'input' ? [one.path] : one.words));

/**
 * What is said to the preprocessor may hold any bytes, and is of no use here. From a response file, as those bytes would need one, the compiler
 * hands words on to its linker in another, which is gone when it ends.
 */
function concernsLink(one: Argument): boolean {
  if (one.kind === 'input' || !one.words.some(isRaw)) return true;
  if (/^(-[DUI]|-i|--(define-macro|undefine-macro|include))/.test(one.words[0]!)) return false;
  for (const word of one.words) assertReadable(word);
  return true;
}

/** Position independent only when the command line says so: a compiler that does it by default is told otherwise. */
function linkMode(words: readonly string[]): string[] {
  const last = words.findLast((word) => /^-(static-pie|pie|no-pie|nopie)$/.test(word));
  return last === '-static-pie' || last === '-pie' ? ['-static-pie'] : ['-static', '-no-pie'];
}

/** Links an executable; gives the exit code. */
export function linkExecutable(job: LinkJob): number {
  const json = asksForJson([...wordsOf(job.arguments), ...job.configuration.linkFlags]);
  try {
    const given = [...wordsOf(job.arguments.filter(concernsLink)), ...job.configuration.linkFlags];
    return linkAs(job, given, json);
  } catch (error) {
    if (!(error instanceof MelfError)) throw error;
    reportError(error, json);
    return 1;
  }
}

function linkAs(job: LinkJob, given: readonly string[], json: boolean): number {
  const { compiler, configuration } = job;
  const words = given.filter(
    (word) => !/^-(static-pie|pie|no-pie|nopie|static|rdynamic|flto.*|fuse-ld=.*)$/.test(word),
  );
  const asked = runTool([...compiler, ...words, ...linkMode(given), '-o', job.output, '-###'], {
    quiet: true,
    env: { ...process.env, LC_ALL: 'C' },
  });
  const command = linkerCommand(asked.stderr);
  if (asked.code !== 0 || command === undefined) {
    const lines = asked.stderr.split('\n').filter((line) => /\b(error|warning): /.test(line));
    if (json) report(lines.map(asDiagnostic), json);
    else tell(`${lines.join('\n')}\n`);
    if (asked.code !== 0 && !json && given.some((word) => /^-fsanitize=/.test(word)))
      tell(`melf-cc: hint: ${SANITIZERS}\n`);
    if (asked.code !== 0) return asked.code;
    throw new MelfError('cc.no-link', `${compiler.join(' ')} -### shows no linker command`, {
      hint: 'melf-cc understands gcc and clang and wrappers of them',
    });
  }
  // CMake reads the linker's folders and libraries from this.
  if (given.includes('-v')) tell(asked.stderr);
  const ldWords = expandResponseFiles(command);
  for (const word of ldWords) assertReadable(word);
  // ld answers these and links nothing.
  if (ldWords.some((word) => /^--?(help|version)$/.test(word))) return runTool([...compiler, ...given]).code;
  const questions = ldWords.filter((word) => /^-[vV]$/.test(word));
  if (questions.length > 0) tellLinkersVersion(compiler, questions[0]!);
  const ld = readLdCommand(ldWords.filter((word) => !questions.includes(word)));
  const toFile = ld.map !== undefined && ld.map !== '-';
  checkOutputs(toFile ? [ld.output, ld.map!] : [ld.output], [
    ...job.sources.values(),
    ...ld.options.inputs.map(({ path }) => path),
  ]);
  const inputs = ld.options.inputs.map((input) => {
    // Objects in the scratch folder are gone when somebody reads about them.
    const source = input.path.startsWith(`${job.scratch}/`) ? job.sources.get(input.path) : undefined;
    return source === undefined ? input : { ...input, shownAs: source === '-' ? '<stdin>' : source };
  });
  // Both need a C library that was started. A program without one gets of them what it names itself.
  const has = (name: RegExp): boolean => inputs.some(({ path }) => name.test(basename(path)));
  const entry = ld.options.entry ?? '_start';
  const isStarted = has(/crt1\.o$/) || inputs.some(({ path }) => isDefinedBy(path, entry));
  const lazy = !has(/^libc\.a$/) || !isStarted;
  const runtime = [
    ...(configuration.libmelf ? runtimeObjects(compiler) : []),
    ...(configuration.asan ? [{ path: asanObject(compiler) }] : []),
  ];
  const own = runtime.map((input) => ({ ...input, givenBy: 'the compiler', lazy: lazy || input.lazy }));
  // Before the archives, after the start-up files, as the program's own objects are.
  const at = inputs.findIndex((input) => /\/crtbegin[ST]?\.o$/.test(input.path));
  inputs.splice(at + 1, 0, ...own);
  const options: LinkOptions = {
    ...ld.options,
    isaGivenBy: 'the compiler',
    inputs,
    wrap: [...(ld.options.wrap ?? []), ...(configuration.libmelf ? ['_Unwind_Find_FDE'] : [])],
    variants: configuration.variants.map(({ name, flags }) => ({ name, flags: flags.join(' ') })),
    common: configuration.commonFunctions,
    multivariant: configuration.multivariantFunctions,
    pageAlign: configuration.pageAlign,
    patternsOfProject: true,
    entryOptional: true,
    strictData: ld.options.strictData ?? configuration.strictData,
    buildFlags: basename(configuration.file),
  };
  const result = link(options);
  report(result.warnings, json);
  const map = toFile ? [{ path: ld.map!, bytes: Buffer.from(formatMap(result)), mode: 0o644 }] : [];
  writeAll([{ path: ld.output, bytes: result.bytes, mode: 0o755 }, ...map]);
  if (ld.map === '-') tell(formatMap(result), 1);
  if (ld.statistics) process.stderr.write(formatStatistics(result, options));
  if (process.env.MELF_VERBOSE === '1') for (const one of ld.ignored) tell(`melf-cc: ignored ${one}\n`);
  return 0;
}

/** What the compiler says about the command line of a link. */
function asDiagnostic(line: string): Diagnostic {
  const [, severity, message] = /^(?:.*?: )?(?:fatal )?(error|warning): (.*)$/.exec(line) ?? [undefined, 'error', line];
  return { severity: severity === 'warning' ? 'warning' : 'error', code: 'cc.compiler', message: message!, places: [] };
}

/** Whether an object, not an archive, defines a symbol. */
function isDefinedBy(path: string, name: string): boolean {
  const bytes = readFileSync(path);
  if (!isElf(bytes)) return false;
  const { symbols, firstGlobal } = readObject(bytes, { path, variant: COMMON, unit: '' });
  return symbols.slice(firstGlobal).some((symbol) => symbol.isDefined && symbol.name === name);
}

/** `-Wl,-v` and `-Wl,-V`, by which configure scripts and libtool tell GNU ld: it says its version, and links as ever. */
function tellLinkersVersion(compiler: readonly string[], question: string): void {
  const named = runTool([...compiler, '-print-prog-name=ld'], { quiet: true }).stdout.trim();
  runTool([named || 'ld', question]);
}

/** The words after the linker's name in what `-###` prints. */
function linkerCommand(text: string): string[] | undefined {
  for (const line of text.split('\n').reverse()) {
    if (!/^ ?["/\w]/.test(line) || line.startsWith('COLLECT')) continue;
    const [program, ...rest] = splitWords(line);
    if (program !== undefined && /^(collect2|(.*-)?ld([.-].*)?|lld|wild|mold)$/.test(basename(program))) return rest;
  }
  return undefined;
}

/** `-r`: the objects of each variant are combined for themselves, into one fat object. */
export function linkRelocatable(job: LinkJob): number {
  const { compiler, configuration, output } = job;
  const names = configuration.variants.map(({ name }) => name);
  const combine = (list: readonly Argument[], target: string): number =>
    runTool([...compiler, ...wordsOf(list), '-o', target]).code;
  const bodies = new Map<Argument, FatVariant[]>();
  for (const one of job.arguments) {
    if (one.kind !== 'input') continue;
    const bytes = readFileSync(one.path);
    const fat = sectionNamed(bytes, FAT_SECTION);
    if (fat === undefined) continue;
    assertSymbols(bytes, fat, one.path);
    bodies.set(one, decodeFat(fat, one.path)[0]!);
  }
  const variants: FatVariant[] = [];
  let base: Uint8Array = new Uint8Array(0);
  for (const [v, name] of names.entries()) {
    const list = job.arguments.map((one, i): Argument => {
      const fat = bodies.get(one);
      if (fat === undefined || one.kind !== 'input') return one;
      const object = fat.find((b) => b.name === name)?.object ?? withoutFat(readFileSync(one.path));
      const path = join(job.scratch, `${v}-${i}.o`);
      writeFileSync(path, object);
      return { ...one, path };
    });
    const target = v === 0 ? output : join(job.scratch, `combined-${v}.o`);
    const code = combine(list, target);
    if (code !== 0) return code;
    // A device keeps nothing to add to.
    if (v === 0 && !isPlainFile(output)) return 0;
    if (v === 0) base = readFileSync(target);
    variants.push({
      name,
      flags: configuration.variants[v]!.flags.join(' '),
      object: v === 0 ? undefined : readFileSync(target),
    });
  }
  if (bodies.size > 0) {
    const fat = encodeFat(variants, takeCensus(base));
    writeFileSync(output, addExcludedSection(base, FAT_SECTION, fat, output));
  }
  return 0;
}

/** The default variant's object alone: the section gets another name, under which no other tool knows it. */
function withoutFat(bytes: Buffer): Buffer {
  const fat = sectionNamed(bytes, FAT_SECTION);
  if (fat === undefined) return bytes;
  const copy = Buffer.from(bytes);
  const at = copy.lastIndexOf(`${FAT_SECTION}\0`);
  copy.write('.melf.dropped', at, 'latin1');
  return copy;
}
