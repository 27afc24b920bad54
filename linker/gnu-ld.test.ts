// Cases in which what GNU ld does decides what a program is: each is linked by both, and both results are looked at.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatDiagnostic } from './errors.ts';
import type { LinkInput, LinkOptions } from './options.ts';
import { MANAGER, PLAIN_FLAGS, reread, Workshop } from './tests/workshop.ts';

const PT_GNU_STACK = 0x6474e551;

for (const isa of ['x86-64', 'aarch64'] as const)
  describe(`as GNU ld, ${isa}`, function () {
    // Programs of the other ISA run in the sandbox, which takes its time on a busy machine.
    this.timeout(300_000);
    let shop: Workshop;
    before(async () => {
      shop = await Workshop.open(isa);
    });
    after(() => shop.close());

    const link = (paths: readonly string[], options: Partial<LinkOptions> = {}) =>
      shop.link(
        paths.map((path) => ({ path })),
        options,
      );
    /** What the program prints when ld links it, and when we do. */
    const outputs = async (...paths: string[]): Promise<string[]> => {
      const theirs = { bytes: readFileSync(shop.linkWithLd('theirs', paths)) };
      return [(await shop.run(theirs)).output, (await shop.run(link(paths))).output];
    };

    describe('a common symbol', () => {
      const common = [...PLAIN_FLAGS, '-fcommon'];
      const object = (name: string, source: string): string => shop.compile(`${name}.c`, source, common);
      let main: string;
      let data: string;
      before(() => {
        main = object('tent', '#include <stdio.h>\nint tent; int main(void) { printf("%d\\n", tent); return 0; }');
        data = object('data', 'int tent = 5;');
      });

      it('takes its definition from an archive, if a member has it as data', async () => {
        assert.deepEqual(await outputs(main, shop.archive('libdata.a', [data])), ['5\n', '5\n']);
        const again = object('again', 'int tent; int other = 1;');
        assert.deepEqual(await outputs(main, shop.archive('libboth.a', [again, data])), ['5\n', '5\n']);
      });

      it('takes no member that has it as a common symbol, a weak one or a function, nor one of an archive before it', async () => {
        const others = {
          common: 'int tent; int never(void); int user(void) { return never(); }',
          weak: '__attribute__((weak)) int tent = 6;',
          function: 'int tent(void) { return 1; }',
        };
        for (const [name, source] of Object.entries(others)) {
          const archive = shop.archive(`lib${name}.a`, [object(name, source)]);
          assert.deepEqual(await outputs(main, archive), ['0\n', '0\n'], name);
        }
        assert.deepEqual(await outputs(shop.archive('libdata.a', [data]), main), ['0\n', '0\n']);
        const known = object('known', 'int tent = 8;');
        assert.deepEqual(await outputs(main, known, shop.archive('libdata.a', [data])), ['8\n', '8\n']);
      });

      it('of a member has it from another one, and inside of a group from an archive before it', async () => {
        const start = object('first', 'int begin(void); int main(void) { return begin(); }');
        const begin = object(
          'begin',
          '#include <stdio.h>\nint tent; int begin(void) { printf("%d\\n", tent); return 0; }',
        );
        assert.deepEqual(await outputs(start, shop.archive('libone.a', [data, begin])), ['5\n', '5\n']);
        const archives = [shop.archive('libdata.a', [data]), shop.archive('libbegin.a', [begin])];
        const theirs = shop.linkWithLd('grouped', [start, '--start-group', ...archives, '--end-group']);
        const ours = shop.link([{ path: start }, ...archives.map((path) => ({ path, group: 1 }))]);
        for (const bytes of [readFileSync(theirs), ours.bytes]) assert.equal((await shop.run({ bytes })).output, '5\n');
      });

      it('of each variant takes it likewise', async () => {
        const source = 'int tent; int read_tent(void) { return tent + ADD; }';
        const objects = shop.compileVariants('reader.c', source, {
          fast: ['-fcommon', '-DADD=0'],
          slow: ['-fcommon', '-DADD=1'],
        });
        const use = shop.compile(
          'use.c',
          `#include <stdio.h>
          int read_tent(void); void apply(int);
          int main(void) { printf("%d ", read_tent()); apply(1); printf("%d\\n", read_tent()); return 0; }`,
        );
        const inputs: LinkInput[] = [
          ...Object.entries(objects).map(([variant, [path]]) => ({ path: path!, variant })),
          { path: use },
          { path: shop.archive('libdata.a', [data]) },
        ];
        const manager = { path: shop.compile('manager.c', MANAGER) };
        const variants = [{ name: 'fast' }, { name: 'slow' }];
        assert.equal((await shop.run(shop.link([manager, ...inputs], { variants }))).output, '5 6\n');
      });
    });

    describe('the default version of a symbol (.symver)', () => {
      const VERSIONS = `
        __asm__(".symver foo_v1,foo@V1\\n.symver foo_v2,foo@@V2");
        int foo_v1(void) { return 1; }
        int foo_v2(void) { return 2; }`;
      const MAIN = '#include <stdio.h>\nint foo(void); int main(void) { printf("%d\\n", foo()); return 0; }';

      it('answers references without a version, of objects and of archives; others are asked for by name', async () => {
        const [versions, main] = [shop.compile('versions.c', VERSIONS), shop.compile('plain.c', MAIN)];
        const asking = shop.compile(
          'asking.c',
          `__asm__(".symver foo_old,foo@V1\\n.symver foo_new,foo@V2");
          #include <stdio.h>
          int foo_old(void), foo_new(void);
          int main(void) { printf("%d %d\\n", foo_old(), foo_new()); return 0; }`,
        );
        for (const from of [versions, shop.archive('libversions.a', [versions])]) {
          assert.deepEqual(await outputs(main, from), ['2\n', '2\n']);
          assert.deepEqual(await outputs(asking, from), ['1 2\n', '1 2\n']);
        }
        const names = (path: string): string[] => readNames(path).filter((name) => /^foo/.test(name));
        const readNames = (path: string): string[] =>
          reread({ bytes: readFileSync(path) })
            .symbols()
            .map((symbol) => symbol.name)
            .sort();
        const ours = shop.write('ours', link([main, versions]).bytes);
        assert.deepEqual(names(ours), names(shop.linkWithLd('named', [main, versions])));
      });

      it('collides with the plain name, but not with its own', async () => {
        const own = '__asm__(".symver foo,foo@@V2");\nint foo(void) { return 3; }';
        const main = shop.compile('plain.c', MAIN);
        assert.equal((await shop.run(link([main, shop.compile('own.c', own)]))).output, '3\n');
        const plain = shop.compile('other.c', 'int foo(void) { return 7; }');
        const versions = shop.compile('versions.c', VERSIONS);
        assert.throws(
          () => link([main, plain, versions]),
          /^LinkError: duplicate symbol: foo\n>>> defined in .*other\.o/,
        );
      });

      it('is asked for where there is only another one', () => {
        const only = '__asm__(".symver foo_v1,foo@V1");\nint foo_v1(void) { return 1; }';
        assert.throws(
          () => link([shop.compile('plain.c', MAIN), shop.compile('only.c', only)]),
          /undefined symbol: foo\n.*\n>>> hint: only the default version, foo@@VERSION, answers; foo@V1 is defined in .*only\.o/,
        );
      });
    });

    it('shows what a library says of its own symbols (.gnu.warning.SYMBOL), once, if another file refers to them', () => {
      const says = (name: string): string => `
        __asm__(".pushsection .gnu.warning.${name}\\n.ascii \\"${name} is dangerous, better not\\"\\n.popsection");
        int ${name}(void) { return 1; }
        int own_${name}(void) { return ${name}(); }`;
      const library = shop.archive(
        'libold.a',
        ['old_call', 'silent'].map((name) => shop.compile(`${name}.c`, says(name))),
      );
      const main = shop.compile(
        'calls.c',
        'int old_call(void), own_silent(void); int main(void) { return old_call() + old_call() + own_silent(); }',
        [...PLAIN_FLAGS, '-g'],
      );
      const result = link([main, library]);
      assert.equal(result.warnings.length, 1);
      const [warning] = result.warnings;
      assert.equal(warning!.code, 'link.symbol-warning');
      assert.equal(warning!.message, 'old_call is dangerous, better not');
      assert.match(warning!.places[0]!.where, /calls\.c:1 in .*calls\.o:\(\.text\.startup\.main\)/);
      assert.ok(!reread(result).sections.some(({ name }) => name.startsWith('.gnu.warning')));
      const { stderr } = spawnSync(
        shop.binutil('ld'),
        ['-e', 'main', '-o', join(shop.folder, 'theirs'), main, library],
        {
          encoding: 'utf8',
        },
      );
      assert.deepEqual(stderr.match(/warning: .* is dangerous, better not/g), [
        'warning: old_call is dangerous, better not',
      ]);
    });

    it('an executable stack where assembly does not say that it needs none, with a warning, on x86-64', () => {
      const main = shop.compile('stack.c', 'int silent(void); int main(void) { return silent(); }');
      const text = '.text\n.globl silent\nsilent: ret\n';
      const note = (flags: string): string =>
        `.section .note.GNU-stack,"${flags}",%progbits\n`.replace('%', isa === 'x86-64' ? '@' : '%');
      const silent = shop.compile('silent.s', text, []);
      const says = shop.compile('says.s', text + note(''), []);
      const asks = shop.compile('asks.s', text + note('x'), []);
      const flagsOf = (bytes: Uint8Array): number | undefined =>
        reread({ bytes }).segments.find(({ type }) => type === PT_GNU_STACK)?.flags;
      for (const [object, warned] of [
        [
          silent,
          isa === 'x86-64' ? /no section \.note\.GNU-stack\n>>> missing in \S*silent\.o\n>>> hint: / : undefined,
        ],
        [says, undefined],
        [asks, /an object asks for it\n>>> asked for by \S*asks\.o:\(\.note\.GNU-stack\)/],
      ] as const) {
        const result = link([main, object]);
        assert.equal(flagsOf(result.bytes), flagsOf(readFileSync(shop.linkWithLd('theirs', [main, object]))));
        const shown = result.warnings.map(formatDiagnostic).join('\n');
        assert.match(shown, warned ?? /^$/);
        assert.equal(flagsOf(result.bytes), warned === undefined ? 6 : 7);
        const fixed = link([main, object], { executableStack: false });
        assert.deepEqual([flagsOf(fixed.bytes), fixed.warnings], [6, []]);
      }
    });
  });
