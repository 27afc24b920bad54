// An AArch64 program larger than a branch reaches, run in the sandbox in each variant: calls pass through veneers both ways.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Machine } from '../emulator/machine.ts';
import { loadMachine } from '../emulator/scheduler/machine-description.ts';
import { SHF_ALLOC, SHF_EXECINSTR, SHT_NOBITS } from '../linker/elf.ts';
import { link } from '../linker/link.ts';
import { readMelf } from '../linker/melf-reader.ts';
import { makeObject } from '../linker/tests/workshop-object.ts';
import { OverlayManager } from '../overlay/manager.ts';
import { installMmview } from '../overlay/mmview.ts';
import { ensureToolchain } from '../setup/toolchain.ts';

const MAIN = `
#include <stdio.h>
int work(int x, int (*f)(int));
__attribute__((noinline)) int back(int x) { return 2 * x; }
int main(void) { for (int i = 0; i < 3; i++) printf("%d\\n", work(i, back)); return 0; }
`;
const WORK = `
#include <stdlib.h>
int back(int);
int work(int x, int (*f)(int)) { return back(x) + abs(f(-x)) + BONUS; }
`;

describe('AArch64 code of 150 MiB', function () {
  this.timeout(120_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'melf-veneers-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('runs in the sandbox in every variant', async () => {
    const { cc, crt, libc, libgcc } = await ensureToolchain('aarch64');
    const compile = (name: string, source: string, flags: readonly string[]): string => {
      const [text, object] = [join(folder, 'source.c'), join(folder, `${name}.o`)];
      writeFileSync(text, source);
      const all = ['-ffunction-sections', '-fdata-sections', '-fno-pie', ...flags, '-c', text, '-o', object];
      assert.equal(spawnSync(cc[0]!, [...cc.slice(1), ...all], { stdio: 'inherit' }).status, 0);
      return object;
    };
    const flags = SHF_ALLOC | SHF_EXECINSTR;
    const gap = makeObject('aarch64', [{ name: '.text.gap', type: SHT_NOBITS, flags, size: 150 * 2 ** 20 }], []);
    const variant = (name: string, level: string, bonus: number) => ({
      path: compile(name, WORK, [level, '-fno-builtin', `-DBONUS=${bonus}`]),
      variant: name,
      unit: 'work',
    });
    const { bytes, layout } = link({
      inputs: [
        ...[crt.crt1, crt.crti, compile('main', MAIN, ['-O1'])].map((path) => ({ path })),
        { path: 'gap.o', bytes: gap },
        variant('one', '-O2', 0),
        variant('two', '-O0', 1000),
        ...[libc, libgcc, crt.crtn].map((path) => ({ path })),
      ],
      variants: [{ name: 'one' }, { name: 'two' }],
    });
    const islands = layout.byName
      .get('.text')!
      .chunks.filter(({ content }) => 'name' in content && content.name === 'veneers');
    assert.ok(islands.length >= 2);
    for (const [index, bonus] of [0, 1000].entries()) {
      let output = '';
      const machine = await Machine.create({
        description: loadMachine('uniform-2', 'aarch64'),
        ramBytes: 512 * 2 ** 20,
        extensions: [installMmview],
        console: { stdout: (text) => (output += Buffer.from(text).toString()), stderr: () => undefined },
      });
      const guest = machine.spawn(bytes, { argv: ['program'] });
      const manager = new OverlayManager(guest, readMelf(bytes));
      for (const thread of guest.threads.values()) manager.switch(thread, index);
      machine.run({ maxInstructions: 50e6, maxTime: 10e9 });
      machine.close();
      assert.equal(output, [0, 4, 8].map((n) => `${n + bonus}\n`).join(''));
    }
  });
});
