// What melf-cc leaves behind and tells, beside what gcc does with the same command line.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const melfCc = [process.execPath, join(import.meta.dirname, 'melf-cc.cjs')];

describe('melf-cc and gcc, the same command line', function () {
  this.timeout(120_000);
  let folder: string;
  const given = ['melf.toml', 'm.c', 'w.c', 'wrong.c'];
  const made = (program: readonly string[], words: string) => {
    const { status } = spawnSync(program[0]!, [...program.slice(1), ...words.split(' ')], { cwd: folder });
    const files = readdirSync(folder).filter((name) => !given.includes(name));
    for (const name of files) rmSync(join(folder, name), { recursive: true });
    return { status, files };
  };

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'melf-driver-'));
    const file = (name: string, text: string): void => writeFileSync(join(folder, name), text);
    file('melf.toml', '[[variant]]\nname = "plain"\n[[variant]]\nname = "small"\nflags = "-Os"\n');
    file('m.c', 'int w(void);\nint main(void) { return w(); }\n');
    file('w.c', 'int w(void) { return 0; }\n');
    file('wrong.c', 'int w(void) { return nothing; }\n');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const words of [
    '-c w.c --output=w2.o',
    '-c w.c --output w2.o',
    '--compile --language=c w.c -o w3.o',
    '-c nofile.c w.c',
    '-c wrong.c w.c m.c',
    '-S wrong.c w.c',
    'wrong.c m.c -o none',
  ]) {
    it(`makes the same files and gives the same code: ${words}`, () =>
      assert.deepEqual(made(melfCc, words), made(['gcc'], words)));
  }

  const failing = (...words: string[]): string => {
    const { status, stderr } = spawnSync(melfCc[0]!, [melfCc[1]!, ...words], { cwd: folder, encoding: 'utf8' });
    assert.notEqual(status, 0);
    return stderr;
  };

  it('tells of each problem with its name before it and the code behind it', () => {
    const lines = failing('m.c', '-Wl,--require-defined=one_thing', '-o', 'none').trim().split('\n');
    assert.match(lines[0]!, /^melf-cc: error: undefined symbol: w \[link\.undefined-symbol\]$|one_thing/);
    const several = failing('m.c', '-Wl,--require-defined=one_thing,--require-defined=other_thing', '-o', 'none');
    assert.equal(several.match(/^melf-cc: error: .* \[link\.undefined-symbol\]$/gm)!.length, 2);
    assert.match(failing('m.c', '-Wl,--frobnicate'), /^melf-cc: error: .* \[cc\.ld-option\]\nmelf-cc: hint: /);
  });

  for (const [words, code] of [
    ['m.c nothing.o', 'link.unreadable'],
    ['nothing.o --nonsense', 'cc.compiler'],
    ['m.c w.c -lnope', 'link.no-library'],
    ['m.c w.c -Wl,--frobnicate', 'cc.ld-option'],
    ['m.c w.c -Wl,--image-base=zork', 'cc.ld-value'],
    ['m.c w.c -Wl,-Map=same -o same', 'link.output-twice'],
    ['m.c -o none', 'link.undefined-symbol'],
    ['m.c w.c -flto', 'cc.lto'],
  ] as const) {
    it(`as JSON alone, wherever the flag stands: ${words}`, () => {
      for (const flag of [['-Wl,--diagnostics=json'], ['-Xlinker', '--diagnostics', '-Xlinker', 'json']]) {
        const told = failing(...flag, ...words.split(' '))
          .trim()
          .split('\n');
        assert.deepEqual([...new Set(told.map((line) => (JSON.parse(line) as { code: string }).code))], [code]);
      }
    });
  }

  it('says what to do where a flag of the compiler cannot work', () => {
    const address = failing('m.c', 'w.c', '-fsanitize=address');
    assert.match(address, /^gcc: error: .*\nmelf-cc: hint: .*asan = true/);
    const profile = failing('m.c', 'w.c', '--coverage', '-O1', '-o', 'none');
    assert.match(profile, /hint: profiling counters/);
    assert.doesNotMatch(profile, /-fdata-sections/);
  });

  it('counts what the default variant alone executes', () => {
    const settings = [
      '[compiler]\nlink-flags = "--coverage"',
      '[[variant]]\nname = "counting"\nflags = "--coverage"',
      '[[variant]]\nname = "small"\nflags = "-Os"\n',
    ];
    writeFileSync(join(folder, 'counting.toml'), settings.join('\n'));
    const run = (program: string, ...words: string[]) =>
      spawnSync(program, words, {
        cwd: folder,
        env: { ...process.env, MELF_CONFIG: 'counting.toml' },
        encoding: 'utf8',
      });
    const { status, stderr } = run(melfCc[0]!, melfCc[1]!, 'm.c', 'w.c', '-o', 'counting');
    assert.deepEqual([status, stderr], [0, '']);
    assert.equal(run('./counting').status, 0);
    assert.match(run('gcov', '-n', 'counting-w.gcda').stdout, /Lines executed:100.00% of 1/);
  });

  it('finds melf.h where libmelf is linked, also for -E, and a copy of the project before it', () => {
    const source = (text: string): void => writeFileSync(join(folder, 'with.c'), text);
    const run = (...words: string[]) =>
      spawnSync(melfCc[0]!, [melfCc[1]!, ...words], { cwd: folder, encoding: 'utf8' });
    source('#include <melf.h>\nint main(void) { return melf_variant_count() - 2; }\n');
    assert.deepEqual([run('with.c', '-o', 'with').stderr, spawnSync(join(folder, 'with')).status], ['', 0]);
    assert.match(run('-E', 'with.c').stdout, /melf_switch/);
    writeFileSync(join(folder, 'melf.h'), '#define OWN 0\n');
    source('#include <melf.h>\nint main(void) { return OWN; }\n');
    assert.deepEqual(run('-I.', 'with.c', '-o', 'with').stderr, '');
  });

  it('warns of a pattern of melf.toml that is nearly a name, and not of one for another program', () => {
    const toml = '[[variant]]\nname = "plain"\n[[variant]]\nname = "small"\nflags = "-Os"\n[common]\nfunctions = [';
    writeFileSync(join(folder, 'patterns.toml'), `${toml}"serve_one", "mains"]\n`);
    const { stderr } = spawnSync(melfCc[0]!, [melfCc[1]!, 'm.c', 'w.c', '-o', 'patterns'], {
      cwd: folder,
      env: { ...process.env, MELF_CONFIG: 'patterns.toml' },
      encoding: 'utf8',
    });
    assert.match(
      stderr,
      /^melf-cc: warning: .* mains matches no function \[variants\.pattern-unused\]\n>>> .*main\?\n$/,
    );
  });
});
