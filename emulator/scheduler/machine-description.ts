// Which CPUs a machine has. Read from TOML or JSON, or one of the ready ones.
import { readFileSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { parse as parseToml, TomlError } from 'smol-toml';
import * as v from 'valibot';
import { MelfError } from '../../base/errors.ts';
import { nearest } from '../../base/suggest.ts';
import type { Isa } from '../isa/isa.ts';
import type { ClassCycles } from '../timing/cost-model.ts';
import { instructionClasses } from '../timing/instruction-class.ts';
import { baseline, cpuModels, knownFeatures } from './machines/cpu-models.ts';
import { readyMachines, uniform } from './machines/ready.ts';
import { lineAndColumn, placeOf } from './place-of-path.ts';

/** CPUs of one kind. */
export interface CpuKind {
  /** "big", "little": names the kind in traces and reports. */
  readonly kind: string;
  readonly count: number;
  /** A name of `cpuModels[isa]`: which instructions exist. */
  readonly model: string;
  /** Model cycles a second. */
  readonly hz: number;
  /** What its instructions can do, as in /proc/cpuinfo: the model's, or those of them that the description lists and what every CPU has. */
  readonly features: readonly string[];
  /** Cycles of classes of instructions that differ from the cost model's (docs/cost-model.md). */
  readonly cycles?: ClassCycles | undefined;
}

export interface MachineDescription {
  readonly name: string;
  readonly isa: Isa;
  readonly cpus: readonly CpuKind[];
}

/** A machine description that cannot be used: says where. */
export class MachineDescriptionError extends MelfError {}

const most = { cpus: 64, hz: 10e9, kinds: 16, cycles: 10_000 };

const cpuKindSchema = v.strictObject({
  kind: v.optional(v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]*$/, 'must be a short name in lower case')), 'cpu'),
  count: v.optional(v.pipe(v.number(), v.integer('must be a whole number'), v.minValue(1), v.maxValue(most.cpus)), 1),
  model: v.string(),
  hz: v.optional(v.pipe(v.number(), v.minValue(1e6, 'must be at least 1 MHz'), v.maxValue(most.hz)), 3e9),
  features: v.optional(v.array(v.string())),
  cycles: v.optional(
    v.record(v.picklist(instructionClasses), v.pipe(v.number(), v.minValue(0), v.maxValue(most.cycles))),
  ),
});

const machineSchema = v.strictObject({
  name: v.optional(v.string()),
  isa: v.optional(v.picklist(['x86-64', 'aarch64']), 'x86-64'),
  cpus: v.pipe(v.array(cpuKindSchema), v.minLength(1, 'must list at least one kind'), v.maxLength(most.kinds)),
});

/** What a table has under a name that somebody wrote, which may be one that every object has. */
const named = <Value>(table: Readonly<Record<string, Value>>, name: string): Value | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;

/** Unicorn's number of a CPU model (`UC_CPU_X86_*`, `UC_CPU_ARM64_*`). */
export function engineModel(isa: Isa, model: string): number {
  const found = named(cpuModels[isa], model);
  if (found === undefined)
    throw new MachineDescriptionError('machine.cpu-model', unknownModel(isa, model), modelHint(isa));
  return found.number;
}

/** What the model has, whether or not a description lists it. */
export const modelFeatures = (isa: Isa, model: string): readonly string[] =>
  named(cpuModels[isa], model)?.features ?? [];

/** How many CPUs the machine has. */
export const cpuCount = (description: MachineDescription): number =>
  description.cpus.reduce((sum, { count }) => sum + count, 0);

/**
 * Checks what a file or program gave.
 *
 * @param locate turns a path such as ['cpus', 0, 'hz'] into "line 5, column 3", where the text is known
 * @throws MachineDescriptionError naming the first thing that is wrong
 */
export function checkMachine(
  value: unknown,
  name: string,
  locate: (path: readonly (string | number)[]) => string | undefined = () => undefined,
): MachineDescription {
  const result = v.safeParse(machineSchema, value);
  if (!result.success) {
    const [issue] = result.issues;
    const path = (issue.path ?? []).map(({ key }) => key as string | number);
    throw wrong(name, path, issue.message, locate(path));
  }
  const { isa, cpus } = result.output;
  const kinds = cpus.map((cpu, index): CpuKind => {
    const model = named(cpuModels[isa], cpu.model);
    if (model === undefined) {
      const path = ['cpus', index, 'model'];
      throw wrong(name, path, unknownModel(isa, cpu.model), locate(path), modelHint(isa).hint);
    }
    if (cpu.features === undefined) return { ...cpu, features: model.features };
    for (const [at, feature] of cpu.features.entries()) {
      if (model.features.includes(feature)) continue;
      const path = ['cpus', index, 'features', at];
      const { message, hint } = notOfModel(isa, cpu.model, feature);
      throw wrong(name, path, message, locate(path), hint);
    }
    const features = model.features.filter((one) => baseline[isa].includes(one) || cpu.features!.includes(one));
    return { ...cpu, features };
  });
  const names = new Set(kinds.map(({ kind }) => kind));
  if (names.size < kinds.length) throw wrong(name, ['cpus'], 'two kinds have the same name', locate(['cpus']));
  const description = { name: result.output.name ?? name, isa, cpus: kinds };
  if (cpuCount(description) > most.cpus) {
    throw wrong(name, ['cpus'], `more than ${most.cpus} CPUs in all`, locate(['cpus']));
  }
  return description;
}

