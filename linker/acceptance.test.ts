// What is asked of a MELF linker beyond variants.test.ts: L17, L18, L20 and the last of the published linker's defects.

import assert from 'node:assert/strict';
import type { LinkError } from './errors.ts';
import { inspectMelf } from './inspection.ts';
import { PLAIN_FLAGS, reread, Workshop } from './tests/workshop.ts';

for (const isa of ['x86-64', 'aarch64'] as const)
  describe(`acceptance, ${isa}`, function () {
    // Compilers take their time on a busy machine.
    this.timeout(600_000);
    let shop: Workshop;
    let main: string;
    before(async () => {
      shop = await Workshop.open(isa);
      main = shop.compile(
        'main.c',
        `#include <stdio.h>
      int work(int); void apply(int);
      int main(int argc, char **argv) { (void)argv; for (int i = 0; i < 4; i++) { if (argc > 1) apply(i % 2); printf("%d\\n", work(i)); } return 0; }`,
      );
    });
    after(() => shop.close());

    it('code of a variant never leads into another one (L17)', async () => {
      const objects = shop.compileVariants(
        'work.c',
        'static int pick(int x) { return x + OWN; }\nint (*volatile chosen)(int); int only(int);\nint work(int x) { chosen = pick;\n#ifdef ASK\nreturn only(x);\n#endif\nreturn chosen(x); }\n#ifdef HAVE\nint only(int x) { return x; }\n#endif\n',
        { a: ['-DOWN=10', '-DASK'], b: ['-DOWN=20', '-DHAVE'], c: ['-DOWN=30', '-DASK'] },
      );
      const undefinedOnly = (variants: Record<string, string[]>): void =>
        assert.throws(
          () => shop.variants(variants, [main]),
          (error: LinkError) =>
            error.code === 'link.undefined-symbol' && /undefined symbol: only[\s\S]*variant [ac]/.test(error.message),
        );
      undefinedOnly({ a: objects.a!, b: objects.b! });
      undefinedOnly({
        d: shop.compileVariants('work.c', 'int work(int x) { return x; }', { d: [] }).d!,
        b: objects.b!,
        c: objects.c!,
      });
      const clean = shop.compileVariants(
        'work.c',
        'static int pick(int x) { return x + OWN; }\nint (*volatile chosen)(int);\nint work(int x) { chosen = pick; return chosen(x); }',
        { a: ['-DOWN=10'], b: ['-DOWN=20'] },
      );
      assert.equal((await shop.run(shop.variants(clean, [main]), ['switch'])).output, '10\n21\n12\n23\n');
    });

    it('bodies of equal bytes are the same only if they lead to the same (L18)', async () => {
      const objects = shop.compileVariants(
        'same.c',
        `__attribute__((noinline)) static int left(int x) { return x + 1; }
      __attribute__((noinline)) static int right(int x) { return x + 2; }
      int (*volatile keep)(int);
      int work(int x) { keep = left; keep = right; return CALL(x) * 3; }
      int alike(int x) { return left(x); }`,
        { a: ['-DCALL=left'], b: ['-DCALL=right'] },
      );
      const file = reread(shop.variants(objects, [main], { gcSections: false }));
      const [work, alike] = ['work', 'alike'].map((name) => file.melf!.functions.find((f) => f.name === name)!);
      assert.equal(work!.bodies[0]!.size, work!.bodies[1]!.size);
      assert.notEqual(work!.bodies[0]!.hash, work!.bodies[1]!.hash);
      assert.equal(alike!.bodies[0]!.hash, alike!.bodies[1]!.hash);
      assert.equal((await shop.run(file, ['switch'])).output, '3\n9\n9\n15\n');
    });

    it('reports padding and growth as they are in the file (L20), and keeps data once (defect 11)', () => {
      const source = 'static long table[100000] = { 1, 2, 3 };\nint work(int x) { return (int)table[x] + LOOP; }';
      const objects = shop.compileVariants('size.c', source, { a: ['-DLOOP=x'], b: ['-DLOOP=(x*x*x%7+x*3)'] });
      const file = reread(shop.variants(objects, [main]));
      const report = inspectMelf(file)!;
      const single = shop.variants({ a: objects.a! }, [main]).bytes.length;
      for (const [v, figures] of report.variants.entries()) {
        const code = file.melf!.functions.reduce((sum, f) => sum + f.bodies[v]!.size, 0);
        assert.equal(figures.codeBytes, code);
        assert.equal(figures.paddingBytes, report.window.bytes - code);
      }
      assert.equal(report.variantBytes, file.melf!.windowSize);
      // A window for each variant, its metadata, and what lies between pages (of up to 64 KiB on AArch64); not another 800,000 bytes of data.
      const page = isa === 'x86-64' ? 0x1000 : 0x1_0000;
      assert.ok(
        file.bytes.length - single < report.window.bytes * 2 + 3 * page,
        `${file.bytes.length} against ${single}`,
      );
    });

    it('takes time in proportion to the functions (defect 12)', () => {
      const source = (count: number): string =>
        Array.from({ length: count }, (_, i) => `int f${i}(int x) { static int n; return x * ${i} + n++ + V; }`).join(
          '\n',
        );
      const time = (count: number): number => {
        const flags = ['-O0', ...PLAIN_FLAGS.slice(1)];
        const objects = Object.fromEntries(
          ['a', 'b'].map((name, v) => [
            name,
            [
              shop.compile(`${name}${count}/many.c`, `${source(count)}\nint work(int x) { return x; }`, [
                ...flags,
                `-DV=${v}`,
              ]),
            ],
          ]),
        );
        const { times } = shop.variants(objects, [main], { gcSections: false });
        return times.reduce((sum, [, ms]) => sum + ms, 0);
      };
      time(100);
      const [few, many] = [time(400), time(3200)];
      // Eight times the functions: quadratic work would take sixty-four times as long.
      assert.ok(many < few * 24 + 200, `${few.toFixed(0)} ms for 400, ${many.toFixed(0)} ms for 3200`);
    });
  });
