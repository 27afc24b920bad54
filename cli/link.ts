import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { defineCommand } from 'citty';
import { parseCommandLine, UsageError } from '../base/arguments.ts';
import { MelfError } from '../base/errors.ts';
import { asksForJson, report } from '../linker/cc/report.ts';
import { diagnosticsOf, formatDiagnostic, InputError, LinkError } from '../linker/errors.ts';
import { link } from '../linker/link.ts';
import { formatMap } from '../linker/map.ts';
import type { Isa } from '../linker/object.ts';
import type { LinkInput, LinkOptions } from '../linker/options.ts';
import { checkOutputs, writeAll } from '../linker/output-file.ts';
import { formatStatistics } from '../linker/statistics.ts';

const command = defineCommand({
  meta: { name: 'melf link', description: 'Link object files and archives to a static, multivariant executable' },
  args: {
    output: { type: 'string', alias: 'o', default: 'a.out', description: 'The executable to write' },
    variant: {
      type: 'string',
      description:
        'NAME:LIST, objects of one variant: files, folders (all .o and .a in them) and @files, comma separated; repeat it. Objects of different variants are paired by file name',
    },
    default: { type: 'string', description: 'The variant that runs at start (default: the first)' },
    'variant-flags': { type: 'string', description: 'NAME:TEXT, how a variant was compiled, for the record' },
    common: { type: 'string', description: "PATTERN of functions that stay common code, the default variant's" },
    'page-align': { type: 'string', description: 'PATTERN of functions with pages of their own, or all' },
    'strict-data': { type: 'boolean', description: 'Refuse writable data that not every variant has' },
    'gc-sections': { type: 'boolean', description: 'Leave out what nothing refers to' },
    entry: { type: 'string', alias: 'e', default: '_start', description: 'Where the program starts' },
    undefined: { type: 'string', alias: 'u', description: 'A symbol to link in although nothing refers to it' },
    'require-defined': { type: 'string', description: 'A symbol to link in that something must define' },
    defsym: { type: 'string', description: 'NAME=EXPRESSION, a sum of symbols and numbers' },
    wrap: { type: 'string', description: 'References to SYMBOL go to __wrap_SYMBOL' },
    'library-path': { type: 'string', alias: 'L', description: 'A folder where -l looks' },
    library: { type: 'string', alias: 'l', description: 'The archive libNAME.a' },
    'whole-archive': { type: 'string', description: 'An archive of which every member is taken' },
    'start-group': { type: 'boolean', description: 'Accepted; archives are searched whatever their order' },
    'end-group': { type: 'boolean', description: 'Accepted, likewise' },
    pie: {
      type: 'boolean',
      description: 'Make a static executable that runs at any address; its start-up file is rcrt1.o',
    },
    isa: { type: 'enum', options: ['x86-64', 'aarch64'], description: "Instruction set (default: the first object's)" },
    'image-base': { type: 'string', description: 'Address of the ELF header (default 0x400000, with --pie 0)' },
    'stack-size': {
      type: 'string',
      description: "Bytes of a thread's stack by default, where the C library asks the executable (musl does)",
    },
    execstack: {
      type: 'boolean',
      description: 'Whether the stack is executable (default: whether an object asks for it)',
    },
    relro: { type: 'boolean', default: true, description: 'Mark what is constant after start as such' },
    'build-id': { type: 'boolean', description: 'Add a build id' },
    'strip-debug': { type: 'boolean', description: 'Leave out debug information' },
    'strip-all': { type: 'boolean', description: 'Leave out all symbols, too' },
    'build-flags': { type: 'string', description: 'Free text to record in the file' },
    map: { type: 'string', description: 'Write a map of the output to this file' },
    'error-limit': { type: 'string', default: '20', description: 'How many problems of one kind are shown' },
    diagnostics: {
      type: 'enum',
      options: ['text', 'json'],
      default: 'text',
      description: 'Problems as text, or as one JSON object a line',
    },
    stats: { type: 'boolean', description: 'Show time and memory of each phase, and what sizes came out' },
    file: { type: 'positional', required: false, description: 'Objects and archives of common code, or @FILE' },
  },
});

/** `melf link`; with `--diagnostics json` whatever goes wrong is told in that form, a wrong command line, too. */
export async function main(argv: string[]): Promise<number> {
  try {
    return await run(argv);
  } catch (error) {
    if (!(error instanceof MelfError) || !asksForJson(argv)) throw error;
    report(diagnosticsOf(error), true);
    return error instanceof UsageError ? 2 : 1;
  }
}

