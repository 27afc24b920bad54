// The property: a program of view calls, executed by threads of a guest through the kernel, answers as the reference model does, and after every
// command all views are what the model says.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Kernel } from '../../emulator/linux/kernel.ts';
import { Machine, type MachineOptions } from '../../emulator/machine.ts';
import type { AddressSpace } from '../../emulator/memory/address-space.ts';
import { Peek } from '../../emulator/memory/peek.ts';
import { UserFault } from '../../emulator/memory/user-memory.ts';
import { Prot, protIn } from '../../emulator/memory/vma.ts';
import { loadMachine } from '../../emulator/scheduler/machine-description.ts';
import type { Isa } from '../../setup/toolchain.ts';
import { installMmview } from '../mmview.ts';
import { compileGuest } from './guest.ts';
import { concrete, encode, programs, type Step } from './random-programs.ts';
import { ALL_PAGES, FAULT, FILE_BYTE, LOCKED, PAGES } from './reference-model.ts';

const PAGE_SIZE = 4096;
/** Where interpreter.c has what it tests, and the byte of each page that holds the contents. */
const REGION = 0x20_0000 * 0x5000 - 4 * PAGE_SIZE;
const OFFSET = 5;
/** The interpreter's own system call, after each command; -1: before a program begins. */
const CHECKPOINT = 1999;
/** Programs that one interpreter executes. */
const BATCH = 100;
/** Where a failure is expected. */
const SMALL_BATCH = 25;
const SEED = 20230710;

/** A byte of a mapping; none beyond its file. */
function byteAt(memory: Peek, va: number): number {
  try {
    return memory.read(va, 1)[0]!;
  } catch (error) {
    if (error instanceof UserFault) return FAULT;
    throw error;
  }
}

/** As ReferenceModel.state has it, of the kernel's areas and page tables. Touches nothing. `heap` is where what brk adds begins. */
function stateOf(space: AddressSpace, heap: number): number[] {
  const state = [space.views.base];
  for (const view of space.views.ids().sort((a, b) => a - b)) {
    state.push(view);
    const memory = new Peek(space, view);
    for (let page = 0; page < ALL_PAGES; page++) {
      const va = page < PAGES ? REGION + page * PAGE_SIZE : heap + (page - PAGES) * PAGE_SIZE;
      const area = space.areas.find(va);
      const prot = area === undefined ? -1 : protIn(area, view);
      state.push(
        area?.locked === true ? prot | LOCKED : prot,
        prot > 0 && (prot & Prot.read) !== 0 ? byteAt(memory, va + OFFSET) : FAULT,
      );
    }
  }
  return state;
}

/** One command and its answers, for a failure's message. */
const line = ({ command: { slot, op, a, b, c }, answers }: Step): string =>
  `slot ${slot}: ${op} ${a} ${b} ${c} -> ${answers.join(' ')}`;

/** Compares a batch of programs while it runs. */
class Comparison {
  /** The first program that went another way than the model, and how. */
  failure: { readonly program: number; readonly text: string } | undefined;
  /** Commands after which the state was compared. */
  compared = 0;
  readonly #programs: readonly (readonly Step[])[];
  #current = -1;
  #frames: number | undefined;

  constructor(batch: readonly (readonly Step[])[]) {
    this.#programs = batch;
  }

  /** The extension that gives a machine the system call. */
  readonly install = (kernel: Kernel): void => {
    kernel.registerSyscall(CHECKPOINT, 'checkpoint', {
      handler: ({ process }, step, heap) => {
        if (step < 0) this.#begin(kernel.physical.framesUsed);
        else this.#compare(step, process.space, heap);
        return 0;
      },
      note: 'compares the state of all views with the reference model',
    });
  };

  fail(program: number, step: number, what: string): void {
    const story = this.#programs[program]!.slice(0, step + 1).map(line);
    this.failure ??= { program, text: `${story.join('\n')}\n${what}` };
  }

  #begin(frames: number): void {
    this.#current++;
    // The first program makes pages of the maker its own, too.
    if (this.#current >= 2 && frames !== this.#frames)
      this.fail(
        this.#current - 1,
        -1,
        `${frames - (this.#frames ?? 0)} frames more in use after the program than before`,
      );
    this.#frames = frames;
  }

  #compare(step: number, space: AddressSpace, heap: number): void {
    this.compared++;
    const wanted = this.#programs[this.#current]![step]!.state;
    const got = stateOf(space, heap);
    if (got.length === wanted.length && got.every((word, at) => word === wanted[at])) return;
    this.fail(this.#current, step, `but the views are\n${got.join(' ')}\nand not\n${wanted.join(' ')}`);
  }

