import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureEngine } from '../../setup/engine.ts';
import type { Isa } from '../../setup/toolchain.ts';
import { installMmview } from '../mmview.ts';
import { personalityExtension } from '../separate-calls.ts';
import { compileGuest, type GuestOptions, runGuest } from './guest.ts';

const isas: readonly Isa[] = ['x86-64', 'aarch64'];

/** Programs that are run in another way than the others, or for another kernel. */
const special = new Set(['separate-calls.c']);
const programs = readdirSync(import.meta.dirname)
  .filter((name) => /^(r\d\d-.*|kernel-writes)\.c$/.test(name) && !special.has(name))
  .sort();

for (const isa of isas) {
  describe(`mmview, rule by rule, on ${isa}`, function () {
    this.timeout(300_000);
    let folder: string;
    before(async () => {
      await ensureEngine();
      folder = mkdtempSync(join(tmpdir(), 'mmview-'));
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    /** Every check of the program holds, and it leaves no frame behind. */
    async function check(source: string, flags: readonly string[] = [], options: GuestOptions = {}): Promise<void> {
      const path = await compileGuest(isa, source, folder, flags);
      const { code, signal, output, frames } = await runGuest(isa, path, options);
      assert.equal(signal, undefined, `ended by signal ${signal}\n${output}`);
      assert.doesNotMatch(output, /^FAIL/m, output);
      assert.match(output, /^ok /m);
      assert.equal(code, 0, output);
      assert.deepEqual(frames.after, frames.before, 'frames in use after the process ended');
    }

    for (const source of programs) it(source.replace('.c', ''), () => check(source));

    for (const source of programs)
      it(`${source.replace('.c', '')}, each view with tables of its own`, () =>
        check(source, [], { views: 'mmview-5.15' }));

    for (const views of ['subtree', 'mmview-5.15'] as const) {
      it(`a machine without memory: ENOMEM or the end of the process, and all is as before (${views})`, async () => {
        const remarks: string[] = [];
        await check('no-memory.c', views === 'subtree' ? [] : ['-DOWN_TABLES'], {
          views,
          ramBytes: 8 * 2 ** 20,
          remark: (message) => remarks.push(message),
        });
        const text = remarks.join('\n');
        assert.match(text, /^mmview returns ENOMEM: the guest used all of its 8 MiB/m);
        assert.match(text, /^process \d+ \(program\) is killed when thread \d+ touches memory: the guest used all/m);
      });
    }

    it('r14: a process killed by a signal leaves nothing either', async () => {
      const path = await compileGuest(isa, 'r14-exit.c', folder);
      const { signal, frames, output } = await runGuest(isa, path, { args: ['signal'] });
      assert.equal(signal, 9, output);
      assert.deepEqual(frames.after, frames.before);
    });

    it('programs for the interface of 2020/21 run unmodified', () =>
      check('separate-calls.c', [], { extensions: [personalityExtension('separate')] }));

    it('programs for the interface that followed run unmodified', () =>
      check('separate-calls.c', ['-DBASE'], { extensions: [personalityExtension('separate-base')] }));

    it('the other interface’s numbers mean something else', async () => {
      const path = await compileGuest(isa, 'separate-calls.c', folder);
      const { output } = await runGuest(isa, path, { extensions: [installMmview] });
      assert.match(output, /^FAIL migrate\(-1\)/m);
    });
  });
}
