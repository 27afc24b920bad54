import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Workshop } from '../linker/tests/workshop.ts';
import { runMelf } from './tests/melf.ts';

describe('the files of melf link', function () {
  // Each link is a process of its own, started from sources.
  this.timeout(240_000);
  let shop: Workshop;
  let operands: string[];
  before(async () => {
    shop = await Workshop.open();
    const { crt, libc, libgcc } = shop.toolchain;
    operands = [crt.crt1, crt.crti, shop.compile('main.c', 'int main(void) { return 0; }'), libc, libgcc, crt.crtn];
  });
  after(() => shop.close());

  const link = (...args: string[]) => runMelf('link', ...args);

  it('are all written or none: no executable without the map that was asked for', () => {
    const out = join(shop.folder, 'program');
    const folder = join(shop.folder, 'a-folder');
    mkdirSync(folder);
    for (const map of [folder, join(shop.folder, 'nowhere', 'map')]) {
      const { status, stderr } = link('-o', out, '--map', map, ...operands);
      assert.equal(status, 1);
      assert.match(stderr, /cannot be written \((EISDIR|ENOENT)\)/);
      assert.ok(!existsSync(out));
    }
    const map = join(shop.folder, 'map');
    const { status, stderr } = link('-o', folder, '--map', map, ...operands);
    assert.equal(status, 1);
    assert.match(stderr, /a-folder: cannot be written \(EISDIR\)/);
    assert.ok(!existsSync(map));
    assert.deepEqual(
      readdirSync(shop.folder).filter((name) => name.endsWith('.tmp')),
      [],
    );
    assert.equal(link('-o', out, '--map', map, ...operands).status, 0);
    assert.ok(existsSync(out) && existsSync(map));
  });

  it('are never written over an input or over each other, by whatever name', () => {
    const object = operands[2]!;
    const before = readFileSync(object);
    const other = join(shop.folder, 'other-name');
    symlinkSync(object, other);
    for (const words of [
      ['-o', object],
      ['-o', other],
      ['-o', join(shop.folder, 'new'), '--map', object],
    ]) {
      const { status, stderr } = link(...words, ...operands);
      assert.equal(status, 1);
      assert.match(
        stderr,
        /would be written over, and it is an input .*link\.output-is-input[\s\S]*hint: give -o another name/,
      );
      assert.ok(readFileSync(object).equals(before));
    }
    const same = join(shop.folder, 'same');
    assert.match(link('-o', same, '--map', same, ...operands).stderr, /link\.output-twice/);
    const main = join(import.meta.dirname, '../linker/cc/melf-cc.cjs');
    shop.write('melf.toml', Buffer.from('[[variant]]\nname = "one"\n'));
    const { status, stderr } = spawnSync(process.execPath, [main, object, '-o', object], {
      encoding: 'utf8',
      cwd: shop.folder,
    });
    assert.equal(status, 1);
    assert.match(stderr, /is the same as output file|would be written over/);
    assert.ok(readFileSync(object).equals(before));
  });

  it('may not be a folder where a response file is asked for', () => {
    const { status, stderr } = link(`@${shop.folder}`);
    assert.equal(status, 1);
    assert.match(stderr, /this response file cannot be read \(EISDIR\)/);
    assert.match(stderr, /give the folder without @/);
  });
});