function wrong(
  name: string,
  path: readonly (string | number)[],
  message: string,
  where?: string,
  hint?: string,
): MachineDescriptionError {
  const place = path.map((key, i) => (typeof key === 'number' ? `[${key}]` : i === 0 ? key : `.${key}`)).join('');
  return new MachineDescriptionError(
    'machine.description',
    `Machine description ${name}: ${place || 'it'}: ${message}`,
    {
      facts: { where },
      hint: hint ?? 'docs/cost-model.md shows a complete description.',
    },
  );
}

const unknownModel = (isa: Isa, model: string): string => `there is no ${isa} CPU model "${model}"`;
const modelHint = (isa: Isa): { hint: string } => ({
  hint: `Models of ${isa}: ${Object.keys(cpuModels[isa]).join(', ')}.`,
});

/** Why a description cannot give a feature to a CPU of this model. */
function notOfModel(isa: Isa, model: string, feature: string): { message: string; hint: string } {
  const own = cpuModels[isa][model]!.features;
  const having = Object.keys(cpuModels[isa]).filter((one) => cpuModels[isa][one]!.features.includes(feature));
  if (having.length > 0) {
    return { message: `${model} does not have ${feature}`, hint: `These models have it: ${having.join(', ')}.` };
  }
  if (knownFeatures(isa).has(feature)) {
    return { message: `no model has ${feature}`, hint: `The emulator does not execute its instructions.` };
  }
  const near = nearest(feature, [...knownFeatures(isa)]);
  const guess = near === undefined ? '' : `Did you mean ${near}? `;
  return { message: `there is no feature "${feature}" of ${isa}`, hint: `${guess}${model} has ${own.join(', ')}.` };
}

/** Reads a description from TOML (default) or JSON text. Errors name line and column. */
export function parseMachine(text: string, name: string, format: 'toml' | 'json' = 'toml'): MachineDescription {
  const parse = (from: string): unknown => (format === 'toml' ? parseToml(from) : JSON.parse(from));
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    if (error instanceof TomlError) {
      const [message] = error.message.replace(/^Invalid TOML document: /, '').split('\n');
      throw wrong(name, [], message ?? 'not TOML', `line ${error.line}, column ${error.column}`);
    }
    if (error instanceof SyntaxError) throw wrong(name, [], error.message, jsonErrorPlace(text));
    throw error;
  }
  return checkMachine(value, name, (path) => placeOf(text, path, parse));
}

/** The first character that no JSON text could have there. V8 tells positions only sometimes, but always when a text merely ends too early. */
function jsonErrorPlace(text: string): string {
  let good = 0;
  let bad = text.length + 1;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (endsTooEarly(text.slice(0, middle))) good = middle;
    else bad = middle;
  }
  return lineAndColumn(text, good);
}

function endsTooEarly(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const position = /position (\d+)/.exec(error.message)?.[1];
    return position === undefined ? error.message.includes('end of JSON') : Number(position) >= text.length;
  }
}

/** A ready machine by name (`uniform-4`, `uniform-8`, `big-little-x86`, ...), or a `.toml` or `.json` file by path. */
export function loadMachine(nameOrPath: string, isa: Isa = 'x86-64'): MachineDescription {
  const count = /^uniform-([1-9]\d*)$/.exec(nameOrPath)?.[1];
  if (count !== undefined) return checkMachine(uniform(isa, Number(count)), nameOrPath);
  const ready = named(readyMachines, nameOrPath);
  if (ready !== undefined) return checkMachine(ready, nameOrPath);
  const format = { '.toml': 'toml', '.json': 'json' }[extname(nameOrPath)] as 'toml' | 'json' | undefined;
  if (format === undefined) {
    throw new MachineDescriptionError('machine.unknown', `There is no machine called "${nameOrPath}"`, {
      hint: `Ready ones: uniform-N (N CPUs of one kind), ${Object.keys(readyMachines).join(', ')}; or give a .toml or .json file.`,
    });
  }
  let text: string;
  try {
    text = readFileSync(nameOrPath, 'utf8');
  } catch (error) {
    throw new MachineDescriptionError('machine.file', `Cannot read the machine description ${nameOrPath}`, {
      facts: { reason: error instanceof Error ? error.message : String(error) },
      hint: 'Check the path.',
      cause: error,
    });
  }
  return parseMachine(text, basename(nameOrPath), format);
}
