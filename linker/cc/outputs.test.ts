// Where melf-cc writes to: not over sources, and into devices and pipes instead of over them.

import assert from 'node:assert/strict';
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { Project } from './tests/project.ts';

const MAIN = 'int main(void) { return 0; }\n';

describe("melf-cc's outputs", function () {
  this.timeout(120_000);
  let project: Project;
  before(() => {
    project = new Project({ 'main.c': MAIN, 'one.c': 'int one(void) { return 1; }\n' });
  });
  after(() => project.close());

  it('a pipe, also by another name, is written to and stays', () => {
    for (const name of ['pipe', 'link']) {
      const line = `rm -f pipe link copy; mkfifo pipe; ln -s pipe link; cat pipe > copy & $CC main.c -o ${name} && wait && chmod +x copy && ./copy`;
      const { status, stderr } = project.run(line);
      assert.deepEqual([status, stderr], [0, '']);
      assert.ok(lstatSync(join(project.folder, 'pipe')).isFIFO());
    }
  });

  it('a map to the standard output, be that a pipe or a file', () => {
    assert.match(project.run('$CC main.c -o program -Wl,-Map=/proc/self/fd/1 | cat').stdout, /VA +Size/);
    assert.deepEqual(project.run('$CC main.c -o program -Wl,-Map=/proc/self/fd/1 > map').status, 0);
    assert.match(project.read('map'), /VA +Size/);
  });

  it('what fails in one variant leaves a device where it is', () => {
    project.file('bad.c', '#ifdef SLOW\n#error no\n#endif\n');
    const { status, stderr } = project.run('ln -s /dev/null nul; $CC -c bad.c -o nul');
    assert.equal(status, 1);
    assert.match(stderr, /bad\.c compiles as variant fast, but not as slow/);
    assert.ok(lstatSync(join(project.folder, 'nul')).isSymbolicLink());
  });

  for (const words of [
    'one.c main.c -o main.c',
    '-c main.c -o main.c',
    'main.c -o program -Wl,-Map=main.c',
    '-r main.c -o main.c',
    '-S main.c -o ./main.c',
  ]) {
    it(`a source is not written over: ${words}`, () => {
      const { status, stderr } = project.cc(words);
      assert.equal(status, 1);
      assert.match(stderr, /main\.c: would be written over, and it is an input/);
      assert.equal(project.read('main.c'), MAIN);
    });
  }
});
