import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { skipBecause } from '../../base/tests/skip.ts';
import { buildMemcached, type MemcachedBuild } from './build.ts';

const variants = [
  { name: 'fast', cflags: [] },
  { name: 'prof', cflags: ['-pg', '-mfentry'] },
];

const symbols = (file: string, kind: RegExp): string[] =>
  execFileSync('nm', ['-P', file], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, letter = '']) => kind.test(letter))
    .map(([name = '']) => name);

describe('the build of memcached', function () {
  this.timeout(300_000);
  let build: MemcachedBuild;
  let folder = '';
  before(async () => {
    build = await buildMemcached({ isa: 'x86-64', variants, patches: [] });
    folder = mkdtempSync(join(tmpdir(), 'melf-memcached-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const objects = (name: string): string[] => [...build.variants[name]!.memcached, ...build.variants[name]!.libevent];

  it('has the same units in every variant, named after their sources', () => {
    const names = objects('fast').map((file) => basename(file));
    assert.deepEqual(
      objects('prof').map((file) => basename(file)),
      names,
    );
    for (const unit of ['memcached.o', 'thread.o', 'proto_text.o', 'event.o', 'epoll.o', 'bufferevent.o']) {
      assert.ok(names.includes(unit), unit);
    }
    assert.ok(objects('fast').every((file) => existsSync(file)));
  });

  it('defines the same functions and data in every variant, and counts calls in one only', () => {
    objects('fast').forEach((fast, index) => {
      const prof = objects('prof')[index]!;
      assert.deepEqual(symbols(prof, /[TtDdBb]/).sort(), symbols(fast, /[TtDdBb]/).sort(), basename(fast));
    });
    const memcached = (name: string): string =>
      build.variants[name]!.memcached.find((file) => basename(file) === 'memcached.o')!;
    assert.ok(symbols(memcached('prof'), /U/).includes('__fentry__'));
    assert.ok(!symbols(memcached('fast'), /U/).includes('__fentry__'));
  });

  it("gives a memcached that runs natively when linked by the tool chain's wrapper", function () {
    const program = join(folder, 'memcached');
    execFileSync(build.toolchain.wrapper, [...objects('fast'), '-o', program]);
    if (process.platform !== 'linux' || process.arch !== 'x64')
      skipBecause(this, 'this machine does not execute x86-64 programs');
    assert.equal(
      execFileSync(program, ['-V'], { encoding: 'utf8' }).trim(),
      `memcached ${build.sources.memcached.replace(/-.*/, '')}`,
    );
  });

  it('changes the objects of memcached when a patch changes them, and nothing of libevent', async () => {
    const patch = join(folder, 'one.patch');
    writeFileSync(patch, '--- /dev/null\n+++ b/melf-added.h\n@@ -0,0 +1 @@\n+#define MELF_ADDED 1\n');
    const [fast] = variants;
    const patched = await buildMemcached({ isa: 'x86-64', variants: [fast!], patches: [patch] });
    assert.notDeepEqual(patched.variants.fast!.memcached, build.variants.fast!.memcached);
    assert.deepEqual(patched.variants.fast!.libevent, build.variants.fast!.libevent);
  });
});
