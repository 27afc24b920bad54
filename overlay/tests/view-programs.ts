// The property: a program of view calls, executed by threads of a guest through the kernel, answers as the reference model does.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Machine, type MachineOptions } from '../../emulator/machine.ts';
import { loadMachine } from '../../emulator/scheduler/machine-description.ts';
import type { Isa } from '../../setup/toolchain.ts';
import { installMmview } from '../mmview.ts';
import { compileGuest } from './guest.ts';
import { concrete, encode, programs } from './random-programs.ts';
import { type Command, FILE_BYTE, PAGES } from './reference-model.ts';

const PAGE_SIZE = 4096;
/** Physical memory leaks nothing over this many programs, so one machine can run them all; a fresh one bounds its clock. */
const programsPerMachine = 500;

/** One command and its answers, for a failure's message. */
const line = ({ slot, op, a, b, c }: Command, answers: readonly number[]): string =>
  `slot ${slot}: ${op} ${a} ${b} ${c} -> ${answers.join(' ')}`;

class Runner {
  readonly #isa: Isa;
  readonly #elf: Uint8Array;
  readonly #options: Partial<MachineOptions>;
  #machine: Machine | undefined;
  #runs = 0;
  #input: Uint8Array = new Uint8Array(0);
  #output: Uint8Array[] = [];

  constructor(isa: Isa, elf: Uint8Array, options: Partial<MachineOptions>) {
    this.#isa = isa;
    this.#elf = elf;
    this.#options = options;
  }

  async prepare(): Promise<void> {
    if (this.#machine !== undefined && this.#runs < programsPerMachine) return;
    this.#runs = 0;
    this.#machine = await Machine.create({
      description: loadMachine('uniform-2', this.#isa),
      ramBytes: 64 * 2 ** 20,
      extensions: [installMmview],
      console: {
        stdout: (bytes) => this.#output.push(bytes.slice()),
        stderr: (bytes) => this.#output.push(bytes.slice()),
        stdin: (into) => {
          const count = Math.min(into.length, this.#input.length);
          into.set(this.#input.subarray(0, count));
          this.#input = this.#input.subarray(count);
          return count;
        },
      },
      ...this.#options,
    });
    const data = Uint8Array.from({ length: PAGES * PAGE_SIZE }, (_, at) => FILE_BYTE + Math.floor(at / PAGE_SIZE));
    this.#machine.files.putFile('/data', data, 0o644);
    this.run([
      { slot: 0, op: 'map', a: 0, b: PAGES, c: 1 },
      { slot: 0, op: 'observe', a: 0, b: 0, c: 0 },
    ]); // page cache
  }

  /** Answers of a program, in one list. After a failure the next program gets a fresh machine. */
  run(commands: readonly Command[]): number[] {
    const machine = this.#machine!;
    this.#machine = undefined;
    this.#runs++;
    this.#input = encode(commands);
    this.#output = [];
    const { physical } = machine.kernel;
    const before = physical.framesUsed;
    const process = machine.spawn(this.#elf, { argv: ['interpreter'] });
    machine.run({ maxInstructions: machine.kernel.scheduler.instructions + 100e6 });
    machine.kernel.processes.delete(process.pid);
    const bytes = Buffer.concat(this.#output);
    assert.equal(process.exitCode, 0, `the interpreter ended with ${process.exitCode}\n${bytes.toString('latin1')}`);
    if (this.#runs > 1) assert.equal(physical.framesUsed, before, 'frames in use after the process ended');
    this.#machine = machine;
    return [...new Int32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))];
  }
}

/** Runs `count` random programs. */
export async function checkPrograms(isa: Isa, count: number, options: Partial<MachineOptions> = {}): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'view-programs-'));
  try {
    const elf = new Uint8Array(readFileSync(await compileGuest(isa, 'interpreter.c', folder, ['-O2'])));
    const runner = new Runner(isa, elf, options);
    await fc.assert(
      fc.asyncProperty(programs, async (program) => {
        const { commands, expected } = concrete(program);
        await runner.prepare();
        const answers = runner.run(commands);
        if (answers.join() === expected.flat().join()) return;
        let at = 0;
        for (const [index, wanted] of expected.entries()) {
          const got = answers.slice(at, at + wanted.length);
          at += wanted.length;
          if (got.join() === wanted.join()) continue;
          const story = commands.slice(0, index).map((command, i) => line(command, expected[i]!));
          assert.fail(
            `${[...story, line(commands[index]!, wanted)].join('\n')}\nbut the kernel answered ${got.join(' ')}`,
          );
        }
        assert.fail('more answers than commands');
      }),
      { numRuns: count, seed: 20230710 },
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
