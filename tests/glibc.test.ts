// Static programs on glibc: it chooses string functions by CPUID and HWCAP (IFUNC), and on AArch64 atomics by HWCAP.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Isa } from '../emulator/isa/isa.ts';
import { Machine } from '../emulator/machine.ts';
import { checkMachine } from '../emulator/scheduler/machine-description.ts';
import { cpuModels } from '../emulator/scheduler/machines/cpu-models.ts';

/** Compilers with a static glibc, where the machine has them: set-up does not fetch one. */
const compilers: Readonly<Record<Isa, string>> = { 'x86-64': 'x86_64-linux-gnu-gcc', aarch64: 'aarch64-linux-gnu-gcc' };
const source = join(import.meta.dirname, 'glibc/program.c');

for (const isa of ['x86-64', 'aarch64'] as const) {
  describe(`glibc, ${isa}`, function () {
    this.timeout(120_000);
    let folder: string;
    let elf: Uint8Array;

    before(function () {
      folder = mkdtempSync(join(tmpdir(), 'melf-glibc-'));
      const path = join(folder, 'program');
      const { status } = spawnSync(compilers[isa], ['-O2', '-static', '-pthread', '-o', path, source, '-lm']);
      if (status !== 0) this.skip();
      elf = readFileSync(path);
      if (isa === 'x86-64' && process.arch === 'x64') assert.equal(execFileSync(path, { encoding: 'utf8' }), expected);
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    for (const model of Object.keys(cpuModels[isa])) {
      it(`runs on ${model}`, async () => {
        let output = '';
        const keep = (bytes: Uint8Array): void => {
          output += Buffer.from(bytes).toString('latin1');
        };
        const refused: string[] = [];
        const machine = await Machine.create({
          description: checkMachine({ isa, cpus: [{ model, count: 2 }] }, model),
          ramBytes: 512 * 2 ** 20,
          console: { stdout: keep, stderr: keep },
          events: [{ accept: (event) => event.type === 'illegal-instruction' && refused.push(event.instruction) }],
        });
        const process = machine.spawn(elf, { argv: ['/bin/program'] });
        machine.run({ maxInstructions: 100e6, maxTime: 60e9 });
        machine.close();
        assert.equal(output, expected);
        assert.equal(process.exitCode, 0);
        assert.deepEqual(refused, []);
      });
    }
  });
}

const expected = `threads 40000 40000
strings 99999 0 none at 500
sorted 0 999
numbers 0x1.8p+0 2.5e+10 0.841471
`;
