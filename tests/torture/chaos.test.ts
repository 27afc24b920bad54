import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { libmelfObject } from '../../linker/cc/libmelf.ts';
import { ensureToolchain } from '../../setup/toolchain.ts';
import { linkForChaos, runInChaos } from './chaos.ts';
import type { Bench } from './torture.ts';

const programs = join(import.meta.dirname, 'programs');
const names = ['clones.c', 'labels.c', 'statics.c', 'tables.c', 'varargs.c'];

for (const isa of ['x86-64', 'aarch64'] as const) {
  describe(`torture programs under the chaos switch, ${isa}`, function () {
    this.timeout(600_000);
    let folder: string;
    let bench: Bench;
    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'melf-torture-'));
      const toolchain = await ensureToolchain(isa);
      bench = { toolchain, folder, libmelf: libmelfObject(toolchain.cc), runsNatively: false };
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    it('end as in peace, however often they change between -O0, -O2 and -Os', async () => {
      let switches = 0;
      for (const name of names) {
        const bytes = linkForChaos(bench, join(programs, name));
        const calm = await runInChaos(bench, bytes, undefined);
        assert.equal(calm.code, 0, name);
        for (const seed of [1, 2]) {
          const run = await runInChaos(bench, bytes, seed);
          assert.deepEqual([run.code, run.output], [calm.code, calm.output], `${name}, seed ${seed}`);
          switches += run.switches;
        }
      }
      assert.ok(switches > 2 * names.length, `${switches} switches`);
    });
  });
}
