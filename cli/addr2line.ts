import { defineCommand } from 'citty';
import { parseCommandLine, UsageError } from '../base/arguments.ts';
import { suggestion } from '../base/suggest.ts';
import { type SourceFrame, SourceMap } from '../linker/debug/source-map.ts';
import { InputError } from '../linker/errors.ts';
import { type MelfFile, readMelf } from '../linker/melf-reader.ts';
import { readExecutable } from './executable-file.ts';

const command = defineCommand({
  meta: {
    name: 'melf addr2line',
    description: 'Show function, file and line of code addresses, as a thread in one variant sees them',
  },
  args: {
    variant: { type: 'string', description: 'The variant (default: the one that runs at start)' },
    all: { type: 'boolean', description: 'In every variant' },
    inlines: { type: 'boolean', alias: 'i', description: 'Also the functions that an inlined call was made from' },
    bias: {
      type: 'string',
      default: '0',
      description: 'What the loader added to the addresses (position-independent)',
    },
    json: { type: 'boolean', description: 'As JSON, one object for each address and variant' },
    file: { type: 'positional', description: 'An executable that melf link wrote, with debug information' },
    addresses: { type: 'positional', required: false, description: 'Addresses, or FUNCTION or FUNCTION+OFFSET' },
  },
});

/** `melf addr2line`. */
export async function main(argv: string[]): Promise<number> {
  const parsed = await parseCommandLine(command, argv, { rest: 'allow' });
  if (parsed === undefined) return 0;
  const { args } = parsed;
  const [path = '', ...places] = args._;
  if (places.length === 0) {
    throw new UsageError('cli.operand', 'There is no address to look up', {
      hint: 'Give addresses after the file, like 0x401136 or main+0x10.',
    });
  }
  const file = readMelf(readExecutable(path), path);
  const variants = args.all === true ? namesOf(file).map((_, index) => index) : [variantOf(file, args.variant)];
  const map = new SourceMap(file, path);
  if (!variants.some((v) => map.has(v)) && !map.has(0)) {
    throw new InputError('debug.none', path, 'it has no debug information', 'compile with -g, and do not strip it');
  }
  const bias = readNumber(args.bias, '--bias');
  let found = true;
  for (const place of places) {
    const address = addressOf(file, place, bias);
    for (const variant of variants) {
      const name = namesOf(file)[variant] ?? '';
      const frames = map.frames(address, variant);
      found &&= frames.length > 0;
      if (args.json === true) process.stdout.write(`${JSON.stringify({ address, variant: name, frames })}\n`);
      else process.stdout.write(shown(address + bias, args.all === true ? name : '', frames, args.inlines === true));
    }
  }
  return found ? 0 : 1;
}

function shown(address: number, variant: string, frames: readonly SourceFrame[], inlines: boolean): string {
  const head = `0x${address.toString(16)}${variant === '' ? '' : ` ${variant}`}`;
  const line = (frame: SourceFrame | undefined): string => {
    const where = `${frame?.file ?? '??'}:${frame === undefined || frame.line === 0 ? '?' : frame.line}`;
    return `${frame?.function ?? '??'} at ${where}`;
  };
  const rest = inlines ? frames.slice(1).map((frame) => ` (inlined by) ${line(frame)}\n`) : [];
  return `${head}: ${line(frames[0])}\n${rest.join('')}`;
}

/** Variants by index; one without a name in a file that has none. */
function namesOf(file: MelfFile): readonly string[] {
  return file.melf?.variants.map(({ name }) => name) ?? [''];
}

function variantOf(file: MelfFile, name: string | undefined): number {
  if (name === undefined) return 0;
  const names = namesOf(file);
  const index = names.indexOf(name);
  if (index >= 0 && file.melf !== undefined) return index;
  throw new UsageError('cli.value', `There is no variant ${name}`, {
    hint: suggestion(
      name,
      names,
      file.melf === undefined ? 'This file holds no variants.' : `There are ${names.join(', ')}.`,
    ),
  });
}

/** A number, or a function's name with an offset: all variants have it at one address. */
function addressOf(file: MelfFile, text: string, bias: number): number {
  const number = /^0[xX][0-9a-fA-F]+$/.test(text) ? Number(text) : undefined;
  if (number !== undefined) return number - bias;
  const [, name = text, offset = '0'] = /^(.+?)(?:\+(0x[0-9a-fA-F]+|\d+))?$/.exec(text) ?? [];
  const va =
    file.melf?.functions.find((f) => f.name === name)?.va ??
    file.symbols().find((s) => s.name === name && s.va !== 0)?.va;
  // Like other tools' addresses, those without 0x are hexadecimal; `add` may be a function all the same.
  if (va === undefined && /^[0-9a-fA-F]+$/.test(text)) return Number.parseInt(text, 16) - bias;
  if (va === undefined) {
    throw new UsageError('cli.value', `${text} is neither an address nor a function of this program`, {
      hint: 'Addresses are hexadecimal, like 0x401136; functions may have an offset, like main+0x10.',
    });
  }
  return va + Number(offset);
}

function readNumber(text: string, flag: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new UsageError('cli.value', `${flag} cannot be ${text}`, { hint: 'Give a number, like 0x555555400000.' });
}
