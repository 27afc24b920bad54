import { defineCommand } from 'citty';
import Table from 'cli-table3';
import { parseCommandLine, UsageError } from '../base/arguments.ts';
import { suggestion } from '../base/suggest.ts';
import { InputError } from '../linker/errors.ts';
import type { Inspection } from '../linker/inspection.ts';
import { inspectMelf } from '../linker/inspection.ts';
import type { MelfFunction, MelfInfo } from '../linker/melf-format.ts';
import { BODY_FILLED, BODY_THUNK } from '../linker/melf-format.ts';
import { readMelf } from '../linker/melf-reader.ts';
import { readExecutable } from './executable-file.ts';
import { sideBySide } from './inspect-function.ts';

const command = defineCommand({
  meta: { name: 'melf inspect', description: 'Show the variants, slots and pages of a MELF file' },
  args: {
    functions: { type: 'boolean', description: 'Also a table of all multivariant functions' },
    function: { type: 'string', description: 'Only this function, with its code in each variant side by side' },
    json: { type: 'boolean', description: 'Everything as JSON' },
    file: { type: 'positional', description: 'An executable that melf link wrote' },
  },
});

/** `melf inspect`. */
export async function main(argv: string[]): Promise<number> {
  const parsed = await parseCommandLine(command, argv);
  if (parsed === undefined) return 0;
  const { args } = parsed;
  const path = args.file ?? '';
  const file = readMelf(readExecutable(path), path);
  const inspection = inspectMelf(file);
  const { melf } = file;
  if (inspection === undefined || melf === undefined) {
    throw new InputError(
      'melf.no-variants',
      path,
      'an ordinary executable: it holds no variants',
      'link it with melf link --variant …',
    );
  }
  const chosen = args.function === undefined ? undefined : findFunctions(melf, args.function);
  if (args.json === true) {
    const functions = (chosen ?? melf.functions).map((f) => describe(melf, f));
    process.stdout.write(
      `${JSON.stringify({ ...inspection, table: functions, pageGroupTable: melf.pageGroups }, null, 2)}\n`,
    );
    return 0;
  }
  const parts = chosen !== undefined ? [functionTable(melf, chosen)] : [summary(inspection), variantTable(inspection)];
  if (chosen !== undefined) for (const f of chosen) parts.push(await sideBySide(file, f));
  if (chosen === undefined && args.functions === true) parts.push(functionTable(melf, melf.functions));
  process.stdout.write(`${parts.join('\n')}\n`);
  return 0;
}

function findFunctions(melf: MelfInfo, name: string): readonly MelfFunction[] {
  const found = melf.functions.filter((f) => f.name === name);
  if (found.length > 0) return found;
  const names = melf.functions.map((f) => f.name);
  throw new UsageError('inspect.no-function', `There is no multivariant function ${name}`, {
    hint: suggestion(name, names, 'melf inspect --functions lists them; all others are common code.'),
  });
}

const hex = (value: number): string => `0x${value.toString(16)}`;

function summary(i: Inspection): string {
  return [
    `${i.isa}, ${i.variants.length} variants, ${i.defaultVariant} at start; ${i.functions} multivariant functions in ${i.pageGroups} page groups`,
    `window ${hex(i.window.va)}: ${i.window.bytes} bytes, ${i.window.pages} pages (${i.window.span / 1048576} MiB of address space); slots ${i.slotBytes} bytes`,
    `common code ${i.commonCodeBytes} bytes; file ${i.fileBytes} bytes, of which ${i.variantBytes} for variants other than the default`,
    ...(i.buildFlags === '' ? [] : [`built with: ${i.buildFlags}`]),
  ].join('\n');
}

function variantTable(i: Inspection): string {
  const table = new Table({
    head: ['variant', 'file offset', 'code', 'padding', 'equal functions', 'equal pages', 'filled', 'jumps', 'flags'],
    style: { head: [], border: [] },
  });
  for (const v of i.variants) {
    const first = v.name === i.defaultVariant;
    table.push([
      v.name,
      hex(v.fileOffset),
      v.codeBytes,
      `${v.paddingBytes} (${v.paddingPercent.toFixed(1)} %)`,
      first ? '-' : v.identicalFunctions,
      first ? '-' : v.identicalPages,
      v.filledFunctions,
      v.thunks,
      v.flags,
    ]);
  }
  return table.toString();
}

function functionTable(melf: MelfInfo, functions: readonly MelfFunction[]): string {
  const head = ['address', 'slot', 'align', 'group', ...melf.variants.map((v) => v.name), 'function', 'unit'];
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const f of functions) {
    const bodies = f.bodies.map((b, v) => {
      if ((b.flags & BODY_THUNK) !== 0) return `${b.size} jump`;
      if ((b.flags & BODY_FILLED) !== 0) return `${b.size} ${melf.variants[b.source]!.name}'s`;
      return v > 0 && b.hash === f.bodies[0]!.hash ? `${b.size} =` : `${b.size}`;
    });
    table.push([hex(f.va), f.slotSize, f.align, f.pageGroup, ...bodies, f.name, f.unit]);
  }
  return table.toString();
}

function describe(melf: MelfInfo, f: MelfFunction): object {
  const bodies = Object.fromEntries(
    f.bodies.map((b, v) => [melf.variants[v]!.name, { ...b, source: melf.variants[b.source]!.name }]),
  );
  return { name: f.name, unit: f.unit, va: f.va, slotSize: f.slotSize, align: f.align, pageGroup: f.pageGroup, bodies };
}
