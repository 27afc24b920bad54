// Compile and link in one call: the files beside the program are those that the wrapped compiler itself would make.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { skipBecause } from '../../base/tests/skip.ts';
import { ensureClang } from './clang.ts';
import { Project } from './tests/project.ts';

const melfCc = join(import.meta.dirname, 'melf-cc.cjs');
const VARIANTS = '[[variant]]\nname = "plain"\nflags = "-O2"\n[[variant]]\nname = "small"\nflags = "-Os"\n';

describe('the files beside a program', function () {
  this.timeout(300_000);
  let folder: string;
  let clang: string | undefined;
  /** Contents of the dependency files, names of all others, and the exit code. */
  const made = (argv: readonly string[], settings = ''): Record<string, string> => {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(join(folder, 'sub'), { recursive: true });
    const files: Record<string, string> = {
      'melf.toml': settings + VARIANTS,
      'm.c': '#include "h.h"\nint w(void);\nint main(void) { return w() - H; }\n',
      'w.c': '#include "h.h"\nint w(void) { return H; }\n',
      'h.h': '#define H 3\n',
      'sub/s.c': '#include "../h.h"\nint w(void) { return H; }\n',
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const { status, stderr } = spawnSync(argv[0]!, argv.slice(1), { cwd: folder, encoding: 'utf8' });
    const result: Record<string, string> = { status: `${status}` };
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
      if (!(name in files)) result[name] = name.endsWith('.d') ? readFileSync(join(folder, name), 'utf8') : '';
    if (status !== 0) result.error = stderr.split('\n')[0]!;
    return result;
  };
  const same = (compiler: string, words: string): void => {
    const flags = words.split(' ');
    const ours = made([process.execPath, melfCc, ...flags], `[compiler]\nc = "${compiler}"\n`);
    assert.deepEqual(ours, made([compiler, '-O2', '-static', ...flags]));
  };

  before(async () => {
    folder = join(mkdtempSync(join(tmpdir(), 'melf-beside-')), 'work');
    clang = await ensureClang();
  });
  after(() => rmSync(join(folder, '..'), { recursive: true, force: true }));

  for (const words of [
    '-MD m.c w.c -o prog',
    '-MMD m.c w.c',
    '-MD m.c sub/s.c',
    '-MMD m.c w.c -o sub/prog.exe',
    '-MD -MP -MT there m.c w.c -o prog',
    '-MD -MF deps m.c w.c -o prog',
    '-MD m.c w.c -o prog -dumpdir own-',
    '-Wp,-MD,deps m.c w.c -o prog',
    '-save-temps -MMD m.c w.c -o sub/prog',
    '-save-temps=cwd m.c w.c -o sub/prog',
    '-fstack-usage m.c w.c -o prog',
    '-g -gsplit-dwarf m.c w.c -o prog',
    '-fdump-tree-optimized m.c sub/s.c -o prog',
    '-MMD -fstack-usage -x c m.c -x none w.c',
  ]) {
    it(`gcc ${words}`, () => same('gcc', words));
  }
  for (const words of [
    '-MD m.c w.c -o prog',
    '-MMD m.c sub/s.c',
    '-MMD m.c w.c -o sub/prog.exe',
    '-MD -MF deps m.c w.c',
  ]) {
    it(`clang ${words}`, function () {
      if (clang === undefined) skipBecause(this, 'clang is not on this machine, nor are its packages to be had');
      same(clang, words);
    });
  }
});

describe('files that all variants would write', function () {
  this.timeout(120_000);
  let project: Project;
  before(() => {
    project = new Project({ 'w.c': 'int w(void) {\n#ifdef SLOW\n  return 2;\n#endif\n  return 1;\n}\n' });
  });
  after(() => project.close());

  const written = (words: string, name: string, env = {}): string => {
    const { status, stderr } = project.cc(words, { MELF_JOBS: '1', ...env });
    assert.deepEqual([status, stderr], [0, '']);
    assert.deepEqual(project.variantsOf('w.o'), ['fast', 'slow']);
    return project.read(name);
  };

  it('the assembler’s listing is the default variant’s', () => {
    for (const flag of ['-Wa,-adhln=z.lst', '-Xassembler -adhln=z.lst', '-Wa,--noexecstack,-adhln=z.lst']) {
      const text = written(`-c ${flag} w.c`, 'z.lst');
      assert.match(text, /\$1, %eax|w0, 1/);
    }
    assert.equal(written('-c -Wa,--MD,z.d w.c', 'z.d').includes('melf-cc'), false);
  });

  it('clang’s records of compiles and of optimisation', async function () {
    const clang = await ensureClang();
    if (clang === undefined) skipBecause(this, 'clang is not on this machine, nor are its packages to be had');
    const env = { MELF_CC: clang };
    assert.match(written('-c -MJ x.json w.c', 'x.json', env), /^\{ [^\n]*"-O2"[^\n]*\n$/);
    const record = '-c -fsave-optimization-record -foptimization-record-file=r.yaml w.c';
    const alone =
      '$MELF_CC -O2 -ffunction-sections -fdata-sections -c -fsave-optimization-record -foptimization-record-file=a.yaml w.c';
    project.run(alone, { env });
    assert.equal(written(record, 'r.yaml', env), project.read('a.yaml'));
  });
});
