// melf.toml: the variants of a project and what is multivariant in it.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import * as v from 'valibot';
import { MelfError } from '../../emulator/errors.ts';
import { globMatcher } from '../options.ts';
import { splitWords } from './words.ts';

/** A project's variants cannot be read. */
export class ConfigurationError extends MelfError {}

export interface Variant {
  readonly name: string;
  /** Added after the flags of the command line. */
  readonly flags: readonly string[];
}

export interface Configuration {
  /** Path of melf.toml. */
  readonly file: string;
  /** The wrapped compilers with their fixed flags. */
  readonly c: readonly string[];
  readonly cxx: readonly string[];
  /** The default variant first. */
  readonly variants: readonly Variant[];
  readonly commonFunctions: readonly string[];
  /** Absent: all that are not common. */
  readonly multivariantFunctions: readonly string[] | undefined;
  readonly pageAlign: readonly string[];
  /** Flags for every compile and for every link. */
  readonly compileFlags: readonly string[];
  readonly linkFlags: readonly string[];
  /** Whether programs get libmelf: MELF_VARIANT chooses the variant at start, melf_switch at any time. */
  readonly libmelf: boolean;
  /** Whether a source is compiled once for each variant. */
  isMultivariant(source: string): boolean;
}

const words = v.union(
  [v.pipe(v.string(), v.transform(splitWords)), v.array(v.string())],
  'must be a text or a list of texts',
);
const patterns = v.optional(v.array(v.string('must be a list of patterns')), []);
const schema = v.strictObject({
  compiler: v.optional(
    v.strictObject({
      c: v.optional(words),
      cxx: v.optional(words),
      flags: v.optional(words, []),
      'link-flags': v.optional(words, []),
    }),
    {},
  ),
  variants: v.optional(v.never('is written [[variant]], once for each')),
  variant: v.pipe(
    v.array(
      v.strictObject({
        name: v.pipe(
          v.string('must be a text'),
          v.regex(/^[A-Za-z0-9_.+-]{1,64}$/, 'may have up to 64 letters, digits and _ . + -'),
        ),
        flags: v.optional(words, []),
        default: v.optional(v.boolean('must be true or false'), false),
      }),
      'is written [[variant]], once for each',
    ),
    v.minLength(1, 'at least one [[variant]] is needed'),
    v.maxLength(16, 'at most 16 variants can be linked together'),
  ),
  multivariant: v.optional(
    v.strictObject({ sources: v.optional(v.array(v.string())), functions: v.optional(v.array(v.string())) }),
    {},
  ),
  common: v.optional(v.strictObject({ sources: patterns, functions: patterns }), {}),
  link: v.optional(
    v.strictObject({ 'page-align': patterns, libmelf: v.optional(v.boolean('must be true or false'), true) }),
    {},
  ),
});

/** The melf.toml that holds for a folder: `MELF_CONFIG`, or the nearest one upwards. */
export function findConfiguration(folder: string, environment: NodeJS.ProcessEnv): string | undefined {
  const named = environment.MELF_CONFIG;
  if (named !== undefined && named !== '') return resolve(folder, named);
  for (let at = resolve(folder); ; at = dirname(at)) {
    const file = join(at, 'melf.toml');
    if (existsSync(file)) return file;
    if (dirname(at) === at) return undefined;
  }
}

