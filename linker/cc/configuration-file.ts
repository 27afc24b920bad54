// What may stand in melf.toml. Loaded only when the file changed: reading TOML and checking it costs more than the rest of a start.

import { parse, TomlError } from 'smol-toml';
import * as v from 'valibot';
import type { ConfigurationData } from './configuration.ts';
import { ConfigurationError } from './configuration-error.ts';
import { asanFlags } from './libmelf.ts';
import { splitWords } from './words.ts';

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
        asan: v.optional(v.boolean('must be true or false'), false),
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
    v.strictObject({
      'page-align': patterns,
      libmelf: v.optional(v.boolean('must be true or false'), true),
      'strict-data': v.optional(v.boolean('must be true or false'), false),
    }),
    {},
  ),
});

/** Parses and checks the text of melf.toml. @throws ConfigurationError with line and column. */
export function parseConfiguration(text: string, file: string): ConfigurationData {
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
        hint: 'it may have [compiler] c, cxx, flags, link-flags; [[variant]] name, flags, asan, default; [multivariant] and [common] sources, functions; [link] page-align, libmelf, strict-data',
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
  return {
    c: compiler.c,
    cxx: compiler.cxx,
    variants: [chosen, ...variant.filter((one) => one !== chosen)].map(({ name, flags, asan }) => ({
      name,
      flags: asan ? [...asanFlags, ...flags] : flags,
    })),
    asan: variant.some(({ asan }) => asan),
    commonFunctions: common.functions,
    commonSources: common.sources,
    multivariantFunctions: multivariant.functions,
    multivariantSources: multivariant.sources,
    pageAlign: link['page-align'],
    compileFlags: compiler.flags,
    linkFlags: compiler['link-flags'],
    libmelf: link.libmelf,
    strictData: link['strict-data'],
  };
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
