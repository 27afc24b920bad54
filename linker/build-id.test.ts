import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { BuildId } from './build-id.ts';
import { link } from './link.ts';
import { Workshop } from './tests/workshop.ts';

for (const isa of ['x86-64', 'aarch64'] as const) {
  describe(`the build id, ${isa}`, () => {
    let shop: Workshop;
    let objects: readonly string[];
    before(async () => {
      shop = await Workshop.open(isa);
      const text = (word: number): string => `.globl _start\n_start: ret\n.data\n.quad ${word}\n`;
      objects = [1, 2].map((word) => shop.compile(`start${word}.s`, text(word), []));
    });
    after(() => shop.close());

    /** readelf's, which also complains of notes of a wrong shape. */
    const idOf = (path: string): string => {
      const text = shop.tool('sh', ['-c', `readelf -nSW ${path} 2>&1`]);
      assert.doesNotMatch(text, /^readelf: /m);
      return /Build ID: ([0-9a-f]+)/.exec(text)![1]!;
    };
    const ours = (buildId: BuildId, object = objects[0]!): string =>
      idOf(shop.write('ours', link({ inputs: [{ path: object }], buildId }).bytes));

    it('of every kind has the length of GNU ld, and is the same for the same program only', () => {
      for (const kind of ['sha1', 'md5', 'uuid'] as const) {
        const theirs = join(shop.folder, 'theirs');
        shop.tool(shop.binutil('ld'), [objects[0]!, `--build-id=${kind}`, '-o', theirs]);
        const id = ours(kind);
        assert.equal(id.length, idOf(theirs).length);
        assert.equal(ours(kind), id);
        assert.notEqual(ours(kind, objects[1]), id);
        if (kind === 'uuid') assert.match(id, /^.{12}8.{3}[89ab]/);
      }
    });

    it('is the one that was given, of any length', () => {
      for (const length of [1, 4, 11, 40]) {
        const id = Buffer.alloc(length, 0xa5);
        assert.equal(ours(id), id.toString('hex'));
      }
    });
  });
}
