// Who CPUs say they are, by their own instructions and by /proc/cpuinfo, on each model of both ISAs.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Isa } from '../emulator/isa/isa.ts';
import { Machine } from '../emulator/machine.ts';
import { checkMachine } from '../emulator/scheduler/machine-description.ts';
import { ensureToolchain } from '../setup/toolchain.ts';

/** By Arm's Technical Reference Manuals (MIDR_EL1, CTR_EL0, DCZID_EL0); `max` is QEMU's own. */
const arm: Readonly<Record<string, readonly [implementer: string, variant: string, part: string, revision: number]>> = {
  'cortex-a53': ['0x41', '0x0', '0xd03', 4],
  'cortex-a57': ['0x41', '0x1', '0xd07', 0],
  'cortex-a72': ['0x41', '0x0', '0xd08', 3],
  max: ['0x0', '0x0', '0x051', 0],
};
/** CTR_EL0: lines of 64 bytes, and how the instruction cache is indexed. */
const ctr: Readonly<Record<string, string>> = {
  'cortex-a53': '0x84448004',
  'cortex-a57': '0x8444c004',
  'cortex-a72': '0x8444c004',
  max: '0x8444c004',
};
const models: Readonly<Record<Isa, readonly string[]>> = {
  'x86-64': ['qemu64', 'conroe', 'nehalem', 'westmere', 'haswell', 'icelake-server'],
  aarch64: Object.keys(arm),
};

for (const isa of ['x86-64', 'aarch64'] as const) {
  describe(`identity of CPUs, ${isa}`, function () {
    this.timeout(300_000);
    let folder: string;
    let program: Uint8Array;
    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'melf-identity-'));
      const { wrapper } = await ensureToolchain(isa);
      const path = join(folder, 'identity');
      execFileSync(wrapper, ['-O1', '-Wall', '-static', '-o', path, join(import.meta.dirname, 'hetero/identity.c')]);
      program = readFileSync(path);
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    async function linesOn(model: string): Promise<string[]> {
      let output = '';
      const keep = (bytes: Uint8Array): void => {
        output += Buffer.from(bytes).toString('latin1');
      };
      const machine = await Machine.create({
        description: checkMachine({ isa, cpus: [{ model, count: 2 }] }, model),
        ramBytes: 128 * 2 ** 20,
        console: { stdout: keep, stderr: keep },
      });
      const process = machine.spawn(program, { argv: ['/identity'] });
      machine.run({ maxInstructions: 50e6, maxTime: 60e9 });
      machine.close();
      assert.equal(process.exitCode, 0, output);
      return output.trim().split('\n');
    }

    for (const model of models[isa]) {
      it(`${model}: instructions and /proc/cpuinfo agree; another process may be moved`, async () => {
        const lines = await linesOn(model);
        const own = lines.filter((line) => line.startsWith('own '));
        assert.equal(own.length, 2);
        if (isa === 'x86-64') {
          const vendors = lines.flatMap((line) => /^vendor_id\s*: (.*)/.exec(line)?.[1] ?? []);
          const ids = lines.flatMap((line) => /^apicid\s*: (.*)/.exec(line)?.[1] ?? []);
          assert.deepEqual(
            own,
            [0, 1].map((cpu) => `own ${cpu} ${vendors[cpu]} apic ${ids[cpu]} x2apic ${ids[cpu]}`),
          );
          assert.deepEqual(ids, ['0', '1']);
        } else {
          const [implementer, variant, part, revision] = arm[model]!;
          const told = lines.filter((line) => /^CPU (?!arch)/.test(line)).map((line) => line.split(': ')[1]);
          assert.deepEqual(told, [
            implementer,
            variant,
            part,
            String(revision),
            implementer,
            variant,
            part,
            String(revision),
          ]);
          for (const [cpu, line] of own.entries()) {
            const found = /^own (\d) (\S+) (\S+) (\S+) (\d+) ctr (\S+) dczid (\S+)$/.exec(line);
            assert.deepEqual(found?.slice(1, 6), [
              String(cpu),
              implementer === '0x0' ? '0' : implementer,
              variant,
              part,
              String(revision),
            ]);
            assert.deepEqual(found?.slice(6), [ctr[model], '0x4'], 'DC ZVA clears blocks of 64 bytes');
          }
        }
        assert.deepEqual(lines.slice(-3), ['parent: 0, ok, only CPU 0: 1', 'nobody: 1', 'now on CPU 0']);
      });
    }
  });
}