/** Reads melf.toml. @throws ConfigurationError with line and column. */
export function readConfiguration(file: string, environment: NodeJS.ProcessEnv): Configuration {
  const text = readText(file);
  let raw: unknown;
  try {
    raw = parse(text);
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    throw new ConfigurationError('cc.toml', `${file}:${cause.line}:${cause.column}: ${cause.message.split('\n')[0]}`, {
      hint: 'TOML is described at toml.io; a variant is a table [[variant]] with name and flags',
    });
  }
  const result = v.safeParse(schema, raw);
  if (!result.success) {
    const issue = result.issues[0];
    const path = (issue.path ?? []).map((item) => item.key as string | number);
    const { line, column } = placeOf(text, path);
    const what =
      issue.type === 'strict_object' && issue.expected === 'never'
        ? 'is not known'
        : issue.type === 'strict_object'
          ? 'is missing or no table'
          : issue.message;
    throw new ConfigurationError(
      'cc.configuration',
      `${file}:${line}:${column}: ${path.join('.') || 'the file'} ${what}`,
      {
        hint: 'it may have [compiler] c, cxx, flags, link-flags; [[variant]] name, flags, default; [multivariant] and [common] sources, functions; [link] page-align, libmelf',
      },
    );
  }
  const { compiler, variant, multivariant, common, link } = result.output;
  const names = variant.map(({ name }) => name);
  const twice = names.findIndex((name, i) => names.indexOf(name) !== i);
  const defaults = variant.filter((one) => one.default);
  if (twice >= 0 || defaults.length > 1) {
    const index = twice >= 0 ? twice : variant.indexOf(defaults[1]!);
    const { line, column } = placeOf(text, ['variant', index, twice >= 0 ? 'name' : 'default']);
    const what = twice >= 0 ? `the variant ${names[twice]} exists twice` : 'a second default variant';
    throw new ConfigurationError('cc.configuration', `${file}:${line}:${column}: ${what}`);
  }
  const chosen = defaults[0] ?? variant[0]!;
  const sources = multivariant.sources === undefined ? () => true : globMatcher(multivariant.sources.map(wide));
  const kept = globMatcher(common.sources.map(wide));
  const home = dirname(file);
  const wrapped = (variable: string, fromFile: readonly string[] | undefined, usual: string): readonly string[] => {
    const fromEnvironment = environment[variable];
    return fromEnvironment ? splitWords(fromEnvironment) : (fromFile ?? [usual]);
  };
  return {
    file,
    c: wrapped('MELF_CC', compiler.c, 'gcc'),
    cxx: wrapped('MELF_CXX', compiler.cxx, 'g++'),
    variants: [chosen, ...variant.filter((one) => one !== chosen)].map(({ name, flags }) => ({ name, flags })),
    commonFunctions: common.functions,
    multivariantFunctions: multivariant.functions,
    pageAlign: link['page-align'],
    compileFlags: compiler.flags,
    linkFlags: compiler['link-flags'],
    libmelf: link.libmelf,
    isMultivariant: (source) => {
      const path = relative(home, resolve(source));
      return sources(path) && !kept(path);
    },
  };
}

/** `*` of a pattern does not stop at a folder, so that `getopt*.c` would not match below one; both spellings shall. */
const wide = (pattern: string): string => pattern.replaceAll('**/', '*');

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new ConfigurationError('cc.no-configuration', `${file} cannot be read`, {
      hint: 'MELF_CONFIG names the file; without it melf.toml is looked for in the working directory and above',
      cause,
    });
  }
}

/** Line and column of a key: the TOML reader keeps no places, so the key is looked for below its tables' headers. */
export function placeOf(text: string, path: readonly (string | number)[]): { line: number; column: number } {
  const lines = text.split('\n');
  let table = '';
  const counts = new Map<string, number>();
  let best = { line: 1, column: 1 };
  let depth = 0;
  const prefix = (at: number): string => path.slice(0, at).join('.');
  for (const [i, line] of lines.entries()) {
    const header = /^\s*(\[\[?)\s*([^\]]+?)\s*\]/.exec(line);
    if (header !== null) {
      const name = header[2]!;
      if (header[1] === '[[') {
        const count = counts.get(name) ?? 0;
        counts.set(name, count + 1);
        table = `${name}.${count}`;
      } else table = name;
    }
    const key = header === null ? /^\s*("?)([\w-]+)\1\s*=/.exec(line) : null;
    const here = key === null ? table : table === '' ? key[2]! : `${table}.${key[2]}`;
    for (let at = path.length; at > depth; at--) {
      if (here !== prefix(at)) continue;
      depth = at;
      best = { line: i + 1, column: line.search(/\S/) + 1 };
    }
  }
  return best;
}
