// One program of gcc's torture tests: compiled at three levels, linked as the three variants of one MELF and, level by level, with GNU ld, and with lld where it is installed;
// then run natively and in the sandbox in every variant.

import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../../base/command.ts';
import { MelfError } from '../../base/errors.ts';
import { Machine } from '../../emulator/machine.ts';
import { loadMachine } from '../../emulator/scheduler/machine-description.ts';
import { compareLinks } from '../../linker/compare.ts';
import { link } from '../../linker/link.ts';
import { readMelf } from '../../linker/melf-reader.ts';
import { OverlayManager } from '../../overlay/manager.ts';
import { installMmview } from '../../overlay/mmview.ts';
import type { Isa, Toolchain } from '../../setup/toolchain.ts';

export const LEVELS = ['O0', 'O2', 'Os'] as const;

/** What a program goes through; in `reference` GNU ld's program fails as well. */
export const STAGES = ['compile', 'reference', 'link', 'compare', 'native', 'sandbox'] as const;
export type Stage = (typeof STAGES)[number];

/** Why a program is no good. */
export interface Verdict {
  readonly stage: Stage;
  readonly reason: string;
}

export const COMMON = [
  '-w',
  '-std=gnu17',
  '-fno-pie',
  '-fno-stack-protector',
  '-ffunction-sections',
  '-fdata-sections',
  '-fno-ipa-ra',
  '-fwrapv',
];

export function tool(argv: readonly string[], timeout = 60_000): string | undefined {
  const { status, stderr, error } = spawnSync(argv[0]!, argv.slice(1), {
    encoding: 'utf8',
    timeout,
    env: { PATH: process.env.PATH } as NodeJS.ProcessEnv,
  });
  if (error !== undefined) return error.message;
  return status === 0 ? undefined : stderr || `exit code ${status}`;
}

/** Runs a program on the host; undefined when it ends with 0. */
function native(path: string, variant?: string): string | undefined {
  const env = (variant === undefined ? {} : { MELF_VARIANT: variant }) as NodeJS.ProcessEnv;
  const { status, signal, error } = spawnSync(path, [], { timeout: 20_000, env, stdio: 'ignore' });
  if (error !== undefined) return error.message;
  return status === 0 ? undefined : `ends with ${signal ?? status}`;
}

async function sandboxed(isa: Isa, bytes: Uint8Array, variant: number): Promise<string | undefined> {
  const machine = await Machine.create({
    description: loadMachine('uniform-2', isa),
    ramBytes: 256 * 2 ** 20,
    extensions: [installMmview],
  });
  try {
    const process = machine.spawn(bytes, { argv: ['program'] });
    const manager = new OverlayManager(process, readMelf(bytes, 'program'));
    for (const thread of process.threads.values()) manager.switch(thread, variant);
    machine.run({ maxTime: 60e9, maxInstructions: 400e6 });
    const { end, exitCode } = process;
    return exitCode === 0 ? undefined : `ends with ${end?.signal === undefined ? exitCode : `signal ${end.signal}`}`;
  } catch (error) {
    if (!(error instanceof MelfError)) throw error;
    return `${error.code}: ${error.message.split('\n')[0]}`;
  } finally {
    machine.close();
  }
}

/** What a program needs that the tests' machine may not give, or that no variant can have: not tried. */
export function unsuitable(source: string): string | undefined {
  if (
    /dg-require-effective-target (int128|label_values|trampolines|untyped_assembly|indirect_jumps|alloca|stdlib|mmap)/.test(
      source,
    )
  )
    return undefined;
  if (/dg-(additional-)?options/.test(source)) return 'needs options of its own';
  return undefined;
}

/** Options that a program asks for in its text. */
export const ownOptions = (source: string): string[] =>
  [...source.matchAll(/dg-(?:additional-)?options "([^"]*)"/g)]
    .flatMap((match) => match[1]!.split(/\s+/))
    .filter((o) => o !== '' && !/^-O/.test(o));

