import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readMelf } from '../../linker/melf-reader.ts';
import { ensureEngine } from '../../setup/engine.ts';
import type { Isa } from '../../setup/toolchain.ts';
import { SafetyWatch } from '../safety/safety-watch.ts';
import { describePlace, type SafetyMode, SwitchSafety, type UnsafeReport } from '../safety/switch-safety.ts';
import { type GuestRun, runGuest } from './guest.ts';
import { buildVariants, readProgram } from './variants.ts';

const isas: readonly Isa[] = ['x86-64', 'aarch64'];

for (const isa of isas) {
  describe(`r15: switch safety on ${isa}`, function () {
    this.timeout(120_000);
    let folder: string;
    let path: string;

    before(async () => {
      await ensureEngine();
      folder = mkdtempSync(join(tmpdir(), 'switch-safety-'));
      path = await buildVariants(isa, folder, { source: 'unsafe.c', variants: ['quick', 'slow'] });
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    interface Watched extends GuestRun {
      readonly reports: readonly UnsafeReport[];
      readonly remarks: readonly string[];
      readonly checks: number;
    }

    async function run(place: string, mode: SafetyMode): Promise<Watched> {
      const safety = new SwitchSafety(readMelf(readProgram(path)), mode);
      const remarks: string[] = [];
      let output = '';
      const keep = (bytes: Uint8Array): void => {
        output += Buffer.from(bytes).toString();
      };
      const result = await runGuest(isa, path, {
        args: [place],
        console: { stdout: keep, stderr: keep, remark: (message) => remarks.push(message) },
        prepare: (process) => safety.watch(process),
      });
      return { ...result, output, reports: safety.reports, remarks, checks: safety.checks };
    }
    const places = ({ reports }: Watched): string[] => reports.flatMap((report) => report.places.map(describePlace));

    it('says nothing of a switch with only common code on the stack', async () => {
      const result = await run('main', 'strict');
      assert.equal(result.code, 0, result.output);
      assert.deepEqual(places(result), []);
      assert.ok(result.checks >= 3, 'into the new view, back, and the switch itself');
      assert.match(result.output, /^2 0 \d+\n$/);
    });

    it('goes on with the program that a process executes, be it itself', async () => {
      const file = readMelf(readProgram(path));
      const watches: SafetyWatch[] = [];
      const { output, code } = await runGuest(isa, path, {
        args: ['program', 'callback'],
        prepare: (process) => watches.push(new SafetyWatch(process, file, 'strict')),
      });
      assert.equal(watches[0]?.unsafe, 1, output);
      assert.match(output, /^switched: -1\n/);
      assert.equal(code, 0);
    });

    it('an unsafe switch crashes when nobody looks', async () => {
      const result = await run('callback', 'off');
      assert.notEqual(result.signal, undefined, result.output);
      assert.deepEqual(places(result), []);
    });

    it('is named, function, offset and variant, and made, with warn', async () => {
      const result = await run('callback', 'warn');
      assert.match(places(result)[0] ?? '', /^middle\+0x[0-9a-f]+ of variant quick \(a frame/);
      assert.equal(result.remarks.length, 1, result.remarks.join('\n'));
      assert.match(result.remarks[0]!, /thread \d+ switches from view 0 to \d+ .*middle\+0x/);
    });

    it('is refused with strict, and the program goes on right', async () => {
      const result = await run('callback', 'strict');
      assert.equal(result.code, 0, result.output);
      assert.equal(result.output, 'switched: -1\n2\n');
      assert.match(result.remarks[0]!, /: refused: middle\+0x/);
    });

    it('finds code that a signal interrupted', async () => {
      const result = await run('signal', 'strict');
      assert.match(
        places(result).join(),
        /spin\+0x[0-9a-f]+ of variant quick \(interrupted by a signal at 0x[0-9a-f]+\)/,
      );
      assert.equal(result.output, 'switched: -1\nover\n');
    });

    it('finds a saved context', async () => {
      const result = await run('setjmp', 'strict');
      assert.match(places(result).join(), /saver\+0x[0-9a-f]+ of variant quick \(a word on the stack/);
    });

    it('knows that equal code in both variants is no danger', async () => {
      const result = await run('equal', 'strict');
      assert.equal(result.output, 'switched: 0\n21\n');
      assert.deepEqual(places(result), []);
    });
  });
}
