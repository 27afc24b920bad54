// A torture program whose threads change between its three variants whenever only common code is on their stacks. main is common code: what it
// calls is entered in one variant after the other.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Machine } from '../../emulator/machine.ts';
import { loadMachine } from '../../emulator/scheduler/machine-description.ts';
import { link } from '../../linker/link.ts';
import { readMelf } from '../../linker/melf-reader.ts';
import { ChaosSwitcher } from '../../overlay/chaos.ts';
import { OverlayManager } from '../../overlay/manager.ts';
import { installMmview } from '../../overlay/mmview.ts';
import { type Bench, COMMON, LEVELS, ownOptions, tool } from './torture.ts';

/** How a run ended. */
export interface ChaosRun {
  /** Exit code; 128 + signal for a crash. */
  readonly code: number | undefined;
  readonly output: string;
  readonly switches: number;
}

/** Links the program with `main` as common code. */
export function linkForChaos({ toolchain, folder, libmelf }: Bench, path: string): Uint8Array {
  const { crt, libc, libgcc, cc } = toolchain;
  const options = ownOptions(readFileSync(path, 'utf8'));
  const objects = LEVELS.map((level) => {
    const object = join(folder, `chaos-${level}.o`);
    const failure = tool([...cc, ...COMMON, ...options, `-${level}`, '-c', path, '-o', object]);
    if (failure !== undefined) throw new Error(failure);
    return { path: object, variant: level, unit: 'program' };
  });
  const plain = (one: string) => ({ path: one });
  return link({
    inputs: [...[crt.crt1, crt.crti].map(plain), ...objects, ...[libmelf, libc, libgcc, crt.crtn].map(plain)],
    variants: LEVELS.map((name) => ({ name })),
    common: ['main'],
  }).bytes;
}

/** Runs a program in peace and then with each seed. */
export async function tryInChaos(bench: Bench, path: string, seeds: readonly number[]): Promise<{ runs: ChaosRun[] }> {
  const bytes = linkForChaos(bench, path);
  const runs: ChaosRun[] = [];
  for (const seed of [undefined, ...seeds]) runs.push(await runInChaos(bench, bytes, seed));
  return { runs };
}

/** Runs it; without a seed in peace. */
export async function runInChaos({ toolchain }: Bench, bytes: Uint8Array, seed: number | undefined): Promise<ChaosRun> {
  let output = '';
  const keep = (text: Uint8Array): void => {
    output += Buffer.from(text).toString('latin1');
  };
  const machine = await Machine.create({
    description: loadMachine('uniform-2', toolchain.isa),
    ramBytes: 64 * 2 ** 20,
    extensions: [installMmview],
    console: { stdout: keep, stderr: keep },
  });
  const process = machine.spawn(bytes, { argv: ['program'] });
  const manager = new OverlayManager(process, readMelf(bytes, 'program'));
  const chaos = seed === undefined ? undefined : new ChaosSwitcher(machine.kernel, manager, seed);
  machine.run({ maxTime: 60e9, maxInstructions: 400e6 });
  machine.close();
  return { code: process.exitCode, output, switches: chaos?.switches ?? 0 };
}
