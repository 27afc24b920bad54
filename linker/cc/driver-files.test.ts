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
});
