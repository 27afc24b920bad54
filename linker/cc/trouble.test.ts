// What goes wrong in a call goes wrong as with gcc: with its exit code, in words, and to an end.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { skipBecause } from '../../base/tests/skip.ts';
import { ensureClang } from './clang.ts';
import { Project } from './tests/project.ts';

describe('melf-cc in trouble', function () {
  this.timeout(120_000);
  let project: Project;
  before(() => {
    project = new Project({
      'main.c': 'int main(void) { return 0; }\n',
      'w.c': 'int w(void) {\n#ifdef SLOW\n  return 2;\n#endif\n  return 1;\n}\n',
      both: '@both @both',
      self: '@self',
      flags: '-lm --gc-sections',
      outer: '@flags',
    });
    mkdirSync(join(project.folder, 'folder'));
  });
  after(() => project.close());

  it('an object that cannot hold variants is the default one’s, with a warning', () => {
    const words = '-m32 -c w.c -o narrow.o';
    const { status, stderr } = project.cc(words);
    // Not every gcc has -m32.
    assert.equal(status, project.gcc(words).status);
    if (status === 0) assert.match(stderr, /^melf-cc: warning: w\.c: only objects of 64 bits.* variant fast alone\n$/);
  });

  it('the same for another target of clang', async function () {
    const clang = await ensureClang();
    if (clang === undefined) skipBecause(this, 'clang is not on this machine, nor are its packages to be had');
    for (const target of ['i386-linux-gnu', 'aarch64_be-linux-gnu']) {
      const { status, stderr } = project.cc(`--target=${target} -c w.c -o narrow.o`, { MELF_CC: clang });
      assert.equal(status, 0, stderr);
      assert.match(stderr, /^melf-cc: warning: w\.c: only objects of 64 bits/);
    }
  });

  for (const [words, message] of [
    ['@both -c main.c', /too many @-files/],
    ['@self -c main.c', /too many @-files/],
    ['main.c -Wl,@self', /too many @-files/],
    ['@folder -c main.c', /@folder is a folder/],
  ] as const) {
    it(`response files: ${words}`, () => {
      const { status, stderr } = project.cc(words);
      assert.equal(status, 1);
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /^ +at /m);
    });
  }

  for (const words of [
    '-c main.c nothere.o',
    '-c main.c nothere.x',
    '-S main.c w.c nothere.a',
    '@nosuch -c main.c',
    '-c main.c -o',
    '-c main.c -I',
    '-c main.c -lm main.c',
    '-c main.c flags',
  ]) {
    it(`says what gcc says: ${words}`, () => {
      const [ours, theirs] = [project.cc(words), project.gcc(words)];
      assert.deepEqual([ours.status, ours.stderr], [theirs.status, theirs.stderr]);
    });
  }

  it('-v shows what the linker is called with, and links', () => {
    const { status, stderr } = project.cc('-v main.c -lm -o shown');
    assert.equal(status, 0);
    assert.match(stderr, /^ \S*(collect2|ld) .* -lm .*-lc .*crtn\.o/m);
    assert.match(stderr, /^LIBRARY_PATH=/m);
    assert.equal(project.run(['./shown']).status, 0);
  });

  it('response files of the linker', () => {
    for (const name of ['flags', 'outer']) {
      const { status, stderr } = project.cc(`main.c -Wl,@${name} -o program`);
      assert.deepEqual([status, stderr], [0, '']);
    }
  });

  it('a TMPDIR that is not there is passed over', () => {
    const { status, stderr } = project.cc('w.c main.c -o program', { TMPDIR: '/no/folder' });
    assert.deepEqual([status, stderr], [0, '']);
  });

  it('a reader that does not read to the end', () => {
    const { stdout, stderr } = project.run('$CC main.c -o program -Wl,-Map=- | head -1');
    assert.match(stdout, /VA +Size/);
    assert.equal(stderr, '');
    assert.equal(project.run('{ $CC main.c -Wl,--frobnicate; echo $? > code; } 2>&1 | true').stderr, '');
    assert.equal(project.read('code'), '1\n');
  });
});
