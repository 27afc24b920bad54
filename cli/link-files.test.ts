import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Workshop } from '../linker/tests/workshop.ts';

describe('the files of melf link', () => {
  let shop: Workshop;
  let operands: string[];
  before(async () => {
    shop = await Workshop.open();
    const { crt, libc, libgcc } = shop.toolchain;
    operands = [crt.crt1, crt.crti, shop.compile('main.c', 'int main(void) { return 0; }'), libc, libgcc, crt.crtn];
  });
  after(() => shop.close());

  const link = (...args: string[]) => {
    const main = join(import.meta.dirname, 'main.ts');
    const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', main, 'link', ...args], {
      encoding: 'utf8',
    });
    return { status, stderr };
  };

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

  it('may not be a folder where a response file is asked for', () => {
    const { status, stderr } = link(`@${shop.folder}`);
    assert.equal(status, 1);
    assert.match(stderr, /this response file cannot be read \(EISDIR\)/);
    assert.match(stderr, /give the folder without @/);
  });
});