export interface Bench {
  readonly toolchain: Toolchain;
  readonly folder: string;
  /** Object of libmelf for that tool chain. */
  readonly libmelf: string;
  readonly runsNatively: boolean;
}

/** Tries one program; gives what is wrong, or how many functions and objects were compared with GNU ld's. */
export async function tryProgram(
  bench: Bench,
  path: string,
): Promise<Verdict | { readonly compared: number; readonly words: number; readonly functions: number }> {
  const { toolchain, folder, libmelf } = bench;
  const { crt, libc, libgcc, cc, isa } = toolchain;
  const options = ownOptions(readFileSync(path, 'utf8'));
  const objects: string[] = [];
  for (const level of LEVELS) {
    const object = join(folder, `${level}.o`);
    const failure = tool([...cc, ...COMMON, ...options, `-${level}`, '-c', path, '-o', object]);
    if (failure !== undefined)
      return { stage: 'compile', reason: failure.split('\n').find((l) => /error/.test(l)) ?? failure };
    objects.push(object);
  }
  const references = LEVELS.map((level) => join(folder, `theirs-${level}`));
  const ld = toolchain.objcopy.replace(/objcopy$/, 'ld');
  const lld = findProgram('ld.lld');
  for (const [i, reference] of references.entries()) {
    const ends = ['--start-group', libc, libgcc, '--end-group', crt.crtn];
    const words = ['-static', '-q', crt.crt1, crt.crti, objects[i]!, libmelf, ...ends];
    // lld would turn an ADRP into an ADR where that reaches.
    const failure =
      tool([ld, ...words, '-o', reference]) ??
      (lld === undefined ? undefined : tool([lld, '--no-relax', ...words, '-o', `${reference}-lld`]));
    if (failure !== undefined) return { stage: 'reference', reason: failure.split('\n')[0]! };
    const wrong = bench.runsNatively ? native(reference) : undefined;
    if (wrong !== undefined) return { stage: 'reference', reason: wrong };
  }
  let bytes: Uint8Array;
  try {
    const result = link({
      inputs: [
        ...[crt.crt1, crt.crti].map((one) => ({ path: one })),
        ...objects.map((object, i) => ({ path: object, variant: LEVELS[i]!, unit: 'program' })),
        ...[libmelf, libc, libgcc, crt.crtn].map((one) => ({ path: one })),
      ],
      variants: LEVELS.map((name) => ({ name })),
    });
    bytes = result.bytes;
  } catch (error) {
    if (!(error instanceof MelfError)) throw error;
    return { stage: 'link', reason: `${error.code}: ${error.message.split('\n')[0]}` };
  }
  const file = readMelf(bytes, 'program');
  let compared = 0;
  let words = 0;
  for (const [i, reference] of references.entries()) {
    for (const other of lld === undefined ? [reference] : [reference, `${reference}-lld`]) {
      const comparison = compareLinks(readMelf(readFileSync(other), other), file, i);
      if (comparison.differences.length > 0) {
        const differences = comparison.differences.slice(0, 3).join('; ');
        return { stage: 'compare', reason: `${LEVELS[i]}${other === reference ? '' : ', lld'}: ${differences}` };
      }
      compared += comparison.compared;
      words += comparison.words;
    }
  }
  const program = join(folder, 'program');
  writeFileSync(program, bytes);
  chmodSync(program, 0o755);
  for (const [i, level] of LEVELS.entries()) {
    const wrong = bench.runsNatively ? native(program, level) : undefined;
    if (wrong !== undefined) return { stage: 'native', reason: `${level} ${wrong}` };
    const inside = await sandboxed(isa, bytes, i);
    if (inside !== undefined) return { stage: 'sandbox', reason: `${level} ${inside}` };
  }
  return { compared, words, functions: file.melf?.functions.length ?? 0 };
}
