import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { compareLinks } from './compare.ts';
import { readMelf } from './melf-reader.ts';
import { Workshop } from './tests/workshop.ts';

for (const isa of ['x86-64', 'aarch64'] as const)
  describe(`the comparison with GNU ld, ${isa}`, () => {
    let shop: Workshop;
    before(async () => {
      shop = await Workshop.open(isa);
    });
    after(() => shop.close());

    it('notices changed bytes of main, those of relocated words among them', () => {
      const object = shop.compile(
        'words.c',
        'static int here = 3; int there; extern int puts(const char *);\nint main(void) { puts("text"); there = here++; return there; }\n',
      );
      const theirs = shop.linkWithLd('theirs', [object], ['-q']);
      const reference = readMelf(readFileSync(theirs), theirs);
      const { bytes } = shop.link([{ path: object }]);
      const good = compareLinks(reference, readMelf(bytes, 'ours'));
      assert.deepEqual(good.differences, []);
      assert.ok(good.words > 100);
      const main = readMelf(bytes)
        .symbols()
        .find((s) => s.name === 'main')!;
      const section = readMelf(bytes).sections[main.section]!;
      const at = section.offset + main.va - section.va;
      let noticed = 0;
      for (let i = 0; i < main.size; i++) {
        const changed = Uint8Array.from(bytes);
        changed[at + i]! ^= 0x40;
        const { differences } = compareLinks(reference, readMelf(changed, 'ours'));
        if (differences.some((text) => text.startsWith('main differs'))) noticed++;
      }
      // All but opcodes before a word that a linker may have rewritten with it.
      assert.ok(noticed >= main.size - 8, `${noticed} of ${main.size}`);
    });
  });