/** Reads the command line, links, writes the file in one step. */
async function run(argv: string[]): Promise<number> {
  const parsed = await parseCommandLine(command, argv, { rest: 'allow' });
  if (parsed === undefined) return 0;
  const { args, all } = parsed;
  const variants = all('variant').map(splitVariant);
  const flags = new Map(
    all('variant-flags')
      .map(splitVariant)
      .map((v) => [v.name, v.text]),
  );
  const unknown = [...flags.keys()].find((name) => !variants.some((v) => v.name === name));
  if (unknown !== undefined) throw new UsageError('cli.value', `--variant-flags names ${unknown}, which is no variant`);
  const common: LinkInput[] = args._.flatMap(expandOperand).map((path) => ({ path }));
  const libraries = all('library').map((name) => ({ path: findLibrary(name, all('library-path')) }));
  const whole = all('whole-archive').map((path) => ({ path, wholeArchive: true }));
  const own = variants.flatMap((v) => expandList(v.text).map((path) => ({ path, variant: v.name })));
  const names = [...new Set(variants.map((v) => v.name))];
  // Start-up files among the operands must stay first and last; variants' objects go before the archives.
  const firstArchive = common.findIndex((input) => input.path.endsWith('.a'));
  const at = firstArchive < 0 ? common.length : firstArchive;
  const inputs = [...common.slice(0, at), ...own, ...whole, ...common.slice(at), ...libraries];
  const group = args['start-group'] === true ? 1 : undefined;
  const options: LinkOptions = {
    isa: args.isa as Isa | undefined,
    inputs: inputs.map((input) => ({ ...input, group })),
    variants: names.map((name) => ({ name, flags: flags.get(name) })),
    defaultVariant: args.default,
    entry: args.entry,
    undefinedSymbols: all('undefined'),
    requiredSymbols: all('require-defined'),
    defsyms: Object.fromEntries(all('defsym').map(splitDefsym)),
    wrap: all('wrap'),
    gcSections: args['gc-sections'],
    common: all('common'),
    pageAlign: all('page-align'),
    strictData: args['strict-data'],
    pie: args.pie,
    imageBase: args['image-base'] === undefined ? undefined : readAddress(args['image-base']),
    stackSize: args['stack-size'] === undefined ? undefined : readCount(args['stack-size']),
    executableStack: args.execstack,
    relro: args.relro,
    buildId: args['build-id'] === true ? 'sha1' : undefined,
    stripDebug: args['strip-debug'],
    stripAll: args['strip-all'],
    buildFlags: args['build-flags'],
    errorLimit: readCount(args['error-limit']),
    measure: args.stats,
  };
  if (options.inputs.length === 0) {
    throw new UsageError('cli.operand', 'There is nothing to link', {
      hint: 'Give object files and archives; see --help.',
    });
  }
  const json = args.diagnostics === 'json';
  const outputs = args.map === undefined ? [args.output] : [args.output, args.map];
  checkOutputs(
    outputs,
    options.inputs.map(({ path }) => path),
  );
  const result = link(options);
  for (const warning of result.warnings)
    process.stderr.write(`${json ? JSON.stringify(warning) : formatDiagnostic(warning)}\n`);
  const map = args.map === undefined ? [] : [{ path: args.map, bytes: Buffer.from(formatMap(result)), mode: 0o644 }];
  writeAll([{ path: args.output, bytes: result.bytes, mode: 0o755 }, ...map]);
  if (args.stats === true) {
    process.stderr.write(formatStatistics(result, options));
  }
  return 0;
}

function splitVariant(text: string): { name: string; text: string } {
  const colon = text.indexOf(':');
  if (colon < 1 || colon === text.length - 1) {
    throw new UsageError('cli.value', `"${text}" is not of the form NAME:LIST`, {
      hint: 'For example --variant fast:build/fast --variant prof:build/prof',
    });
  }
  return { name: text.slice(0, colon), text: text.slice(colon + 1) };
}

function splitDefsym(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1) {
    throw new UsageError('cli.value', `--defsym ${text} is not of the form NAME=VALUE`, {
      hint: 'as in --defsym end_of_heap=start_of_heap+0x1000',
    });
  }
  return [text.slice(0, at), text.slice(at + 1)];
}

function expandOperand(path: string): string[] {
  return path.startsWith('@') ? readList(path.slice(1)) : [path];
}

function expandList(text: string): string[] {
  return text.split(',').flatMap((entry) => {
    if (entry.startsWith('@')) return readList(entry.slice(1));
    if (!existsSync(entry) || !statSync(entry).isDirectory()) return [entry];
    const files = readdirSync(entry)
      .filter((name) => /\.(o|a)$/.test(name))
      .sort();
    if (files.length === 0) throw new InputError('link.no-inputs', entry, 'the folder has no .o and no .a files');
    return files.map((name) => join(entry, name));
  });
}

/** A response file: names separated by white space, `"…"` and `'…'` keep it. */
function readList(path: string): string[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable';
    const hint = reason === 'EISDIR' ? 'give the folder without @: all .o and .a in it are taken' : 'check the path';
    throw new InputError('link.unreadable', path, `this response file cannot be read (${reason})`, hint);
  }
  const words = text.match(/"[^"]*"|'[^']*'|\S+/g) ?? [];
  return words.map((word) => (/^["']/.test(word) ? word.slice(1, -1) : word));
}

function findLibrary(name: string, folders: readonly string[]): string {
  const file = name.startsWith(':') ? name.slice(1) : `lib${name}.a`;
  const found = folders.map((folder) => join(folder, file)).find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new LinkError('link.no-library', `there is no ${file} for -l${name}`, {
    hint: `looked in: ${folders.join(', ') || 'nowhere; give -L FOLDER'}`,
  });
}

function readAddress(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0x1000 || value % 0x10000 !== 0 || value > 0x7fff_0000_0000) {
    throw new UsageError('cli.value', `--image-base ${text} is not an address`, { hint: 'a multiple of 0x10000' });
  }
  return value;
}

function readCount(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new UsageError('cli.value', `"${text}" is not a positive number`, {
      hint: 'give a number, decimal or after 0x hexadecimal',
    });
  }
  return value;
}
