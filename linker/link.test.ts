import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { skipBecause } from '../base/tests/skip.ts';
import { ensureGlibc } from '../setup/glibc.ts';
import { compareLinks } from './compare.ts';
import { LinkError } from './errors.ts';
import { link } from './link.ts';
import { formatMap } from './map.ts';
import { readMelf } from './melf-reader.ts';
import type { LinkInput } from './options.ts';
import { PLAIN_FLAGS, reread, Workshop } from './tests/workshop.ts';

const THREADS = `
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static __thread int mine = 5;
__thread long zero;
static int counter;
int common_one; int common_two[10];
__attribute__((constructor(200))) static void later(void) { counter = counter * 10 + 2; }
__attribute__((constructor(150))) static void sooner(void) { counter = counter * 10 + 1; }
__attribute__((constructor)) static void last(void) { counter = counter * 10 + 3; }
__attribute__((destructor)) static void end(void) { printf("end %d\\n", common_two[3]); fflush(stdout); }
static void *run(void *p) { for (int i = 0; i < 10; i++) { mine += (long)p; zero++; } __sync_fetch_and_add(&common_one, mine); return (void *)zero; }
int main(int argc, char **argv) {
  pthread_t t[4];
  for (long i = 0; i < 4; i++) pthread_create(&t[i], 0, run, (void *)i);
  long sum = 0;
  for (int i = 0; i < 4; i++) { void *r; pthread_join(t[i], &r); sum += (long)r; }
  char *text = malloc(100);
  strcpy(text, "hello");
  common_two[3] = 7;
  printf("%s %d %d %ld %d %.3f %d\\n", text, counter, common_one, sum, mine, 3.25 * argc, argv[0] != 0);
  return 0;
}
`;

