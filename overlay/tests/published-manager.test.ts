import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureEngine } from '../../setup/engine.ts';
import type { Isa } from '../../setup/toolchain.ts';
import { runGuest } from './guest.ts';
import { buildVariants } from './variants.ts';

const isas: readonly Isa[] = ['x86-64', 'aarch64'];

/** The counter goes on over switches, the pointer stays right, and each round shows its variant. */
const expected = [
  '3 variants, 1',
  ...Array.from({ length: 6 }, (_, round) => {
    const variant = round % 3;
    return `0: ${(2 * round + 1) * 1000 + 10 + variant} ${(2 * round + 2) * 1000 + 20 + variant}`;
  }),
].join('\n');

for (const isa of isas) {
  describe(`a small manager of the published format on our files, ${isa}`, function () {
    this.timeout(120_000);
    let folder: string;
    let path: string;
    before(async () => {
      await ensureEngine();
      folder = mkdtempSync(join(tmpdir(), 'published-manager-'));
      path = await buildVariants(isa, folder, { source: 'published-manager.c', variants: ['a', 'b', 'c'] });
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    it('switches on the machine', async () => {
      const { output } = await runGuest(isa, path);
      assert.equal(output.trimEnd(), expected);
    });

    it('switches on a kernel that has no views', async () => {
      const { output } = await runGuest(isa, path, { extensions: [] });
      assert.equal(output.trimEnd(), expected);
    });

    if (isa === 'x86-64' && process.arch === 'x64' && process.platform === 'linux') {
      it('switches on the host', () => {
        assert.equal(execFileSync(path, { encoding: 'utf8' }).trimEnd(), expected);
      });
    }
  });
}
