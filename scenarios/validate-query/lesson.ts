// Runs the four programs and puts together what the report shows.

import { readFileSync } from 'node:fs';
import type { Isa } from '../../emulator/isa/isa.ts';
import { readMelf } from '../../linker/melf-reader.ts';
import type { Check } from '../runner/checks.ts';
import { parseProfile, resolveProfile } from '../runner/profiler/profile.ts';
import { readFunctions } from '../runner/symbols.ts';
import { type BuildName, buildNames, ensureBuilds, sourceOf } from './builds.ts';
import { functionNames, type Listing, listings } from './code.ts';
import { type Measurement, measure, type Work } from './measure.ts';

export interface BuildResult {
  readonly build: BuildName;
  /** Per call of validate_query, for the client that is not profiled and for the one that is. */
  readonly performance: Work;
  readonly profiled: Work;
  /** Choosing the client's variant: the first time, and each further time. */
  readonly firstSwitch: Work;
  readonly laterSwitch: Work;
  /** Calls that the profile holds, of each function. */
  readonly counted: Readonly<Record<string, number>>;
  /** Bytes of machine code of the functions of validate.c; of a MELF one number for each variant. */
  readonly codeBytes: readonly number[];
  readonly fileBytes: number;
  /** Lines of its source that validate.c does not have. */
  readonly changedLines: number;
}

export interface Lesson {
  readonly isa: Isa;
  readonly results: readonly BuildResult[];
  readonly checks: readonly Check[];
  /** Listings of each build, and of each variant of the MELF. */
  readonly code: Readonly<Record<string, readonly Listing[]>>;
  readonly rounds: number;
  readonly calls: number;
  readonly toolchain: string;
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const lastOf = (measured: Measurement, client: number): Measurement['turns'][number] =>
  measured.turns.filter((turn) => turn.client === client).at(-1)!;

function countedCalls(elf: Uint8Array, profile: string): Record<string, number> {
  const counted: Record<string, number> = Object.fromEntries(functionNames.map((name) => [name, 0]));
  if (profile === '') return counted;
  const table = readFunctions(elf);
  const { calls } = resolveProfile(parseProfile(profile), table);
  for (const [address, count] of calls) {
    const name = table.functions.find((one) => one.address === address)?.name;
    if (name !== undefined) counted[name] = (counted[name] ?? 0) + count;
  }
  return counted;
}

function changedLines(build: BuildName): number {
  const lines = (path: string): string[] => readFileSync(path, 'utf8').split('\n');
  const original = new Set(lines(sourceOf('plain')));
  return lines(sourceOf(build)).filter((line) => !original.has(line)).length;
}

function resultOf(build: BuildName, elf: Uint8Array, measured: Measurement, code: readonly Listing[][]): BuildResult {
  const [performance, profiled] = [lastOf(measured, 0), lastOf(measured, 1)];
  return {
    build,
    performance: performance.call,
    profiled: profiled.call,
    firstSwitch: measured.turns.find((turn) => turn.client === 1)!.switch,
    laterSwitch: profiled.switch,
    counted: countedCalls(elf, measured.profile),
    codeBytes: code.map((functions) => sum(functions.map(({ bytes }) => bytes))),
    fileBytes: elf.length,
    changedLines: changedLines(build),
  };
}

/** The mnemonics alone: operands that are addresses differ from program to program. */
const shape = (functions: readonly Listing[]): string =>
  functions
    .map(({ function: name, lines }) => `${name}: ${lines.map((line) => line.split(' ')[0]).join(' ')}`)
    .join('\n');

function checksOf(
  results: Readonly<Record<BuildName, BuildResult>>,
  outputs: Readonly<Record<BuildName, readonly string[]>>,
  code: Lesson['code'],
  rounds: number,
  calls: number,
): Check[] {
  const check = (name: string, ok: boolean, detail: string): Check => ({ name, ok, detail });
  const same = buildNames.every((build) => outputs[build].join() === outputs.plain.join());
  const count = (build: BuildName): number => results[build].counted.validate_query ?? 0;
  const perFunction = (build: BuildName): string => functionNames.map((f) => results[build].counted[f]).join(' ');
  const { plain, always, melf } = results;
  const instructions = ({ performance }: BuildResult): number => performance.instructions;
  const agree = (build: BuildName, factor: number): boolean =>
    functionNames.every((f) => results[build].counted[f] === factor * (melf.counted[f] ?? 0));
  return [
    check('all programs give the same answers', same, `${outputs.plain.length} sums over ${calls} answers each`),
    check(
      'MELF counts the profiled client’s calls and no other',
      count('melf') === rounds * calls,
      `${count('melf')} calls of validate_query`,
    ),
    check('if (c->prof) counts the same', agree('if', 1), `${perFunction('if')} calls, by function`),
    check('always profiled counts both clients’', agree('always', 2), `${perFunction('always')} calls, by function`),
    check('plain counts nothing', count('plain') === 0, `${count('plain')}`),
    check(
      'MELF’s fast variant is plain’s code, instruction by instruction',
      shape(code['melf fast']!) === shape(code.plain!),
      `${sum(code.plain!.map(({ lines }) => lines.length))} instructions`,
    ),
    check(
      'MELF’s prof variant is the code that is always profiled',
      shape(code['melf prof']!) === shape(code.always!),
      `${sum(code.always!.map(({ lines }) => lines.length))} instructions`,
    ),
    check(
      'MELF costs a client that is not profiled nothing per call',
      instructions(melf) === instructions(plain),
      `${instructions(melf)} instructions, plain ${instructions(plain)}`,
    ),
    check(
      'and one that is profiled as much as always profiling',
      Math.abs(melf.profiled.instructions - always.profiled.instructions) < 1,
      `${melf.profiled.instructions} instructions, always ${always.profiled.instructions}`,
    ),
  ];
}

/** Builds what is missing, runs all, compares. */
export async function teach(isa: Isa, rounds: number, calls: number): Promise<Lesson> {
  const { paths, toolchain } = await ensureBuilds(isa);
  const results: Partial<Record<BuildName, BuildResult>> = {};
  const outputs: Partial<Record<BuildName, readonly string[]>> = {};
  const code: Record<string, Listing[]> = {};
  for (const build of buildNames) {
    const elf = new Uint8Array(readFileSync(paths[build]));
    const variants = readMelf(elf).melf?.variants.map(({ name }) => name) ?? [];
    const own: Listing[][] = [];
    for (let variant = 0; variant < Math.max(1, variants.length); variant++)
      own.push(await listings(isa, elf, variant));
    own.forEach((functions, variant) => {
      code[variants.length === 0 ? build : `${build} ${variants[variant]}`] = functions;
    });
    const measured = await measure(isa, elf, rounds, calls);
    outputs[build] = measured.output;
    results[build] = resultOf(build, elf, measured, own);
  }
  const all = results as Record<BuildName, BuildResult>;
  return {
    isa,
    results: buildNames.map((build) => all[build]),
    checks: checksOf(all, outputs as Record<BuildName, readonly string[]>, code, rounds, calls),
    code,
    rounds,
    calls,
    toolchain,
  };
}
