// Flags and operands of the commands. citty gives the definitions, their types and the usage text; what it lets pass silently (unknown
// flags, missing values, too many operands) is an error here.

import { type ParseArgsConfig, parseArgs, stripVTControlCharacters } from 'node:util';
import { type ArgDef, type ArgsDef, type CommandDef, type ParsedArgs, renderUsage } from 'citty';
import { MelfError } from './errors.ts';
import { suggestion } from './suggest.ts';

/** The command line is wrong; the exit code is 2, as is the custom. */
export class UsageError extends MelfError {}

export interface ParsedCommandLine<T extends ArgsDef> {
  readonly args: ParsedArgs<T>;
  /** Every value of a flag that was given several times, in order. */
  all(name: keyof T & string): string[];
  /** Operands beyond the declared ones. */
  readonly rest: readonly string[];
}

export interface ParseOptions {
  /**
   * `error` (the default): operands beyond the declared ones are refused. `allow`: they are given as `rest`. `verbatim`: everything after the
   * first operand belongs to somebody else (a guest program) and is given as `rest`, flags too.
   */
  readonly rest?: 'error' | 'allow' | 'verbatim';
}

type Token = { kind: string; index: number; name?: string; rawName?: string; value?: string };

const aliasesOf = (definition: ArgDef): string[] =>
  'alias' in definition && definition.alias !== undefined ? [definition.alias].flat() : [];

/** Shown by every command's usage and taken out before the command sees its values. */
const commonFlags = {
  help: { type: 'boolean', alias: 'h', description: 'Show this text' },
  debug: { type: 'boolean', description: 'Show the stack trace of an error' },
} as const satisfies ArgsDef;

function tokensOf(flags: ArgsDef, rawArgs: readonly string[]): Token[] {
  const options: ParseArgsConfig['options'] = {};
  for (const [name, definition] of Object.entries(flags)) {
    const type = definition.type === 'string' || definition.type === 'enum' ? 'string' : 'boolean';
    const [short] = aliasesOf(definition).filter((alias) => alias.length === 1);
    options[name] = short === undefined ? { type } : { type, short };
    for (const alias of aliasesOf(definition)) if (alias.length > 1) options[alias] = { type };
  }
  return parseArgs({ args: [...rawArgs], options, strict: false, allowPositionals: true, tokens: true })
    .tokens as Token[];
}

function checkedValue(name: string, definition: ArgDef, token: Token, negated: boolean): string | boolean {
  const raw = token.rawName ?? `--${name}`;
  if (definition.type !== 'string' && definition.type !== 'enum') {
    if (token.value !== undefined)
      throw new UsageError('cli.value', `${raw} takes no value`, { facts: { value: token.value } });
    return !negated;
  }
  if (token.value === undefined) {
    throw new UsageError('cli.value', `${raw} needs a value`, { hint: `Write ${raw} VALUE or ${raw}=VALUE.` });
  }
  if (definition.type === 'enum' && !(definition.options ?? []).includes(token.value)) {
    const known = definition.options ?? [];
    throw new UsageError('cli.value', `${raw} cannot be ${token.value}`, {
      hint: suggestion(token.value, known, `It is one of ${known.join(', ')}.`),
    });
  }
  return token.value;
}

/** citty's usage text; it colours whatever it is written to, so the colours are taken out where they do not belong. */
export async function usageText<T extends ArgsDef>(command: CommandDef<T>): Promise<string> {
  const text = await renderUsage(command);
  // Imported here: it asks what stdout is, which takes Node as long as a small link.
  const { default: pc } = await import('picocolors');
  return (pc.isColorSupported ? text : stripVTControlCharacters(text)).replace(/ +$/gm, '');
}

/** Reads a command's arguments. Gives `undefined` when the user asked for help, which is then on stdout. */
export async function parseCommandLine<T extends ArgsDef>(
  command: CommandDef<T>,
  rawArgs: readonly string[],
  { rest: restMode = 'error' }: ParseOptions = {},
): Promise<ParsedCommandLine<T> | undefined> {
  const declared = (command.args ?? {}) as ArgsDef;
  const flags: ArgsDef = {
    ...Object.fromEntries(Object.entries(declared).filter(([, one]) => one.type !== 'positional')),
    ...commonFlags,
  };
  const operands = Object.entries(declared).filter(([, one]) => one.type === 'positional');
  const canonical = new Map<string, string>();
  for (const [name, definition] of Object.entries(flags)) {
    for (const alias of [name, ...aliasesOf(definition)]) canonical.set(alias, name);
  }

  const all = tokensOf(flags, rawArgs);
  const firstOperand = all.find(({ kind }) => kind === 'positional')?.index;
  const cut = restMode === 'verbatim' && firstOperand !== undefined ? firstOperand : rawArgs.length;
  const tokens = all.filter(({ index }) => index < cut);
  const given: Record<string, (string | boolean)[]> = {};
  for (const token of tokens.filter(({ kind }) => kind === 'option')) {
    const written = token.name ?? '';
    const negated = written.startsWith('no-') && flags[canonical.get(written.slice(3)) ?? '']?.type === 'boolean';
    const name = canonical.get(negated ? written.slice(3) : written);
    if (name === undefined) {
      const known = Object.keys(flags).map((flag) => `--${flag}`);
      throw new UsageError('cli.unknown-flag', `There is no flag ${token.rawName}`, {
        hint: suggestion(token.rawName ?? '', known, 'See --help.'),
      });
    }
    given[name] = [...(given[name] ?? []), checkedValue(name, flags[name]!, token, negated)];
  }
  if (given.help?.at(-1) === true) {
    process.stdout.write(`${await usageText({ meta: command.meta, args: { ...declared, ...commonFlags } })}\n`);
    return undefined;
  }

  const values =
    cut < rawArgs.length
      ? rawArgs.slice(cut)
      : tokens.filter(({ kind }) => kind === 'positional').map(({ value }) => value ?? '');
  const args: Record<string, unknown> = { _: values };
  for (const [name, definition] of Object.entries(flags)) args[name] = given[name]?.at(-1) ?? definition.default;
  operands.forEach(([name, definition], index) => {
    args[name] = values[index] ?? definition.default;
    // citty takes an operand without `required: false` as required.
    if (args[name] === undefined && definition.required !== false) {
      throw new UsageError('cli.operand', `${name.toUpperCase()} is missing`, {
        hint: definition.description ?? 'See --help.',
      });
    }
  });
  const missing = Object.entries(flags).find(
    ([name, definition]) => definition.required === true && args[name] === undefined,
  );
  if (missing !== undefined) {
    throw new UsageError('cli.missing-flag', `--${missing[0]} is missing`, {
      hint: missing[1].description ?? 'See --help.',
    });
  }
  const rest = values.slice(operands.length);
  if (restMode === 'error' && rest.length > 0) {
    throw new UsageError('cli.operand', `There is nothing to do with ${rest.join(' ')}`, { hint: 'See --help.' });
  }
  return { args: args as ParsedArgs<T>, all: (name) => (given[name] ?? []).map(String), rest };
}

/** A flag's value as a whole number within limits. */
export function integerValue(
  flag: string,
  value: string,
  least: number = 0,
  most: number = Number.MAX_SAFE_INTEGER,
): number {
  const number = Number(value);
  if (value.trim() === '' || !Number.isInteger(number) || number < least || number > most) {
    const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
    throw new UsageError('cli.value', `${flag} cannot be ${value === '' ? 'empty' : value}`, {
      hint: `It is a whole number ${range}.`,
    });
  }
  return number;
}