for (const isa of ['x86-64', 'aarch64'] as const)
  describe(`linking, ${isa}`, function () {
    // Programs of the other ISA run in the sandbox, which takes its time on a busy machine.
    this.timeout(300_000);
    let shop: Workshop;
    before(async () => {
      shop = await Workshop.open(isa);
    });
    after(() => shop.close());

    it('a musl program with threads, TLS, constructors by priority, commons and floating point', async () => {
      const object = shop.compile('threads.c', THREADS, [...PLAIN_FLAGS, '-fcommon']);
      for (const gcSections of [false, true]) {
        const run = await shop.run(shop.link([{ path: object }], { gcSections }));
        assert.equal(run.output, 'hello 123 80 40 5 3.250 1\nend 7\n');
      }
    });

    it('like GNU ld: the same functions and objects, byte for byte outside the relocated words', () => {
      const object = shop.compile('like.c', THREADS);
      // -q keeps the relocations, which say what words hold addresses.
      const theirs = readMelf(readFileSync(shop.linkWithLd('theirs', [object], ['-q'])));
      const ours = reread(shop.link([{ path: object }]));
      const { compared, differences } = compareLinks(theirs, ours);
      assert.deepEqual(differences, []);
      assert.ok(compared > 100, `${compared} functions and objects compared`);
    });

    it('a glibc program, with its ifuncs', async function () {
      const glibc = await ensureGlibc(isa);
      if (glibc === undefined) return skipBecause(this, 'glibc for this instruction set is not to be had');
      const [gcc = '', ...fixed] = glibc.cc;
      shop.write('glibc.c', Buffer.from(THREADS));
      const object = join(shop.folder, 'glibc.o');
      shop.tool(gcc, [...fixed, '-O2', '-fno-pie', '-c', join(shop.folder, 'glibc.c'), '-o', object]);
      const ofGcc = (name: string): string => shop.tool(gcc, [`-print-file-name=${name}`]).trim();
      const names = [...glibc.first, ofGcc('crtbeginT.o'), object, ofGcc('crtend.o'), ...glibc.last];
      const inputs = names.map((path) => ({ path }));
      for (const gcSections of [false, true]) {
        const result = link({ inputs, gcSections });
        assert.ok(reread(result).sections.some((s) => s.name === '.rela.plt'));
        assert.equal((await shop.run(result)).output, 'hello 123 80 40 5 3.250 1\nend 7\n');
      }
    });

    it("constructors and destructors of old lists among today's, in GNU ld's order", async () => {
      const functions = ['a', 'b', 'c', 'p1', 'p2', 'p2b', 'k', 'k2', 'da', 'db', 'dp', 'dc', 'dk', 'm', 'n'];
      const bodies = functions.map((name) => `void ${name}(void) { printf("${name} "); }`);
      const main = shop.compile(
        'lists.c',
        `#include <stdio.h>\n${bodies.join('\n')}\nint main(void) { printf("main "); return 0; }`,
      );
      const list = (lines: readonly (readonly [string, string])[]): string =>
        lines.map(([section, entries]) => `.section ${section},"aw"\n.quad ${entries}\n`).join('');
      const one = shop.compile(
        'one.s',
        list([
          ['.ctors', 'a, b'],
          ['.ctors.65435', 'p1'],
          ['.ctors.65335', 'p2, p2b'],
          ['.init_array', 'c'],
          ['.init_array.00150', 'k'],
          ['.init_array.00250', 'k2'],
          ['.dtors', 'da, db'],
          ['.dtors.65435', 'dp'],
          ['.fini_array', 'dc'],
          ['.fini_array.00150', 'dk'],
        ]),
        [],
      );
      const two = shop.compile(
        'two.s',
        list([
          ['.ctors', 'm'],
          ['.init_array', 'n'],
        ]),
        [],
      );
      for (const objects of [
        [main, one, two],
        [main, two, one],
      ]) {
        const theirs = shop.linkWithLd('lists-theirs', objects);
        const { output: expected } = await shop.run({ bytes: readFileSync(theirs) });
        assert.match(expected, /^p1 .* main dc da db dk dp $/);
        const result = shop.link(
          objects.map((path) => ({ path })),
          { gcSections: true },
        );
        assert.equal((await shop.run(result)).output, expected);
        assert.ok(!reread(result).sections.some((s) => /^\.[cd]tors/.test(s.name)));
      }
    });

    it('unwind tables whose relocations are in no order, as `ld -r` may leave them', () => {
      const object = shop.compile(
        'apart.c',
        'int f(int x) { return x; } int g(int x) { return f(x) + 1; } int main(void) { return g(2); }',
        [...PLAIN_FLAGS, '-fasynchronous-unwind-tables'],
      );
      const bytes = readFileSync(object);
      const text = shop.tool('readelf', ['-SW', object]);
      const [, offset, size] = /\.rela\.eh_frame +RELA +\w+ (\w+) (\w+)/
        .exec(text)!
        .map((hex) => Number.parseInt(hex, 16));
      const table = bytes.subarray(offset!, offset! + size!);
      assert.ok(table.length >= 3 * 24);
      const rows = Array.from({ length: table.length / 24 }, (_, i) =>
        Buffer.from(table.subarray(i * 24, i * 24 + 24)),
      );
      const plain = shop.link([{ path: object }]).bytes;
      table.set(Buffer.concat(rows.reverse()));
      const turned = shop.link([{ path: object, bytes }]).bytes;
      assert.equal(Buffer.compare(plain, turned), 0);
    });

    it('weak, strong and hidden symbols, --defsym, --wrap, -u, __start_/__stop_', async () => {
      const a = shop.compile(
        'a.c',
        `
      #include <stdio.h>
      __attribute__((weak)) int pick(void) { return 1; }
      extern int absent(void) __attribute__((weak));
      extern int alias_of_seven(void); extern char absolute[];
      int wrapped(void); extern int *__start_my_set[], *__stop_my_set[];
      static int x = 4, y = 5;
      __attribute__((section("my_set"), used)) static int *px = &x, *py = &y;
      int main(void) { int s = 0; for (int **p = __start_my_set; p < __stop_my_set; p++) s += **p;
        printf("%d %d %d %lx %d %d\\n", pick(), absent != 0, alias_of_seven(), (unsigned long)absolute, wrapped(), s); return 0; }`,
      );
      const b = shop.compile(
        'b.c',
        `
      int pick(void) { return 2; } int seven(void) { return 7; } int wrapped(void) { return 10; }
      int __real_wrapped(void); int __wrap_wrapped(void) { return __real_wrapped() + 100; }
      int kept_by_u(void) { return 1; } int dropped(void) { return 2; }`,
      );
      const options = {
        gcSections: true,
        defsyms: { alias_of_seven: 'seven', absolute: '0x1234' },
        wrap: ['wrapped'],
        undefinedSymbols: ['kept_by_u'],
      };
      const result = shop.link([{ path: a }, { path: b }], options);
      assert.equal((await shop.run(result)).output, '2 0 7 1234 110 9\n');
      const names = reread(result)
        .symbols()
        .map((s) => s.name);
      assert.ok(names.includes('kept_by_u') && !names.includes('dropped'));
      assert.match(formatMap(result), /\(\.text\.dropped\) \d+ bytes: not used/);
    });

    it('archives: members by need, in whatever order, and whole ones', async () => {
      const member = (name: string, body: string) => shop.compile(`${name}.c`, body);
      const archive = shop.archive('libthings.a', [
        member('one', 'int two(void); int one(void) { return two() + 1; }'),
        member('two', 'int two(void) { return 2; }'),
        member('never', 'int never(void) { return missing_from_all(); }'),
        member('a_member_with_a_long_name', 'int marked = 9;'),
      ]);
      const main = member('archmain', 'int one(void); int main(void) { return one(); }');
      const needed = shop.link([{ path: archive }, { path: main }]);
      assert.equal((await shop.run(needed)).status, 3);
      assert.ok(
        !reread(needed)
          .symbols()
          .some((s) => s.name === 'marked'),
      );
      assert.throws(() => shop.link([{ path: archive, wholeArchive: true }, { path: main }]), {
        code: 'link.undefined-symbol',
      });
      const some = shop.link([{ path: archive }, { path: main }], { undefinedSymbols: ['marked'] });
      assert.ok(
        reread(some)
          .symbols()
          .some((s) => s.name === 'marked'),
      );
    });

    it('other tools read the result', () => {
      for (const debug of ['-gz=none', '-gz=zlib'])
        checkTools(shop.compile('tools.c', THREADS, [...PLAIN_FLAGS, '-g', debug]));
    });

    const checkTools = (object: string): void => {
      const path = shop.write('tools', shop.link([{ path: object }], { buildId: 'sha1' }).bytes);
      const [bin, text] = [path, shop.tool('sh', ['-c', `readelf -aW ${path} 2>&1`])];
      assert.doesNotMatch(text, /^readelf: /m);
      assert.match(text, /Build ID: [0-9a-f]{40}/);
      const line = shop.tool(shop.binutil('addr2line'), [
        '-e',
        bin,
        '-f',
        `0x${reread({ bytes: readFileSync(path) })
          .symbols()
          .find((s) => s.name === 'main')!
          .va.toString(16)}`,
      ]);
      assert.match(line, /^main\n.*tools\.c:\d+/);
      assert.match(shop.tool(shop.binutil('objdump'), ['-d', '--no-show-raw-insn', path]), /<main>:/);
    };

    describe('says what is wrong', () => {
      const failure = (inputs: readonly LinkInput[]): LinkError => {
        try {
          shop.link(inputs);
        } catch (error) {
          assert.ok(error instanceof LinkError);
          return error;
        }
        return assert.fail('it was linked');
      };

      it('undefined symbols: who refers, and what may have been meant', () => {
        const a = shop.compile('u1.c', 'int compute_total(int x) { return x; }');
        const b = shop.compile(
          'u2.c',
          'int compute_totl(int); int other(void); int main(void) { return compute_totl(other()); }',
        );
        const error = failure([{ path: a }, { path: b }]);
        assert.equal(error.code, 'link.undefined-symbol');
        assert.match(
          error.message,
          /^(?:error: )?undefined symbol: compute_totl\n>>> referenced by .*u2\.o:\(\.text\.startup\.main\)\n>>> hint: did you mean compute_total\? It is defined in .*u1\.o/m,
        );
        assert.match(error.message, /undefined symbol: other/);
        assert.equal(error.diagnostics.length, 2);
      });

      it('with debug information: the source file and line of who refers and of what is defined twice', () => {
        for (const debug of ['-gdwarf-4', '-gdwarf-5']) {
          const compile = (name: string, source: string): string => shop.compile(name, source, [...PLAIN_FLAGS, debug]);
          const user = compile(
            'lines1.c',
            'int absent(int);\nint other(int x) { return x; }\nint main(void)\n{\n  return other(1)\n    + absent(2);\n}\n',
          );
          assert.match(
            failure([{ path: user }]).message,
            /undefined symbol: absent\n>>> referenced by \S*lines1\.c:6 in \S*lines1\.o:\(\.text\.startup\.main\)/,
          );
          const again = compile('lines2.c', '\n\nint other(int x)\n{ return x; }\nint absent(int x) { return x; }\n');
          assert.match(
            failure([{ path: user }, { path: again }]).message,
            /duplicate symbol: other\n>>> defined in \S*lines1\.c:2 in \S*lines1\.o:.*\n>>> defined in \S*lines2\.c:[34] in \S*lines2\.o:/,
          );
        }
      });

      it('duplicate symbols: where both are', () => {
        const [a, b] = [1, 2].map((n) => shop.compile(`d${n}.c`, `int main(void) { return ${n}; }`));
        assert.match(
          failure([{ path: a! }, { path: b! }]).message,
          /^duplicate symbol: main\n>>> defined in .*d1\.o.*\n>>> defined in .*d2\.o/,
        );
      });

      it('a variable that is thread-local in one file and ordinary in another', () => {
        const plain = 'extern int t; int main(void) { return t; }';
        const [use, local] = [shop.compile('tls1.c', plain), shop.compile('tls2.c', '__thread int t = 42;')];
        const used = failure([{ path: use }, { path: local }]);
        assert.equal(used.code, 'link.tls-mismatch');
        assert.match(
          used.message,
          /^t is thread-local, and is used as an ordinary variable\n>>> defined in \S*tls2\.o:\(\.tdata\.t\)\n>>> referenced by \S*tls1\.o:\(\.text\.startup\.main\)/,
        );
        const reverse = [
          shop.compile('tls3.c', plain.replace('extern', 'extern __thread')),
          shop.compile('tls4.c', 'int t = 42;'),
        ];
        assert.match(
          failure(reverse.map((path) => ({ path }))).message,
          /^t is an ordinary variable, and is used as a thread-local one\n>>> defined in \S*tls4\.o:\(\.data\.t\)\n>>> referenced by \S*tls3\.o:/,
        );
        const weak = shop.compile('tls5.c', `__attribute__((weak)) int t = 1; int main(void) { return t; }`);
        assert.match(
          failure([{ path: weak }, { path: local }]).message,
          /^t is thread-local.*\n>>> defined in \S*tls2\.o:.*\n>>> defined in \S*tls5\.o:/,
        );
      });

      it('undefined symbols for which nothing near is defined: what to give', () => {
        const object = shop.compile(
          'u3.c',
          'int quite_unheard_of(void); int main(void) { return quite_unheard_of(); }',
        );
        assert.match(
          failure([{ path: object }]).message,
          />>> hint: no input defines it: give the object or the library/,
        );
      });

      it('objects of link-time optimisation, but not those that hold machine code, too', async () => {
        const source = 'int main(void) { return 3; }';
        const slim = failure([{ path: shop.compile('slim.c', source, ['-O2', '-flto']) }]);
        assert.equal(slim.code, 'link.lto-object');
        assert.match(slim.message, /slim\.o: an object of link-time optimisation \(-flto\), without machine code/);
        assert.match(slim.hint!, /-ffat-lto-objects/);
        const fat = shop.compile('fat.c', source, [...PLAIN_FLAGS, '-flto', '-ffat-lto-objects']);
        const result = shop.link([{ path: fat }]);
        assert.equal((await shop.run(result)).status, 3);
        assert.ok(!reread(result).sections.some((s) => s.name.startsWith('.gnu.lto')));
        const bitcode = join(shop.folder, 'bitcode.o');
        shop.write('bitcode.o', Uint8Array.of(0x42, 0x43, 0xc0, 0xde, 0x35, 0x14, 0, 0));
        assert.match(failure([{ path: bitcode }]).message, /LLVM bitcode/);
      });

      it('a file that is cut short, with what to do', () => {
        const whole = readFileSync(shop.compile('cut.c', 'int main(void) { return 0; }'));
        for (const length of [40, 300, whole.length - 200]) {
          shop.write('cut.o', whole.subarray(0, length));
          const error = failure([{ path: join(shop.folder, 'cut.o') }]);
          assert.equal(error.code, 'link.truncated');
          assert.match(error.hint!, /make it again/);
        }
      });

      it('an alignment for which the file would grow by a GiB', () => {
        const common = shop.compile('far.s', '.comm shared, 8, 0x40000000\n', []);
        // An assembler would make an object of that size, so the header is changed.
        const data = shop.compile('near.s', '.data\n.p2align 9\nfar: .quad 1\n', []);
        const bytes = readFileSync(data);
        for (let at = Number(bytes.readBigUInt64LE(40)); at < bytes.length; at += 64)
          if (bytes.readBigUInt64LE(at + 48) === 512n) bytes.writeBigUInt64LE(1n << 30n, at + 48);
        for (const input of [{ path: common }, { path: data, bytes }]) {
          const error = failure([input]);
          assert.equal(error.code, 'link.unsupported-alignment');
          assert.match(
            error.message,
            /(near\.o: section \.data|far\.o: the common symbol shared) asks for an alignment of 1073741824 bytes/,
          );
        }
        const most = shop.compile('most.s', '.data\n.p2align 21\n.globl far\nfar: .quad 1\n', []);
        const main = shop.compile('most-main.c', 'int main(void) { return 0; }');
        assert.equal(
          reread(shop.link([{ path: main }, { path: most }]))
            .symbols()
            .find(({ name }) => name === 'far')!.va % 0x20_0000,
          0,
        );
      });

      it('not more than a limit of one kind', () => {
        const calls = Array.from({ length: 30 }, (_, i) => `missing${i}()`).join(' + ');
        const object = shop.compile('many.c', `int main(void) { return ${calls}; }`, [...PLAIN_FLAGS, '-w']);
        const { message } = failure([{ path: object }]);
        assert.equal(message.match(/^(error: )?undefined symbol/gm)!.length, 20);
        assert.match(message, /10 more of link\.undefined-symbol not shown/);
      });
    });
  });