  /** Compares what the programs answered. */
  check(output: Buffer): void {
    let at = 0;
    for (const [program, steps] of this.#programs.entries()) {
      if (at + 4 > output.length) {
        this.fail(program, steps.length, 'but the interpreter ended before that');
        return;
      }
      const count = output.readInt32LE(at);
      const answers = Array.from({ length: count }, (_, index) => output.readInt32LE(at + 4 + 4 * index));
      at += 4 + 4 * count;
      let from = 0;
      for (const [step, { answers: wanted }] of steps.entries()) {
        const got = answers.slice(from, from + wanted.length);
        from += wanted.length;
        if (got.join() === wanted.join()) continue;
        this.fail(program, step, `but the kernel answered ${got.join(' ')}`);
        break;
      }
      if (this.failure === undefined && from !== count)
        this.fail(program, steps.length, 'and more answers than commands');
      if (this.failure !== undefined) return;
    }
  }
}

async function runBatch(
  isa: Isa,
  elf: Uint8Array,
  batch: readonly (readonly Step[])[],
  { extensions = [], ...options }: Partial<MachineOptions>,
): Promise<Comparison> {
  const comparison = new Comparison(batch);
  let input: Uint8Array = Buffer.concat(batch.map(encode));
  const output: Uint8Array[] = [];
  const keep = (bytes: Uint8Array): void => void output.push(bytes.slice());
  const machine = await Machine.create({
    description: loadMachine('uniform-2', isa),
    ramBytes: 64 * 2 ** 20,
    extensions: [installMmview, ...extensions, comparison.install],
    console: {
      stdout: keep,
      stderr: keep,
      stdin: (into) => {
        const count = Math.min(into.length, input.length);
        into.set(input.subarray(0, count));
        input = input.subarray(count);
        return count;
      },
    },
    ...options,
  });
  const data = Uint8Array.from({ length: PAGES * PAGE_SIZE }, (_, at) => FILE_BYTE + Math.floor(at / PAGE_SIZE));
  machine.files.putFile('/data', data, 0o644);
  const process = machine.spawn(elf, { argv: ['interpreter'] });
  machine.run({ maxInstructions: batch.length * 100e6 });
  comparison.check(Buffer.concat(output));
  if (comparison.failure === undefined) assert.equal(process.exitCode, 0, Buffer.concat(output).toString('latin1'));
  machine.close();
  return comparison;
}

async function compileInterpreter(isa: Isa): Promise<Uint8Array> {
  const folder = mkdtempSync(join(tmpdir(), 'view-programs-'));
  try {
    return new Uint8Array(readFileSync(await compileGuest(isa, 'interpreter.c', folder, ['-O2'])));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function draw(count: number): Step[][] {
  const drawn = fc.sample(programs, { numRuns: count, seed: SEED }).map(concrete);
  assert.equal(drawn.length, count);
  return drawn;
}

/** How the first of `count` random programs that goes another way than the model does so, if any does. Extensions in `options` are put over mmview's. */
export async function firstFailure(
  isa: Isa,
  count: number,
  options: Partial<MachineOptions> = {},
): Promise<string | undefined> {
  const elf = await compileInterpreter(isa);
  const drawn = draw(count);
  for (let first = 0; first < count; first += SMALL_BATCH) {
    const { failure } = await runBatch(isa, elf, drawn.slice(first, first + SMALL_BATCH), options);
    if (failure !== undefined) return failure.text;
  }
  return undefined;
}

/** Runs `count` random programs. */
export async function checkPrograms(isa: Isa, count: number, options: Partial<MachineOptions> = {}): Promise<void> {
  const elf = await compileInterpreter(isa);
  const drawn = draw(count);
  let compared = 0;
  for (let first = 0; first < count; first += BATCH) {
    const comparison = await runBatch(isa, elf, drawn.slice(first, first + BATCH), options);
    compared += comparison.compared;
    const { failure } = comparison;
    if (failure === undefined) continue;
    // The same program again, alone, and smaller ones.
    await fc.assert(
      fc.asyncProperty(programs, async (program) => {
        const alone = await runBatch(isa, elf, [concrete(program)], options);
        assert.equal(alone.failure?.text, undefined);
      }),
      { seed: SEED, path: `${first + failure.program}`, numRuns: 1, endOnFailure: false },
    );
    assert.fail(`program ${first + failure.program} fails only behind others:\n${failure.text}`);
  }
  const exits = drawn.flat().filter(({ command }) => command.op === 'exit').length;
  assert.equal(compared, drawn.flat().length - exits, 'the state was compared after every command');
}
