import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { skipBecause } from '../../base/tests/skip.ts';
import { libmelfObject } from '../../linker/cc/libmelf.ts';
import { tortureSource } from '../../linker/tests/foreign.ts';
import { ensureToolchain } from '../../setup/toolchain.ts';
import { readTortureLists } from './lists.ts';
import { TortureWorker } from './worker.ts';

const lists = readTortureLists();
/** Every so many programs are run with a second seed. */
const STEP = 6;
const seedsOf = (index: number): number[] => (index % STEP === 0 ? [1, 2] : [1]);

/** Compares addresses of code that main, which stays in one variant, and another function have of the same label or nested function. */
const takesAddresses = (source: string): boolean => /&&\s*[A-Za-z_]\w*\s*[,;)}]/.test(source);

for (const isa of ['x86-64', 'aarch64'] as const) {
  const all = lists.expected.filter((name) => !lists.knownFailures.has(`${isa}/${name}`));
  describe(`${all.length} of gcc.c-torture/execute under the chaos switch, ${isa}`, function () {
    this.timeout(600_000);
    let folder: string;
    let source: string;
    let worker: TortureWorker;
    let [tried, switches] = [0, 0];
    before(async function () {
      this.timeout(600_000);
      folder = mkdtempSync(join(tmpdir(), 'melf-torture-'));
      source = await tortureSource();
      const toolchain = await ensureToolchain(isa);
      worker = new TortureWorker({ toolchain, folder, libmelf: libmelfObject(toolchain.cc), runsNatively: false });
    });
    after(async () => {
      await worker?.close();
      rmSync(folder, { recursive: true, force: true });
    });

    for (const [index, name] of all.entries()) {
      it(name, async function () {
        const path = join(source, name);
        if (takesAddresses(readFileSync(path, 'utf8')))
          skipBecause(this, 'it compares addresses of labels between functions of which one stays in its variant');
        const seeds = seedsOf(index);
        const result = await worker.tryInChaos(path, seeds);
        if ('stage' in result) assert.fail(result.reason);
        const [calm, ...runs] = result.runs;
        assert.equal(calm?.code, 0);
        assert.equal(runs.length, seeds.length);
        tried++;
        for (const [at, run] of runs.entries()) {
          const what = `seed ${seeds[at]}, ${run.switches} switches`;
          assert.deepEqual([run.code, run.output], [calm.code, calm.output], what);
          switches += run.switches;
        }
      });
    }

    it('they were switched', () => assert.ok(switches > tried, `${switches} switches in ${tried} programs`));
  });
}
