import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { compareLinks } from './compare.ts';
import { STT_TLS } from './elf.ts';
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

    it('notices swapped constructors, and a changed byte of initialised data and of thread-local data', () => {
      const object = shop.compile(
        'data.c',
        `int first = 0x11223344, second = 5; static int own = 7;
        __thread int before = 1; __thread long mine = 0x5566778899; __thread int zero; __thread int *leads = &first;
        __attribute__((constructor)) static void one(void) { second += own; }
        __attribute__((constructor)) static void two(void) { second *= 3; own = before; *leads = 4; }
        int main(void) { return (int)mine + first + second + zero; }`,
      );
      const theirs = shop.linkWithLd('theirs', [object], ['-q']);
      const reference = readMelf(readFileSync(theirs), theirs);
      const { bytes } = shop.link([{ path: object }]);
      const ours = readMelf(bytes, 'ours');
      assert.deepEqual(compareLinks(reference, ours).differences, []);
      const sectionAt = (name: string): number => ours.sections.find((s) => s.name === name)!.offset;
      const placeOf = (name: string): number => {
        const symbol = ours.symbols().find((s) => s.name === name)!;
        const section = ours.sections[symbol.section]!;
        return section.offset + symbol.va - (symbol.type === STT_TLS ? 0 : section.va);
      };
      const flip = (name: string, byte: number, bit: number) => (copy: Uint8Array) => {
        copy[placeOf(name) + byte]! ^= bit;
      };
      const differencesAfter = (change: (copy: Uint8Array) => void): readonly string[] => {
        const copy = Uint8Array.from(bytes);
        change(copy);
        return compareLinks(reference, readMelf(copy, 'ours')).differences;
      };
      const swapped = differencesAfter((copy) => {
        const at = sectionAt('.init_array') + ours.sections.find((s) => s.name === '.init_array')!.size - 16;
        const last = copy.slice(at + 8, at + 16);
        copy.copyWithin(at + 8, at, at + 8);
        copy.set(last, at);
      });
      assert.equal(swapped.length, 1);
      assert.match(swapped[0]!, /^\.init_array runs .*two, one instead of .*one, two$/);
      for (const name of ['first', 'second', 'own', 'before', 'mine']) {
        for (const byte of [0, 3]) {
          const differences = differencesAfter(flip(name, byte, 1));
          assert.deepEqual(differences, [`${name} differs`]);
        }
      }
      const elsewhere = differencesAfter(flip('leads', 0, 4));
      assert.match(elsewhere.join(), /^leads differs: the word at \+0/);
    });
  });
