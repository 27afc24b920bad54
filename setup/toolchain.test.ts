import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask } from '../base/command.ts';
import { skipBecause } from '../base/tests/skip.ts';
import { ensureToolchain, type Toolchain } from './toolchain.ts';

const program = `
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
static __thread int mine = 3;
static void *half(void *argument) { mine += 4; printf("%d %.3f\\n", mine, sqrt((double)(long)argument)); return 0; }
int main(int count, char **words) {
  pthread_t thread;
  pthread_create(&thread, 0, half, (void *)(long)atoi(words[count - 1]));
  pthread_join(thread, 0);
  return mine;
}
`;

describe('the x86-64 tool chain', () => {
  let folder = '';
  let toolchain: Toolchain;
  before(async () => {
    toolchain = await ensureToolchain('x86-64');
    folder = mkdtempSync(join(tmpdir(), 'melf-toolchain-'));
    writeFileSync(join(folder, 'program.c'), program);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('has all its files', () => {
    const { crt, libc, libgcc, includes, wrapper, as, ar, ranlib, objcopy } = toolchain;
    for (const file of [...Object.values(crt), libc, libgcc, ...includes, wrapper, as, ar, ranlib, objcopy]) {
      assert.ok(existsSync(file), file);
    }
  });

  it('compiles against musl, not against the headers of this machine', () => {
    const [gcc = '', ...args] = toolchain.cc;
    const output = execFileSync(gcc, [...args, '-M', join(folder, 'program.c')], { encoding: 'utf8' });
    const headers = output.split(/[\s\\]+/).filter((word) => word.endsWith('.h'));
    assert.ok(headers.length > 3);
    for (const header of headers) {
      assert.ok(
        toolchain.includes.some((include) => header.startsWith(include)),
        header,
      );
    }
  });

  it('links by its wrapper static programs at fixed addresses that run here', function () {
    const output = join(folder, 'program');
    execFileSync(toolchain.wrapper, ['-O2', join(folder, 'program.c'), '-o', output, '-lm', '-lpthread']);
    const elf = readFileSync(output);
    assert.equal(elf.readUInt16LE(16), 2, 'ET_EXEC');
    assert.equal(elf.readUInt16LE(18), 62, 'EM_X86_64');
    assert.doesNotMatch(ask(['readelf', '-lW', output]) ?? 'INTERP', /INTERP/);
    assert.doesNotMatch(elf.toString('latin1'), /GLIBC_/);
    if (process.platform !== 'linux' || process.arch !== 'x64')
      skipBecause(this, 'this machine does not execute x86-64 programs');
    const result = ((): string => {
      try {
        return execFileSync(output, ['2'], { encoding: 'utf8' });
      } catch (error) {
        const { status, stdout } = error as { status: number; stdout: string };
        return `${status}: ${stdout}`;
      }
    })();
    assert.equal(result, '3: 7 1.414\n');
  });

  it('is the same when asked for again', async () => {
    assert.deepEqual(await ensureToolchain('x86-64'), toolchain);
  });
});
