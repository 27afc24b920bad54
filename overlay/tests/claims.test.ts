// melf.h's promises about threads, signal handlers and fork, with musl and with glibc, in the sandbox and natively.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadMachine } from '../../emulator/scheduler/machine-description.ts';
import { ensureEngine } from '../../setup/engine.ts';
import type { Isa } from '../../setup/toolchain.ts';
import { runGuest } from './guest.ts';
import { buildVariants, hasGlibc } from './variants.ts';

const isas: readonly Isa[] = ['x86-64', 'aarch64'];

for (const isa of isas) {
  for (const libc of ['musl', 'glibc'] as const) {
    describe(`libmelf's promises, ${libc} on ${isa}`, function () {
      this.timeout(600_000);
      let folder: string;
      let path: string;

      before(async function () {
        if (libc === 'glibc' && !hasGlibc(isa)) this.skip();
        await ensureEngine();
        folder = mkdtempSync(join(tmpdir(), 'claims-'));
        path = await buildVariants(isa, folder, {
          source: 'claims.c',
          variants: ['first', 'second', 'third'],
          libc,
          link: { pageAlign: ['work', 'other'] },
        });
      });
      after(() => {
        if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
      });

      for (const machine of ['uniform-1', 'uniform-4']) {
        it(`hold with views, on ${machine}`, async () => {
          // Short slices put the signals and the other threads everywhere.
          const scheduling = { timeslice: 4000, lookahead: 500 };
          const description = loadMachine(machine, isa);
          const { output, code, signal, frames } = await runGuest(isa, path, { description, scheduling });
          assert.equal(signal, undefined, output);
          assert.doesNotMatch(output, /^FAIL/m);
          assert.equal(code, 0, output);
          assert.match(output, /^ok and while another thread changes the tables$/m);
          assert.equal(frames.after, frames.before);
        });
      }

      it('hold natively without views, as far as they concern one thread', function () {
        if (process.platform !== 'linux' || process.arch !== (isa === 'x86-64' ? 'x64' : 'arm64')) this.skip();
        const { stdout, status } = spawnSync(path, { encoding: 'utf8', timeout: 60_000 });
        assert.equal(status, 0, stdout);
        assert.equal(stdout.match(/^ok a child goes on/gm)?.length, 3);
      });
    });
  }
}
