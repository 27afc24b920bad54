import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readMelf } from '../../linker/melf-reader.ts';
import { ensureEngine } from '../../setup/engine.ts';
import type { Isa } from '../../setup/toolchain.ts';
import { OverlayError, OverlayManager } from '../manager.ts';
import { deleteView, guardMigrations } from '../mmview.ts';
import { composeWindow, ViewSpecError } from '../view-spec.ts';
import { runGuest } from './guest.ts';
import { buildVariants, readProgram } from './variants.ts';

const isas: readonly Isa[] = ['x86-64', 'aarch64'];
const pageAlign = ['validate_*', 'hash'];

/** What the functions return: validate_query, validate_user, hash, packed_one, packed_two, same_everywhere. */
const lines = [
  'default: 10 20 30 40 50 60',
  'fast: 10 20 30 40 50 60',
  'prof: 11 21 31 41 51 60',
  'fast, validate_*=prof: 11 21 30 40 50 60',
  'prof,hash=fast: 11 21 30 41 51 60',
  'prof, validate_*=fast, validate_user=prof, hash = fast: 10 21 30 41 51 60',
  'fast, packed_*=prof: 10 20 30 41 51 60',
  'fast, packed_one=prof: ENOTSUP',
  'fast, packed_two=prof: 10 20 30 40 51 60', // the page is variant half's
  'fast, same_everywhere=prof: 10 20 30 40 50 60',
  'fast, nothing=prof: EINVAL',
  'fast, has?=prof: 10 20 31 40 50 60',
  'fast, *_??er=prof, ?=prof: EINVAL',
  'fast, has[gh]=prof: EINVAL',
  'slow: EINVAL',
  'fast, hash=slow: EINVAL',
  'fast, hash: EINVAL',
  'default: 10 20 30 40 50 60',
];

for (const isa of isas) {
  describe(`views that mix variants function by function, on ${isa}`, function () {
    this.timeout(120_000);
    let folder: string;
    let path: string;

    before(async () => {
      await ensureEngine();
      folder = mkdtempSync(join(tmpdir(), 'mixed-views-'));
      path = await buildVariants(isa, folder, {
        source: 'mixed.c',
        variants: ['fast', 'prof', 'half'],
        link: { pageAlign },
      });
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    it('by libmelf, per thread', async () => {
      const { output, code } = await runGuest(isa, path);
      assert.deepEqual(output.trimEnd().split('\n'), [
        ...lines,
        'another thread: 11 21 30 41 51 60',
        'this thread: 10 20 31 40 50 60',
      ]);
      assert.equal(code, 0);
    });

    if (isa === 'x86-64' && process.arch === 'x64' && process.platform === 'linux') {
      it('by libmelf on the host: the process as a whole, while it has one thread', () => {
        const output = execFileSync(path, { encoding: 'utf8' }).trimEnd().split('\n');
        assert.deepEqual(output, [...lines, 'another thread: 10 20 31 40 50 60', 'this thread: 10 20 31 40 50 60']);
      });
    }

    it('by the manager outside', async () => {
      const file = readMelf(readProgram(path));
      const { output } = await runGuest(isa, path, {
        args: ['outside'],
        prepare: (process) => {
          const manager = new OverlayManager(process, file);
          const spec = { default: 'fast', functions: { 'validate_*': 'prof' } };
          const view = manager.viewFor(spec);
          assert.equal(manager.viewFor(structuredClone(spec)), view, 'equal specs share a view');
          for (const thread of process.threads.values()) manager.enter(thread, view);
        },
      });
      assert.equal(output, `${'outside: 11 21 30 40 50 60\n'.repeat(2)}current: none, ENOENT\n`);
    });

    it('libmelf tells what the manager outside has put the thread into', async () => {
      const file = readMelf(readProgram(path));
      const one = await runGuest(isa, path, {
        args: ['outside'],
        prepare: (process) => {
          const manager = new OverlayManager(process, file);
          for (const thread of process.threads.values()) manager.switch(thread, manager.indexOf('prof'));
        },
      });
      assert.equal(one.output, `${'outside: 11 21 31 41 51 60\n'.repeat(2)}current: prof\n`);
      const again = await runGuest(isa, path, {
        args: ['moved'],
        prepare: (process, { kernel }) => {
          const manager = new OverlayManager(process, file);
          kernel.policies.push({
            afterSyscall: (thread) => {
              if (/^writev?$/.test(kernel.dispatcher.nameOf(thread.core.sysno)))
                manager.switch(thread, manager.indexOf('prof'));
            },
          });
        },
      });
      const moved = ['current: fast', 'current: prof', 'from prof to half', 'half stays prof', 'from prof to half'];
      assert.deepEqual(again.output.trimEnd().split('\n'), moved);
    });

    it('a switch that cannot be made is an error: a view that the program deleted, a guard that refuses', async () => {
      const file = readMelf(readProgram(path));
      const refused: unknown[] = [];
      const attempt = (action: () => void): void => {
        try {
          action();
        } catch (error) {
          refused.push(error instanceof OverlayError ? error.code : error);
        }
      };
      const { output } = await runGuest(isa, path, {
        args: ['outside'],
        prepare: (process) => {
          const manager = new OverlayManager(process, file);
          const thread = [...process.threads.values()][0]!;
          const [prof, half] = [manager.viewOf(1), manager.viewOf(2)];
          assert.equal(deleteView(thread, half), 0);
          attempt(() => manager.enter(thread, half));
          guardMigrations(process, (_, to) => to !== prof);
          attempt(() => manager.switch(thread, 1));
          assert.equal(thread.view, 0, 'the thread is where it was');
        },
      });
      assert.deepEqual(refused, ['overlay.no-view', 'overlay.no-view']);
      assert.equal(output, `${'outside: 10 20 30 40 50 60\n'.repeat(2)}current: fast\n`);
    });

    it('refuses what a packed page cannot do, naming the neighbours', () => {
      const file = readMelf(readProgram(path));
      assert.throws(
        () => composeWindow(file, { default: 'fast', functions: { packed_one: 'prof' } }),
        (error) =>
          error instanceof ViewSpecError &&
          error.code === 'overlay.packed-page' &&
          /packed_(one|two) \((prof|fast)\) and .*packed_(one|two) \((prof|fast)\) share one/.test(error.message) &&
          /--page-align=/.test(error.hint ?? ''),
      );
      assert.throws(() => composeWindow(file, { default: 'slow' }), /no variant "slow"/);
      assert.throws(
        () => composeWindow(file, { default: 'fast', functions: { 'has[gh]': 'prof' } }),
        /no multivariant function matches "has\[gh\]"/,
      );
      assert.throws(
        () => composeWindow(file, { default: 'fast', functions: { main: 'prof' } }),
        /no multivariant function matches "main"/,
      );
      assert.deepEqual(composeWindow(file, { default: 'prof' }), Uint8Array.from(file.window(1)));
      const two = composeWindow(file, { default: 'fast', functions: { packed_two: 'prof' } });
      const { va } = file.melf!.functions.find(({ name }) => name === 'packed_two')!;
      const at = va - file.melf!.windowVa;
      assert.deepEqual(
        two.slice(at, at + 16),
        Uint8Array.from(file.window(2).subarray(at, at + 16)),
        'a third variant has both bodies',
      );
    });
  });
}
