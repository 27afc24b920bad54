// R15 for contexts that setjmp, sigsetjmp and swapcontext have saved off the switching thread's stack; glibc stores them mangled.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { skipBecause } from '../../base/tests/skip.ts';
import { readMelf } from '../../linker/melf-reader.ts';
import { ensureEngine } from '../../setup/engine.ts';
import { ensureGlibc } from '../../setup/glibc.ts';
import type { Isa } from '../../setup/toolchain.ts';
import { describePlace, type SafetyMode, SwitchSafety } from '../safety/switch-safety.ts';
import { runGuest } from './guest.ts';
import { buildVariants, readProgram } from './variants.ts';

const isas: readonly Isa[] = ['x86-64', 'aarch64'];

for (const isa of isas) for (const libc of ['musl', 'glibc'] as const) describeOn(isa, libc);

function describeOn(isa: Isa, libc: 'musl' | 'glibc'): void {
  describe(`r15: contexts saved elsewhere, ${libc} on ${isa}`, function () {
    this.timeout(300_000);
    let folder: string;
    let path: string;

    before(async function () {
      if (libc === 'glibc' && (await ensureGlibc(isa)) === undefined)
        skipBecause(this, 'glibc for this instruction set is not to be had');
      await ensureEngine();
      folder = mkdtempSync(join(tmpdir(), 'contexts-'));
      path = await buildVariants(isa, folder, { source: 'contexts.c', variants: ['quick', 'slow'], libc });
    });
    after(() => {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    });

    async function run(which: string, mode: SafetyMode): Promise<{ output: string; places: string[]; pages: number }> {
      const safety = new SwitchSafety(readMelf(readProgram(path)), mode);
      const { output } = await runGuest(isa, path, { args: [which], prepare: (process) => safety.watch(process) });
      const places = safety.reports.flatMap((report) => report.places.map(describePlace));
      return { output, places, pages: safety.pagesSearched };
    }

    const context = /\+0x[0-9a-f]+ of variant quick \(a context that setjmp or getcontext has saved at 0x[0-9a-f]+\)/;
    const parked = /^middle\+0x[0-9a-f]+ of variant quick \(a frame on the stack of a saved context at 0x[0-9a-f]+\)/;

    it('finds a static jmp_buf', async () => {
      const { output, places, pages } = await run('setjmp', 'strict');
      assert.match(places.find((place) => place.startsWith('saver+')) ?? '', context, places.join());
      assert.equal(output, 'switched: -1\n');
      assert.ok(pages > 0);
    });

    it('finds a static sigjmp_buf', async () => {
      const { output, places } = await run('sigsetjmp', 'strict');
      assert.match(places.find((place) => place.startsWith('keeper+')) ?? '', context, places.join());
      assert.equal(output, 'switched: -1\n');
    });

    it('finds what waits on a coroutine’s stack, saved by common code', async () => {
      const { output, places } = await run('coroutine', 'strict');
      assert.equal(places.filter((place) => parked.test(place)).length, 1, places.join());
      assert.equal(output, 'switched: -1\nresumed 2\n');
    });

    if (libc === 'glibc') {
      it('and what swapcontext left', async () => {
        const { output, places } = await run('ucontext', 'strict');
        assert.ok(
          places.some((place) => parked.test(place)),
          places.join(),
        );
        assert.equal(output, 'switched: -1\nresumed 2\n');
      });

      it('and what swapcontext left that common code ends in a jump to', async () => {
        const { output, places } = await run('tail', 'strict');
        assert.match(places.find((place) => place.startsWith('waiter+')) ?? '', context, places.join());
        assert.equal(output, 'switched: -1\nresumed 2\n');
      });
    }

    it('takes no label, no function and no dead context for one', async () => {
      const { output, places } = await run('none', 'strict');
      assert.deepEqual(places, []);
      assert.equal(output, '1 1\nswitched: 0\n');
    });

    it('leaves alone what another thread has saved of its own stack', async () => {
      const { output, places } = await run('thread', 'strict');
      assert.deepEqual(places, []);
      assert.match(output, /^switched: 0\nthread 3\n$/);
    });
  });
}
