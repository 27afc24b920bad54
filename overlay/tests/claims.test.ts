// melf.h's promises about threads, their cancellation, signal handlers and children, with musl and with glibc, in the sandbox and natively.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { skipBecause } from '../../base/tests/skip.ts';
import { loadMachine } from '../../emulator/scheduler/machine-description.ts';
import { readMelf } from '../../linker/melf-reader.ts';
import { ensureEngine } from '../../setup/engine.ts';
import { ensureGlibc } from '../../setup/glibc.ts';
import type { Isa } from '../../setup/toolchain.ts';
import { runGuest } from './guest.ts';
import { buildVariants, readProgram } from './variants.ts';

const isNative = (isa: Isa): boolean =>
  process.platform === 'linux' && process.arch === (isa === 'x86-64' ? 'x64' : 'arm64');

const isas: readonly Isa[] = ['x86-64', 'aarch64'];

for (const isa of isas) {
  for (const libc of ['musl', 'glibc'] as const) {
    describe(`libmelf's promises, ${libc} on ${isa}`, function () {
      this.timeout(600_000);
      let folder: string;
      let path: string;
      let signals: string;

      before(async function () {
        if (libc === 'glibc' && (await ensureGlibc(isa)) === undefined)
          skipBecause(this, 'glibc for this instruction set is not to be had');
        await ensureEngine();
        folder = mkdtempSync(join(tmpdir(), 'claims-'));
        path = await buildVariants(isa, folder, {
          source: 'claims.c',
          variants: ['first', 'second', 'third'],
          libc,
          link: { pageAlign: ['work', 'other'] },
        });
        const program = { source: 'signals.c', variants: ['first', 'second', 'third'] };
        signals = await buildVariants(isa, folder, { ...program, libc });
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
          // What the children compared their window with stays in the page cache.
          const cached = (3 * readMelf(readProgram(path)).melf!.windowSize) / 4096;
          assert.ok(frames.after - frames.before <= cached, `${frames.before} frames, then ${frames.after}`);
        });
      }

      it('a handler may switch while the program switches', async () => {
        const { output, code, signal } = await runGuest(isa, signals, { args: ['11'] });
        assert.equal(signal, undefined, output);
        assert.match(output, /^ok wrong 0, in handlers 0\n$/);
        assert.equal(code, 0);
      });

      it('also natively, where its switch overwrites the code of the process', function () {
        if (!isNative(isa)) skipBecause(this, `this machine does not execute ${isa} programs`);
        for (const microseconds of [20, 50, 300]) {
          const { stdout, signal } = spawnSync(signals, [`${microseconds}`], { encoding: 'utf8', timeout: 60_000 });
          assert.equal(signal, null, `every ${microseconds} us: ${stdout}`);
          assert.equal(stdout, 'ok wrong 0, in handlers 0\n');
        }
      });

      it('hold natively without views, as far as they concern one thread', function () {
        if (!isNative(isa)) skipBecause(this, `this machine does not execute ${isa} programs`);
        // What it tells is written while it has the lock.
        const env = { MELF_VERBOSE: '1' };
        const { stdout, status } = spawnSync(path, { encoding: 'utf8', timeout: 120_000, env });
        assert.doesNotMatch(stdout, /^FAIL/m);
        assert.equal(status, 0, stdout);
        assert.equal(stdout.match(/^ok a child goes on/gm)?.length, 3);
      });
    });
  }
}
