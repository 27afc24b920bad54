import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { libmelfObject } from '../../linker/cc/libmelf.ts';
import { tortureSource } from '../../linker/tests/foreign.ts';
import { ensureToolchain } from '../../setup/toolchain.ts';
import { readTortureLists } from './lists.ts';
import { TortureWorker } from './worker.ts';

const lists = readTortureLists();

for (const isa of ['x86-64', 'aarch64'] as const) {
  describe(`gcc.c-torture/execute for ${isa}: ${lists.expected.length} programs, each as three variants of one MELF`, function () {
    this.timeout(120_000);
    let folder: string;
    let source: string;
    let worker: TortureWorker;
    before(async function () {
      this.timeout(600_000);
      folder = mkdtempSync(join(tmpdir(), 'melf-torture-'));
      source = await tortureSource();
      const toolchain = await ensureToolchain(isa);
      const runsNatively = process.arch === (isa === 'x86-64' ? 'x64' : 'arm64');
      worker = new TortureWorker({ toolchain, folder, libmelf: libmelfObject(toolchain.cc), runsNatively });
    });
    after(async () => {
      await worker.close();
      rmSync(folder, { recursive: true, force: true });
    });

    const failures = [...lists.knownFailures].flatMap(([name, failure]) => {
      const [program, only] = name.split('/').reverse();
      return only === undefined || only === isa ? [[program!, failure] as const] : [];
    });
    for (const name of lists.expected) {
      if (lists.knownFailures.has(`${isa}/${name}`)) continue;
      it(name, async () => {
        const verdict = await worker.tryProgram(join(source, name));
        assert.ok('compared' in verdict, JSON.stringify(verdict));
      });
    }
    for (const [name, { stage, reason }] of failures) {
      it(`${name} fails as before: ${stage}: ${reason}`, async () => {
        const verdict = await worker.tryProgram(join(source, name));
        assert.ok('stage' in verdict, 'it works now: move it to expected.txt');
        assert.equal(verdict.stage, stage, `it fails elsewhere now: ${verdict.reason}`);
      });
    }
    for (const name of lists.flaky) {
      it(`${name} (flaky: its result is only shown)`, async () => {
        process.stdout.write(`      ${JSON.stringify(await worker.tryProgram(join(source, name)))}\n`);
      });
    }
  });
}
