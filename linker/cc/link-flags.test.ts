// What the linker makes of flags, through the driver, beside what the compiler and GNU ld make of the same command line.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const melfCc = [process.execPath, join(import.meta.dirname, 'melf-cc.cjs')] as const;

describe("melf-cc's linker flags", function () {
  this.timeout(300_000);
  let folder: string;
  const call = (program: string, ...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(program, args, { cwd: folder, encoding: 'utf8' });
    return { status, output: stdout + stderr };
  };
  const good = (program: string, ...args: string[]): string => {
    const { status, output } = call(program, ...args);
    assert.equal(status, 0, `${program} ${args.join(' ')}: ${output}`);
    return output;
  };
  const file = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  /** What the program prints in each variant, and as the compiler alone links it. */
  const results = (...args: string[]): string[] => {
    good(...melfCc, ...args, '-o', 'ours');
    good('gcc', '-static', ...args, '-o', 'theirs');
    return [...['plain', 'small'].map((name) => good('env', `MELF_VARIANT=${name}`, './ours')), good('./theirs')];
  };

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'melf-flags-'));
    file('melf.toml', '[[variant]]\nname = "plain"\nflags = "-O2"\n[[variant]]\nname = "small"\nflags = "-Os"\n');
    file('one.c', 'int two(int);\nint one(int x) { return x == 0 ? 1 : two(x - 1) + 1; }\n');
    file('two.c', 'int three(int);\nint two(int x) { return x == 0 ? 2 : three(x - 1) + 10; }\n');
    file('three.c', 'int two(int);\nint three(int x) { return x == 0 ? 3 : two(x - 1) + 100; }\n');
    file('main.c', '#include <stdio.h>\nint one(int);\nint main(void) { printf("%d\\n", one(5)); return 0; }\n');
    file(
      'places.c',
      `#include <stdio.h>
      int table[4] = { 1, 2, 3, 4 };
      extern int third[], size[];
      int twice(int x) { return 2 * x; }
      int again(int);
      int *volatile words[] = { third, size };
      int main(void) { printf("%d %ld %d\\n", *words[0], (long)words[1], again(21)); return 0; }\n`,
    );
    for (const name of ['one', 'two', 'three', 'main', 'places']) good(...melfCc, '-c', `${name}.c`);
    good('ar', 'rcs', 'libone.a', 'one.o', 'three.o');
    good('ar', 'rcs', 'libtwo.a', 'two.o');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [start, end] of [
    ['--start-group', '--end-group'],
    ['-(', '-)'],
  ]) {
    it(`groups of archives that need each other: ${start} … ${end}`, () => {
      const group = [`-Wl,${start}`, 'libone.a', '-L.', '-ltwo', `-Wl,${end}`];
      assert.deepEqual(results('main.o', ...group), ['223\n', '223\n', '223\n']);
    });
  }

  it('--defsym with sums of symbols and numbers', () => {
    const flags = ['third=table+(4*2)', 'size=third-table', 'again=twice'].map((text) => `-Wl,--defsym=${text}`);
    assert.deepEqual(results('places.o', ...flags), ['3 8 42\n', '3 8 42\n', '3 8 42\n']);
    const { status, output } = call(...melfCc, 'places.o', '-Wl,--defsym,third=nothing-4', '-o', 'none');
    assert.equal(status, 1);
    assert.match(output, /--defsym third=nothing-4: nothing is not defined/);
  });

  it('--build-id with an id', () => {
    good(...melfCc, 'main.o', 'libone.a', 'libtwo.a', '-Wl,--build-id=0xde-ad:be-ef', '-o', 'named');
    assert.match(good('readelf', '-n', 'named'), /Build ID: deadbeef$/m);
  });
});
