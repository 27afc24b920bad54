// melf-cc around compilers other than the machine's gcc.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { skipBecause } from '../../base/tests/skip.ts';
import { ensureToolchain } from '../../setup/toolchain.ts';
import { decodeFat, FAT_SECTION, sectionNamed } from '../fat-object.ts';
import { readMelf } from '../melf-reader.ts';
import { ensureClang } from './clang.ts';

const CONFIGURATION = `
[[variant]]
name = "plain"
flags = "-O2"
[[variant]]
name = "loud"
flags = "-O1 -DLOUD"
[[variant]]
name = "small"
flags = "-Os"
`;
const SAY = `
#include <stdio.h>
#include <string.h>
static int calls;
static __thread int own = 5;
__attribute__((constructor)) static void begin(void) { calls = 10; }
static const char *const words[] = { "zero", "one", "two", "three" };
int say(const char *what, int n) {
  calls++;
  own += n;
  switch (n) { case 0: what = words[3]; break; case 1: what = words[2]; break; case 2: break; case 3: what = "four"; break; case 4: what = "five"; break; default: what = "more"; }
#ifdef LOUD
  return printf("LOUD: %s %d %d %zu\\n", what, calls, own, strlen(what));
#else
  return printf("%s %d %d\\n", what, calls, own);
#endif
}
`;
const MAIN = `
int say(const char *, int);
int main(void) { for (int i = 0; i < 6; i++) say("text", i); return 0; }
`;
const lines = (loud: boolean): string =>
  ['three', 'two', 'text', 'four', 'five', 'more']
    .map((word, i) => {
      const text = `${word} ${11 + i} ${5 + (i * (i + 1)) / 2}`;
      return `${loud ? 'LOUD: ' : ''}${text}${loud ? ` ${word.length}` : ''}\n`;
    })
    .join('');

describe('melf-cc around other compilers', function () {
  this.timeout(900_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'melf-compilers-'));
    writeFileSync(join(folder, 'melf.toml'), CONFIGURATION);
    writeFileSync(join(folder, 'say.c'), SAY);
    writeFileSync(join(folder, 'main.c'), MAIN);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const melfCc = (compiler: string, ...args: string[]): void => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(import.meta.dirname, 'melf-cc.cjs'), ...args],
      { cwd: folder, env: { ...process.env, MELF_CC: compiler }, encoding: 'utf8' },
    );
    assert.equal(status, 0, stdout + stderr);
    assert.doesNotMatch(stderr, /error|warning/);
  };

  const check = (name: string, compiler: string, runs: boolean, ...flags: string[]): void => {
    melfCc(compiler, ...flags, '-MD', '-c', 'say.c', '-o', `${name}-say.o`);
    const [variants] = decodeFat(sectionNamed(readFileSync(join(folder, `${name}-say.o`)), FAT_SECTION)!, name);
    assert.deepEqual(
      variants!.map((variant) => variant.name),
      ['plain', 'loud', 'small'],
    );
    assert.match(readFileSync(join(folder, `${name}-say.d`), 'utf8'), /say\.c/);
    melfCc(compiler, ...flags, '-Wl,--sort-common', `${name}-say.o`, 'main.c', '-o', name);
    const { melf } = readMelf(readFileSync(join(folder, name)), name);
    assert.ok(melf!.functions.some((one) => one.name === 'say'));
    if (!runs) return;
    for (const variant of ['plain', 'loud', 'small']) {
      const { status, stdout } = spawnSync(join(folder, name), {
        env: { MELF_VARIANT: variant } as NodeJS.ProcessEnv,
        encoding: 'utf8',
      });
      assert.equal(status, 0, variant);
      assert.equal(stdout, lines(variant === 'loud'), variant);
    }
  };

  it("musl-gcc's kind: a script with specs of its own", async () => {
    check('musl', (await ensureToolchain('x86-64')).wrapper, process.arch === 'x64');
  });

  it('a cross compiler', async () => {
    check('cross', (await ensureToolchain('aarch64')).wrapper, process.arch === 'arm64');
  });

  it('clang with the machine’s C library', async function () {
    const clang = await ensureClang();
    if (clang === undefined) {
      skipBecause(this, 'clang is not on this machine, nor are its packages to be had');
    }
    check('clang', clang, true);
  });

  it('clang compiling for musl and for the other instruction set', async function () {
    const clang = await ensureClang();
    if (clang === undefined) skipBecause(this, 'clang is not on this machine, nor are its packages to be had');
    for (const isa of ['x86-64', 'aarch64'] as const) {
      const { includes, triple } = await ensureToolchain(isa);
      const compiler = [
        clang,
        `--target=${triple}`,
        '-nostdlibinc',
        ...includes.slice(0, 1).flatMap((one) => ['-isystem', one]),
      ];
      melfCc(compiler.join(' '), '-c', 'say.c', '-o', `clang-${isa}.o`);
      const fat = sectionNamed(readFileSync(join(folder, `clang-${isa}.o`)), FAT_SECTION);
      assert.equal(decodeFat(fat!, isa)[0]!.length, 3);
    }
  });
});
