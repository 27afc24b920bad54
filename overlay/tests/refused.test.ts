// What the event of a refused instruction tells: the instruction, the feature that the CPU lacks, and the variant that it belongs to.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MachineEvent } from '../../emulator/events/events.ts';
import { loadMachine } from '../../emulator/scheduler/machine-description.ts';
import { readMelf } from '../../linker/melf-reader.ts';
import { nameVariants } from '../variant-names.ts';
import { runGuest } from './guest.ts';
import { buildVariants } from './variants.ts';

const machines = {
  'x86-64': { description: 'big-little-x86', feature: 'sse4_2', instruction: 'pcmpgtq xmm0, xmm1' },
  aarch64: { description: 'big-little-arm', feature: 'asimddp', instruction: 'sdot v0.4s, v1.16b, v2.16b' },
} as const;

for (const isa of ['x86-64', 'aarch64'] as const) {
  describe(`a refused instruction, ${isa}`, function () {
    this.timeout(120_000);
    let folder: string;
    before(() => {
      folder = mkdtempSync(join(tmpdir(), 'melf-refused-'));
    });
    after(() => rmSync(folder, { recursive: true }));

    it('is told with its feature, and its variant unless it is common code', async () => {
      const { description, feature, instruction } = machines[isa];
      const path = await buildVariants(isa, folder, { source: 'refused.c', variants: ['base', 'ext'] });
      const events: MachineEvent[] = [];
      const { output, code } = await runGuest(isa, path, {
        description: loadMachine(description),
        events: [{ accept: (event) => event.type === 'illegal-instruction' && events.push(event) }],
        prepare: (_, machine) => nameVariants(machine.kernel, readMelf(readFileSync(path))),
      });
      const kinds = loadMachine(description).cpus.flatMap(({ count, kind }) => new Array<string>(count).fill(kind));
      const expected = [0, 3].flatMap((cpu) => {
        const refuses = kinds[cpu] === 'little';
        return [
          `${cpu} base: 10`,
          `${cpu} ext: ${refuses ? 'refused' : 11}`,
          `${cpu} common: ${refuses ? 'refused' : 10}`,
        ];
      });
      assert.deepEqual(output.trim().split('\n'), expected);
      assert.equal(code, 0);
      const told = events.flatMap((event) =>
        event.type === 'illegal-instruction'
          ? [{ cpu: kinds[event.cpu], instruction: event.instruction, feature: event.feature, variant: event.variant }]
          : [],
      );
      const one = { cpu: 'little', instruction, feature };
      assert.deepEqual(told, [
        { ...one, variant: 'ext' },
        { ...one, variant: undefined },
      ]);
    });
  });
}
