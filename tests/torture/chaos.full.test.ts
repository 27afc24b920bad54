import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { libmelfObject } from '../../linker/cc/libmelf.ts';
import { tortureSource } from '../../linker/tests/foreign.ts';
import { ensureToolchain } from '../../setup/toolchain.ts';
import { linkForChaos, runInChaos } from './chaos.ts';
import { readTortureLists } from './lists.ts';
import type { Bench } from './torture.ts';

/** Every so many of the programs that are expected to work. */
const STEP = 6;
const all = readTortureLists().expected;
const selection = all.filter((_, index) => index % STEP === 0);

/** Compares addresses of code that main, which stays in one variant, and another function have of the same label or nested function. */
const takesAddresses = (source: string): boolean => /&&\s*[A-Za-z_]\w*\s*[,;)}]/.test(source);

for (const isa of ['x86-64', 'aarch64'] as const) {
  describe(`${selection.length} of gcc.c-torture/execute under the chaos switch, ${isa}`, function () {
    this.timeout(600_000);
    let folder: string;
    let source: string;
    let bench: Bench;
    let switches = 0;
    before(async function () {
      this.timeout(600_000);
      folder = mkdtempSync(join(tmpdir(), 'melf-torture-'));
      source = await tortureSource();
      const toolchain = await ensureToolchain(isa);
      bench = { toolchain, folder, libmelf: libmelfObject(toolchain.cc), runsNatively: false };
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    for (const name of selection) {
      it(name, async function () {
        const path = join(source, name);
        if (takesAddresses(readFileSync(path, 'utf8'))) this.skip();
        const bytes = linkForChaos(bench, path);
        const calm = await runInChaos(bench, bytes, undefined);
        assert.equal(calm.code, 0);
        for (const seed of [1, 2]) {
          const run = await runInChaos(bench, bytes, seed);
          assert.deepEqual([run.code, run.output], [calm.code, calm.output], `seed ${seed}, ${run.switches} switches`);
          switches += run.switches;
        }
      });
    }

    it('they were switched', () => assert.ok(switches > selection.length, `${switches} switches`));
  });
}
