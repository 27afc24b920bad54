// Several processes on one machine: fork, execute, wait, signals and pipes between them.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { skipBecause } from '../base/tests/skip.ts';
import type { Isa } from '../emulator/isa/isa.ts';
import { Machine } from '../emulator/machine.ts';
import { loadMachine } from '../emulator/scheduler/machine-description.ts';
import { installMmview } from '../overlay/mmview.ts';
import { ensureGlibc, staticCommand } from '../setup/glibc.ts';
import { ensureToolchain } from '../setup/toolchain.ts';

const sources = join(import.meta.dirname, 'processes');
const names = ['fork', 'exec', 'spawn', 'locks'];
const isas = ['x86-64', 'aarch64'] as const;

describe('programs of several processes, natively and emulated', function () {
  this.timeout(600_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'melf-processes-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const flags = ['-std=gnu11', '-O1', '-w', '-pthread', '-static'];

  async function compile(name: string, isa: Isa): Promise<string> {
    const { wrapper } = await ensureToolchain(isa);
    const program = join(folder, `${name}-${isa}`);
    execFileSync(wrapper, [...flags, '-o', program, join(sources, `${name}.c`)]);
    return program;
  }

  /** Lines that it printed, its end, and what it left in the machine. */
  async function emulate(
    isa: Isa,
    path: string,
    machineName = 'uniform-2',
  ): Promise<{ lines: string[]; code?: number }> {
    let output = '';
    const keep = (bytes: Uint8Array): void => {
      output += Buffer.from(bytes).toString();
    };
    const machine = await Machine.create({
      description: loadMachine(machineName, isa),
      ramBytes: 512 * 2 ** 20,
      console: { stdout: keep, stderr: keep },
      extensions: [installMmview],
    });
    machine.files.putFile('/bin/sh', readFileSync(await compile('sh', isa)), 0o755);
    const { physical, processes } = machine.kernel;
    const before = physical.framesUsed;
    const process = machine.spawn(readFileSync(path), { argv: ['/bin/program'], env: ['PATH=/bin'] });
    machine.run({ maxInstructions: 1e9, maxTime: 3000e9 });
    machine.close();
    const names = [...machine.kernel.unimplemented.keys()].filter((name) => name !== 'clone3');
    assert.deepEqual(names, []);
    assert.deepEqual([...processes.keys()], [process.pid], 'every other process was waited for');
    assert.equal(physical.framesUsed, before, 'frames in use after all have ended');
    return { lines: output.split('\n'), code: process.exitCode };
  }

  for (const name of names) {
    it(`${name}: both ISAs print what the host prints, on any machine`, async () => {
      const program = await compile(name, 'x86-64');
      const native = spawnSync(program, { timeout: 60_000, env: { PATH: '/bin:/usr/bin' } });
      const expected = native.stdout.toString().split('\n');
      assert.equal(native.status, 0, expected.join('\n'));
      assert.ok(expected.length > 15, 'the native run said little');
      for (const isa of isas) {
        const path = await compile(name, isa);
        for (const machine of ['uniform-1', 'uniform-4']) {
          const { lines, code } = await emulate(isa, path, machine);
          assert.deepEqual(lines, expected, `${isa}, ${machine}`);
          assert.equal(code, 0);
        }
      }
    });

    for (const isa of isas) {
      it(`${name}: the same with glibc on ${isa}`, async function () {
        const path = join(folder, `${name}-glibc-${isa}`);
        const glibc = await ensureGlibc(isa);
        if (glibc === undefined) return skipBecause(this, 'glibc for this instruction set is not to be had');
        const [gcc, ...words] = staticCommand(glibc, [...flags, '-o', path, join(sources, `${name}.c`)]);
        execFileSync(gcc, words);
        const native = spawnSync(await compile(name, 'x86-64'), { timeout: 60_000, env: { PATH: '/bin:/usr/bin' } });
        const { lines, code } = await emulate(isa, path);
        assert.deepEqual(lines, native.stdout.toString().split('\n'));
        assert.equal(code, 0);
      });
    }
  }
});
