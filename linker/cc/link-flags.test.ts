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

  it('a common symbol that an archive defines, in fat objects', () => {
    file('tent.c', '#include <stdio.h>\nint tent, unused; int main(void) { printf("%d\\n", tent); return unused; }\n');
    file('data.c', 'int tent = 5;\nint five(int x) { return tent * x; }\n');
    file('never.c', 'int unused; int missing(void); int never(void) { return missing(); }\n');
    for (const name of ['tent', 'data', 'never']) good(...melfCc, '-fcommon', '-c', `${name}.c`);
    good('ar', 'rcs', 'libdata.a', 'never.o', 'data.o');
    assert.deepEqual(results('tent.o', 'libdata.a'), ['5\n', '5\n', '5\n']);
    assert.deepEqual(results('tent.o', '-L.', '-ldata'), ['5\n', '5\n', '5\n']);
  });

  it('-z execstack and noexecstack, and what glibc says of functions that a static program should not use', () => {
    file('silent.s', '.text\n.globl silent\nsilent: ret\n');
    file('user.c', '#include <pwd.h>\nint silent(void); int main(void) { return silent() + (getpwnam("x") != 0); }\n');
    const stack = (name: string): string => /GNU_STACK.* (RWE?) /.exec(good('readelf', '-lW', name))![1]!;
    const linked = (...flags: string[]): string => good(...melfCc, 'user.c', 'silent.s', ...flags, '-o', 'ours');
    const told = linked();
    assert.equal(stack('ours'), 'RWE');
    assert.match(told, /warning: the stack is executable.*\n>>> missing in .*\n>>> hint/);
    assert.match(
      told,
      /warning: Using 'getpwnam' in statically linked.*\n>>> referenced by .*:\(\.text\.startup\.main\)/,
    );
    for (const [flag, flags] of Object.entries({ '-Wl,-z,noexecstack': 'RW', '-Wl,-z,execstack': 'RWE' })) {
      assert.doesNotMatch(linked(flag), /stack is executable/);
      assert.equal(stack('ours'), flags);
    }
  });

  it('-z stack-size, which musl reads where a program starts', () => {
    const memory = (program: string): string =>
      /GNU_STACK(?:\s+0x\S+){4}\s+(0x\S+)/.exec(good('readelf', '-lW', program))![1]!;
    results('main.o', 'one.o', 'two.o', 'three.o', '-Wl,-z,stack-size=0x234567');
    assert.deepEqual([Number(memory('ours')), memory('theirs')], [0x234567, memory('ours')]);
  });

  it('-Ttext-segment, hexadecimal with and without 0x, and --image-base', () => {
    const start = (program: string): number =>
      Number(/LOAD\s+0x0+\s+(0x\S+)/.exec(good('readelf', '-lW', program))![1]);
    for (const address of ['900000', '0x900000']) {
      results('main.o', 'one.o', 'two.o', 'three.o', `-Wl,-Ttext-segment=${address}`);
      assert.deepEqual([start('ours'), start('theirs')], [0x900000, 0x900000]);
    }
    good(...melfCc, 'main.o', 'libone.a', 'libtwo.a', '-Wl,--image-base=0x910000', '-o', 'ours');
    assert.equal(start('ours'), 0x910000);
    assert.equal(good('./ours'), '223\n');
  });

  for (const [flag, message] of [
    ['--image-base=0x401234', /cannot begin at 0x401234[\s\S]*a multiple of 0x1000/],
    ['--image-base=zork', /--image-base=zork is not an address[\s\S]*hint/],
    ['-Ttext-segment=zork', /zork is not an address[\s\S]*hint/],
    ['-Ttext=0x500000', /a section cannot be put[\s\S]*hint: .*-Ttext-segment/],
    ['-z,stack-size=much', /stack-size=much is not a number[\s\S]*hint/],
    ['-z,frob', /-z frob is not known[\s\S]*hint/],
    ['--error-limit=abc', /--error-limit=abc is not a number[\s\S]*hint/],
    ['--require-defined=nothing_there', /undefined symbol: nothing_there[\s\S]*--require-defined/],
    ['--require-defined=ones', /did you mean one of one\.o/],
    ['--defsym=foo', /not of the form NAME=VALUE[\s\S]*hint/],
    ['--defsym=foo=twos', /twos is not defined[\s\S]*hint: did you mean two/],
  ] as const) {
    it(`refuses ${flag} in words`, () => {
      const { status, output } = call(...melfCc, 'main.o', 'one.o', 'two.o', 'three.o', `-Wl,${flag}`, '-o', 'none');
      assert.equal(status, 1);
      assert.match(output, message);
      assert.doesNotMatch(output, / at .*\.ts:/);
    });
  }

  it('--require-defined of a symbol that an archive holds', () => {
    good(...melfCc, 'main.o', 'libone.a', 'libtwo.a', '-Wl,--require-defined=three', '-o', 'ours');
    assert.equal(good('./ours'), '223\n');
  });
});
