// Compiles the C programs of this folder and runs them on a machine.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Machine, type MachineOptions } from '../../emulator/machine.ts';
import { loadMachine } from '../../emulator/scheduler/machine-description.ts';
import { ensureToolchain, type Isa } from '../../setup/toolchain.ts';
import { installMmview } from '../mmview.ts';

/** Compiles `source` (a file of this folder) into a static executable below `folder`; gives its path. */
export async function compileGuest(
  isa: Isa,
  source: string,
  folder: string,
  flags: readonly string[] = [],
): Promise<string> {
  const { wrapper } = await ensureToolchain(isa);
  const name = [source.replace(/\.c$/, ''), isa, ...flags].join('').replace(/[^\w-]/g, '_');
  const path = join(folder, name);
  const all = ['-std=gnu11', '-O1', '-Wall', '-Wno-unused-result', ...flags, join(import.meta.dirname, source)];
  execFileSync(wrapper, [...all, '-pthread', '-o', path], { stdio: ['ignore', 'ignore', 'inherit'] });
  return path;
}

export interface GuestRun {
  readonly code: number | undefined;
  readonly signal: number | undefined;
  readonly output: string;
  /** Frames in use before the program was started and after it ended. */
  readonly frames: { readonly before: number; readonly after: number };
}

export interface GuestOptions extends Partial<MachineOptions> {
  readonly args?: readonly string[];
  readonly env?: readonly string[];
  /** Where the machine's remarks go. */
  readonly remark?: (message: string) => void;
  /** Called with the process before it runs. */
  readonly prepare?: (process: ReturnType<Machine['spawn']>, machine: Machine) => void;
}

/** Runs an executable on a machine with mmview until it ends. */
export async function runGuest(isa: Isa, path: string, options: GuestOptions = {}): Promise<GuestRun> {
  let output = '';
  const keep = (bytes: Uint8Array): void => {
    output += Buffer.from(bytes).toString();
  };
  const { args = [], env = [], prepare, remark, ...rest } = options;
  const machine = await Machine.create({
    description: loadMachine('uniform-2', isa),
    ramBytes: 256 * 2 ** 20,
    extensions: [installMmview],
    console: { stdout: keep, stderr: keep, remark },
    ...rest,
  });
  const { physical } = machine.kernel;
  const before = physical.framesUsed;
  const process = machine.spawn(readFileSync(path), { argv: ['program', ...args], env });
  prepare?.(process, machine);
  machine.run({ maxTime: 100e9, maxInstructions: 2e9 });
  return {
    code: process.exitCode,
    signal: process.end?.signal,
    output,
    frames: { before, after: physical.framesUsed },
  };
}
