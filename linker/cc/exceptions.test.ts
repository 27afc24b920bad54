import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readMelf } from '../melf-reader.ts';

const THROWER = `
#include <stdexcept>
#include <string>
struct Depth { int *count; explicit Depth(int *c) : count(c) { ++*count; } ~Depth() { --*count; } };
int descend(int n, int *open) {
  Depth here(open);
#ifdef LOUD
  volatile char room[3000]; room[n] = 1;
#endif
  if (n == 0) throw std::runtime_error("bottom " + std::to_string(*open));
  return descend(n - 1, open) + 1;
}
`;
const MAIN = `
#include <cstdio>
#include <stdexcept>
int descend(int n, int *open);
int main() {
  int open = 0;
  for (int n = 0; n < 4; n++)
    try { descend(n, &open); } catch (const std::exception &e) { std::printf("%s, %d left\\n", e.what(), open); }
  return open;
}
`;

describe('a program of melf-c++ throws through every variant', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'melf-cc-pie-'));
    const variants = '[[variant]]\nname = "plain"\nflags = "-O2"\n[[variant]]\nname = "loud"\nflags = "-O0 -DLOUD"\n';
    writeFileSync(join(folder, 'melf.toml'), variants);
    writeFileSync(join(folder, 'thrower.cc'), THROWER);
    writeFileSync(join(folder, 'main.cc'), MAIN);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const throwsInEveryVariant = (flags: readonly string[]): void => {
    const compiler = join(import.meta.dirname, 'melf-c++.mjs');
    const built = spawnSync(compiler, [...flags, 'main.cc', 'thrower.cc', '-o', 'program'], {
      cwd: folder,
      encoding: 'utf8',
    });
    assert.deepEqual([built.status, built.stderr], [0, '']);
    const program = join(folder, 'program');
    assert.equal(readMelf(readFileSync(program)).isPie, flags.includes('-static-pie'));
    for (const variant of ['plain', 'loud']) {
      const { stdout, status } = spawnSync(program, {
        encoding: 'utf8',
        env: { MELF_VARIANT: variant } as NodeJS.ProcessEnv,
      });
      assert.equal(stdout, 'bottom 1, 0 left\nbottom 2, 0 left\nbottom 3, 0 left\nbottom 4, 0 left\n');
      assert.equal(status, 0);
    }
  };

  it('-static-pie, wherever it is loaded', () => throwsInEveryVariant(['-fPIE', '-static-pie']));

  it('-mcmodel=large -fno-dwarf2-cfi-asm, whose unwind tables have addresses of eight bytes', () =>
    throwsInEveryVariant(['-mcmodel=large', '-fno-dwarf2-cfi-asm', '-fno-pie', '-static']));
});
