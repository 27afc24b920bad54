// Static programs on glibc: it chooses string functions by CPUID and HWCAP (IFUNC), and on AArch64 atomics by HWCAP.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { skipBecause } from '../base/tests/skip.ts';
import type { Isa } from '../emulator/isa/isa.ts';
import { Machine } from '../emulator/machine.ts';
import { checkMachine } from '../emulator/scheduler/machine-description.ts';
import { cpuModels } from '../emulator/scheduler/machines/cpu-models.ts';
import { ensureGlibc, staticCommand } from '../setup/glibc.ts';

const source = join(import.meta.dirname, 'glibc/program.c');

for (const isa of ['x86-64', 'aarch64'] as const) {
  describe(`glibc, ${isa}`, function () {
    this.timeout(120_000);
    let folder: string | undefined;
    let elf: Uint8Array;

    before(async function () {
      const glibc = await ensureGlibc(isa);
      if (glibc === undefined) return skipBecause(this, 'glibc for this instruction set is not to be had');
      folder = mkdtempSync(join(tmpdir(), 'melf-glibc-'));
      const path = join(folder, 'program');
      const flags = ['-O2', '-Wall', '-Werror', '-pthread', '-o', path];
      const [gcc, ...words] = staticCommand(glibc, [...flags, source]);
      execFileSync(gcc, words);
      elf = readFileSync(path);
      if (isa === 'x86-64' && process.arch === 'x64') {
        const host = readFileSync('/proc/cpuinfo', 'utf8').split(/\s+/);
        assert.equal(execFileSync(path, { encoding: 'utf8' }), expected(isa, host));
      }
    });
    after(() => {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    });

    for (const [model, { features }] of Object.entries(cpuModels[isa])) {
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
        assert.equal(output, expected(isa, features));
        assert.equal(process.exitCode, 0);
        assert.deepEqual(refused, []);
      });
    }
  });
}

/** What the program prints on a CPU with these features. */
function expected(isa: Isa, features: readonly string[]): string {
  const has = (feature: string): boolean => features.includes(feature);
  const body = has(isa === 'x86-64' ? 'sse4_2' : 'asimddp') ? 'extended' : 'plain';
  const atomics = isa === 'x86-64' ? 'locked' : has('atomics') ? 'LSE' : 'exclusive';
  return `threads 40000 40000
chosen ${body}, atomics ${atomics}
strings 99999 0 none at 500
sorted 0 999
numbers 0x1.8p+0 2.5e+10 0.841471
`;
}
