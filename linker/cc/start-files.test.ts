// Links without a C library or without its start-up files, as configure scripts and small kernels make them; and what ld says of itself.

import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Project } from './tests/project.ts';

describe('melf-cc without start-up files', function () {
  this.timeout(120_000);
  let project: Project;
  before(() => {
    project = new Project({
      'start.c': 'void _start(void) { for (;;) ; }\n',
      'main.c': 'int one(void) {\n#ifdef SLOW\n  return 2;\n#endif\n  return 1;\n}\nint main(void) { return one(); }\n',
      'data.c': 'int only_data;\n',
    });
  });
  after(() => project.close());

  it('neither libmelf nor a library of C is linked where none was asked for', () => {
    for (const flags of ['-nostdlib', '-nostartfiles -nodefaultlibs', '-nostdlib -static-pie']) {
      const { status, stderr } = project.cc(`-ffreestanding ${flags} start.c -o program`);
      assert.deepEqual([status, stderr], [0, ''], flags);
    }
  });

  for (const [words, instead] of [
    ['-nostdlib main.c', /defaulting to 0x[\da-f]+/],
    ['-nostartfiles main.c', /defaulting to 0x[\da-f]+/],
    ['-nostdlib main.c -Wl,-e,begin', /begin; defaulting to/],
    ['-nostdlib data.c', /not setting start address/],
  ] as const) {
    it(`a program without a beginning: ${words}`, () => {
      const { status, stderr } = project.cc(`${words} -o program`);
      assert.equal(status, 0, stderr);
      assert.match(stderr, /^melf-cc: warning: cannot find entry symbol .*\n$/);
      assert.match(stderr, instead);
    });
  }

  it('start-up files of one’s own begin as the usual ones do', () => {
    const { status, stderr } = project.run(
      'f() { gcc -print-file-name=$1; }; cp $(f crt1.o) own.o; $CC -nostartfiles own.o $(f crti.o) main.c $(f crtn.o) -o program',
    );
    assert.deepEqual([status, stderr], [0, '']);
    assert.deepEqual(
      ['fast', 'slow'].map((name) => project.run(['./program'], { env: { MELF_VARIANT: name } }).status),
      [1, 2],
    );
  });

  it('-Wl,-v says what linker there is, and links; --version links nothing', () => {
    rmSync(join(project.folder, 'program'), { force: true });
    assert.match(project.cc('main.c -Wl,--version -o program').stdout, /^GNU ld/);
    assert.ok(!existsSync(join(project.folder, 'program')) && !existsSync(join(project.folder, 'a.out')));
    for (const flag of ['-v', '-V']) {
      const { stdout, stderr } = project.cc(`main.c -Wl,${flag} -o program`);
      assert.match(stdout, /^GNU ld/);
      assert.equal(stderr, '');
      assert.equal(project.run(['./program'], { env: { MELF_VARIANT: 'slow' } }).status, 2);
      rmSync(join(project.folder, 'program'));
    }
    assert.ok(!existsSync(join(project.folder, 'a.out')));
  });
});
