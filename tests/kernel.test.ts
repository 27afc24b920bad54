import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { TraceHash } from '../emulator/events/trace-hash.ts';
import type { Isa } from '../emulator/isa/isa.ts';
import { Machine } from '../emulator/machine.ts';
import { loadMachine } from '../emulator/scheduler/machine-description.ts';
import { ensureToolchain } from '../setup/toolchain.ts';

const sources = join(import.meta.dirname, 'kernel');

interface Run {
  readonly output: string;
  readonly code: number | undefined;
  readonly hash: string;
}

async function emulate(isa: Isa, elf: Uint8Array, options: { seed?: number; machine?: string } = {}): Promise<Run> {
  const printed: Uint8Array[] = [];
  const keep = (bytes: Uint8Array) => printed.push(bytes);
  const hash = new TraceHash();
  const machine = await Machine.create({
    description: loadMachine(options.machine ?? 'uniform-4', isa),
    seed: options.seed ?? 1,
    ramBytes: 512 * 2 ** 20,
    console: { stdout: keep, stderr: keep },
    events: [hash],
  });
  const process = machine.spawn(elf, { argv: ['/bin/program'] });
  machine.run({ maxInstructions: 500e6, maxTime: 300e9 });
  assert.deepEqual([...machine.kernel.unimplemented], []);
  machine.close();
  return { output: Buffer.concat(printed).toString(), code: process.exitCode, hash: hash.digest() };
}

/** What a shell would show. */
const exitCode = (result: ReturnType<typeof spawnSync>): number =>
  result.signal === null ? (result.status ?? -1) : 128 + constants.signals[result.signal];

describe('programs with threads, signals, faults and clocks, natively and emulated', function () {
  this.timeout(120_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'melf-kernel-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  async function compile(name: string, isa: Isa): Promise<string> {
    const { wrapper } = await ensureToolchain(isa);
    const program = join(folder, `${name}-${isa}`);
    const flags = ['-std=gnu11', '-O1', '-Wall', '-Werror', '-Wno-infinite-recursion', '-pthread', '-static'];
    execFileSync(wrapper, [...flags, '-o', program, join(sources, `${name}.c`), '-lm']);
    return program;
  }

  for (const name of ['threads', 'signals', 'faults', 'clocks', 'waits', 'server', 'sequences', 'mappings']) {
    it(`${name}: both ISAs print what the host prints`, async () => {
      const program = await compile(name, 'x86-64');
      const native = spawnSync(program, { timeout: 60_000 });
      const expected = native.stdout.toString();
      assert.ok(expected.split('\n').length > 10, 'the native run said little');
      const x86 = await emulate('x86-64', readFileSync(program));
      assert.deepEqual(x86.output.split('\n'), expected.split('\n'));
      assert.equal(x86.code, exitCode(native));
      const aarch64 = await emulate('aarch64', readFileSync(await compile(name, 'aarch64')));
      assert.deepEqual(aarch64.output.split('\n'), expected.split('\n'));
      assert.equal(aarch64.code, exitCode(native));
    });
  }

  it('the same seed gives the same trace, on one CPU or on many', async () => {
    const program = readFileSync(await compile('threads', 'x86-64'));
    const outputs = new Set<string>();
    for (const machine of ['uniform-1', 'uniform-4', 'big-little-x86']) {
      const first = await emulate('x86-64', program, { machine });
      const second = await emulate('x86-64', program, { machine });
      assert.equal(first.hash, second.hash, machine);
      outputs.add(first.output);
    }
    assert.equal(outputs.size, 1);
  });
});
