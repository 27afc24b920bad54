import assert from 'node:assert/strict';
import { PT_LOAD, PT_MVS, TABLE_SPAN } from './elf.ts';
import { LinkError } from './errors.ts';
import { BODY_FILLED, BODY_THUNK } from './melf-format.ts';
import type { MelfFile } from './melf-reader.ts';
import { reread, Workshop } from './tests/workshop.ts';

/** The functions under test, with everything that is hard to share between variants. */
const SUBJECT = `
static int seen;
static __thread int mine = 3;
static int started = 1;
int total;
static int helper(int x) { static int memo; static int memo2 = 7; memo += x; memo2++; return memo + memo2; }
int counted(void) { static int memo; return ++memo; }
__attribute__((constructor)) static void begin(void) { started += 10; }
const char *label(int x) {
  switch (x) { case 0: return "zero"; case 1: return TEXT; case 2: return "two"; case 3: return "three " TEXT; case 4: return "four"; default: return "many"; }
}
int dispatch(int x) {
  switch (x) { case 0: return seen + 1; case 1: return helper(3); case 2: return counted(); case 3: return x * started;
    case 4: return helper(x) - seen; case 5: return 77; case 6: seen--; return 8; case 7: return mine; default: return -1; }
}
int ask(const char *q) { seen++; mine++; total += 2; return seen * 100 + mine + (q[0] == 's'); }
int labels(int n) { static const void *const t[] = { &&a, &&b, &&c }; int r = 0; goto *t[n % 3]; a: r += 1; b: r += 10; c: r += 100; return r; }
int (*const table[])(const char *) = { ask };
`;

const MAIN = `
#include <stdio.h>
extern int ask(const char *), dispatch(int), counted(void), labels(int), total;
const char *label(int);
extern int (*const table[])(const char *);
void apply(int);
unsigned long entries;
#ifdef __x86_64__
__attribute__((naked)) void __fentry__(void) { __asm__("lock incq entries(%rip)\\n ret"); }
#else
void _mcount(void *from) { (void)from; entries++; }
#endif
int (*volatile pointer)(const char *);
int main(int argc, char **argv) {
  (void)argv;
  pointer = ask;
  for (int k = 0; k < 6; k++) {
    if (argc > 1) apply(k % VARIANTS);
    unsigned long before = entries;
    printf("%d %d %d|", ask("select"), pointer("no"), table[0]("s"));
    for (int i = 0; i < 9; i++) printf(" %d", dispatch(i));
    printf(" %d %d%d%d %d %d", counted(), labels(0), labels(1), labels(2), total, k % VARIANTS == 1 ? entries > before : entries == before);
    for (int i = 0; i < 6; i++) printf(" %s", label(i));
    printf("\\n");
  }
  return 0;
}
`;

const withoutText = (output: string): string => output.replace(/(fast|prof|debug)/g, 'TEXT');

/** What the linker fills gaps between functions with: `int3`; `brk #0`. */
const TRAP = { 'x86-64': [0xcc], aarch64: [0x00, 0x00, 0x20, 0xd4] } as const;
/** Calls at entries, before the prologue where the ISA has that. */
const PROFILE = { 'x86-64': ['-pg', '-mfentry'], aarch64: ['-pg'] } as const;

for (const isa of ['x86-64', 'aarch64'] as const)
  describe(`variants, ${isa}`, function () {
    // Compilers take their time on a busy machine.
    this.timeout(300_000);
    let shop: Workshop;
    let file: MelfFile;
    let objects: Record<string, string[]>;
    let main: string;
    before(async () => {
      shop = await Workshop.open(isa);
      objects = shop.compileVariants('subject.c', SUBJECT, {
        fast: ['-DTEXT="fast"'],
        prof: ['-DTEXT="prof"', ...PROFILE[isa]],
      });
      main = shop.compile('main.c', MAIN.replaceAll('VARIANTS', '2'));
      file = reread(shop.variants(objects, [main]));
    });
    after(() => shop.close());

    it('gives a multivariant function one address in all variants (L1) and a slot of the largest size (L2)', () => {
      const { melf } = file;
      assert.ok(melf !== undefined);
      const ask = melf.functions.find((f) => f.name === 'ask')!;
      assert.equal(ask.slotSize, Math.max(...ask.bodies.map((b) => b.size)));
      assert.ok(ask.bodies[1]!.size > ask.bodies[0]!.size);
      for (let v = 0; v < 2; v++) {
        const window = file.window(v);
        const end = ask.va - melf.windowVa + ask.bodies[v]!.size;
        const next = melf.functions.find((f) => f.va > ask.va);
        const gap = window.subarray(end, next === undefined ? window.length : next.va - melf.windowVa);
        const trap = TRAP[isa];
        const first = (melf.windowVa + end) % trap.length;
        assert.ok(gap.every((byte, i) => byte === trap[(first + i) % trap.length]));
      }
      const symbols = file.symbols().filter((s) => s.name === 'ask');
      assert.deepEqual(
        symbols.map((s) => s.va),
        [ask.va, ask.va],
      );
      assert.equal(new Set(symbols.map((s) => s.section)).size, 2);
    });

    it('runs without a manager as its default variant (L4)', async () => {
      const alone = shop.link([
        { path: objects.fast![0]! },
        { path: main },
        { path: shop.compile('none.c', 'void apply(int v) { (void)v; }') },
      ]);
      const expected = await shop.run(alone);
      assert.equal(expected.status, 0);
      assert.deepEqual(await shop.run(file), expected);
    });

    it('switches in place: same results, shared statics, valid pointers, own literals (L7, L11, L12, L13, L14; defects 6, 8 and 9)', async () => {
      const fixed = await shop.run(file);
      const switched = await shop.run(file, ['switch']);
      assert.equal(switched.status, 0, switched.output);
      assert.equal(withoutText(switched.output), withoutText(fixed.output).replaceAll(' 0 zero', ' 1 zero'));
      const lines = switched.output.trim().split('\n');
      assert.deepEqual(
        lines.map((line) => /three (\w+)/.exec(line)![1]),
        ['fast', 'prof', 'fast', 'prof', 'fast', 'prof'],
      );
      assert.ok(
        lines.every((line) => line.includes(' 33 ')),
        'the constructor ran once: 3 * 11',
      );
    });

    it('writes .genmeta as published (L5) and page aligned PT_MVS segments (L6)', () => {
      const { genmeta, melf, segments } = file;
      assert.ok(melf !== undefined);
      assert.deepEqual(genmeta, {
        windowSize: melf.windowSize,
        windowVa: melf.windowVa,
        fileOffsets: melf.variants.map((v) => v.fileOffset),
      });
      const symbol = file.symbols().find((s) => s.name === 'genmeta_start')!;
      assert.equal(symbol.va, file.sections.find((s) => s.name === '.genmeta')!.va);
      assert.equal(symbol.size, 48);
      const others = segments.filter((s) => s.type === PT_MVS);
      assert.equal(others.length, 1);
      assert.equal(others[0]!.offset % 0x1000, 0);
      assert.equal(others[0]!.va, melf.windowVa);
      assert.equal(others[0]!.offset, melf.variants[1]!.fileOffset);
    });

    it('keeps the 2 MiB units of the window free of other pages, and no segment both writable and executable', () => {
      const { melf, segments } = file;
      const unit = (va: number): number => Math.floor(va / TABLE_SPAN);
      for (const s of segments.filter((p) => p.type === PT_LOAD)) {
        assert.notEqual(s.flags & 3, 3);
        if (s.va === melf!.windowVa) continue;
        assert.ok(
          unit(s.va + s.memorySize - 1) < unit(melf!.windowVa) ||
            unit(s.va) > unit(melf!.windowVa + melf!.windowSize - 1),
        );
      }
    });

    it('does not depend on the order of inputs, of sections, or of variants but for the default (L8, L19; defects 1 and 2)', async () => {
      const other = `${SUBJECT.split('\n').slice(0, 7).join('\n')}\nint apart(int x) { return x + seen++; }\n`;
      const pair = shop.compileVariants(
        'other.c',
        other.replaceAll('total', 'total2').replaceAll('counted', 'counted2'),
        {
          fast: [],
          prof: ['-O0', '-fno-toplevel-reorder'],
        },
      );
      const use = shop.compile(
        'use.c',
        'extern int apart(int), counted2(void); int used(void) { return apart(1) + counted2(); }',
      );
      const undefinedSymbols = ['used'];
      const a = { fast: [objects.fast![0]!, pair.fast![0]!], prof: [objects.prof![0]!, pair.prof![0]!] };
      const b = { fast: [objects.fast![0]!, pair.fast![0]!], prof: [pair.prof![0]!, objects.prof![0]!] };
      const first = shop.variants(a, [main, use], { undefinedSymbols });
      const again = shop.variants(a, [main, use], { undefinedSymbols });
      assert.equal(Buffer.compare(first.bytes, again.bytes), 0);
      const table = (r: typeof first) => r.melf!.functions.map((f) => [f.unit, f.name, f.va, f.slotSize]);
      const swapped = shop.variants(b, [main, use], { undefinedSymbols });
      assert.deepEqual(table(swapped), table(first));
      assert.deepEqual(await shop.run(swapped, ['switch']), await shop.run(first, ['switch']));
      const { fast, prof } = a;
      const turned = shop.variants({ prof, fast }, [main, use], { undefinedSymbols, defaultVariant: 'fast' });
      assert.deepEqual(table(turned), table(first));
      assert.equal(turned.melf!.variants[0]!.name, 'fast');
    });

    it('puts a function of one variant into common code (L3), still with its own literals', async () => {
      const source = `
      #include <stdio.h>
      #ifdef EXTRA
      __attribute__((noinline)) static int extra(int x) { return printf("extra %d\\n", x); }
      #else
      #define extra(x) 0
      #endif
      int work(int x) { return extra(x) + x; }`;
      const pair = shop.compileVariants('extra.c', source, { fast: [], prof: ['-DEXTRA'] });
      const use = shop.compile(
        'main2.c',
        '#include <stdio.h>\nvoid apply(int); int work(int); int main(void) { work(1); apply(1); work(2); apply(0); work(3); return 0; }',
      );
      const result = shop.variants(pair, [use]);
      assert.deepEqual(
        result.melf!.functions.map((f) => f.name),
        ['work'],
      );
      assert.equal((await shop.run(result)).output, 'extra 2\n');
    });

    it('links three variants with a function in two of them and says whose body fills the slot (L9; defect 3)', async () => {
      const source = `
      int base(int x) { return x + V; }
      #if V != 2
      int some(int x) { return x * 10 + V; }
      #endif`;
      const three = shop.compileVariants('some.c', source, { a: ['-DV=1'], b: ['-DV=2'], c: ['-DV=3'] });
      const use = shop.compile(
        'main3.c',
        '#include <stdio.h>\nvoid apply(int); int base(int), some(int); int main(void) { for (int v = 0; v < 3; v++) { apply(v); printf("%d %d\\n", base(100), some(1)); } return 0; }',
      );
      const result = shop.variants(three, [use]);
      assert.equal((await shop.run(result)).output, '101 11\n102 11\n103 13\n');
      const some = reread(result).melf!.functions.find((f) => f.name === 'some')!;
      assert.deepEqual(
        some.bodies.map((b) => b.source),
        [0, 0, 2],
      );
      assert.deepEqual(
        some.bodies.map((b) => b.flags & BODY_FILLED),
        [0, BODY_FILLED, 0],
      );
      // With b as the default nothing of the default's fills: the first that has it does.
      const turned = shop.variants(three, [use], { defaultVariant: 'b' });
      assert.deepEqual(
        turned.melf!.variants.map((v) => v.name),
        ['b', 'a', 'c'],
      );
      assert.equal((await shop.run(turned)).output, '102 11\n101 11\n103 13\n');
    });

    it('keeps statics of one name in two files apart (L10; defect 4)', async () => {
      const one =
        'static int state = 5; static int step(void) { return state += K; } int NAME(void) { return step(); }';
      const make = (unit: string, k: number) =>
        shop.compileVariants(`${unit}.c`, one.replace('NAME', unit).replace('K', `${k}`), { fast: [], prof: ['-O0'] });
      const [x, y] = [make('ux', 1), make('uy', 100)];
      const use = shop.compile(
        'main4.c',
        '#include <stdio.h>\nvoid apply(int); int ux(void), uy(void); int main(void) { for (int v = 0; v < 4; v++) { apply(v % 2); printf("%d %d\\n", ux(), uy()); } return 0; }',
      );
      const result = shop.variants({ fast: [...x.fast!, ...y.fast!], prof: [...y.prof!, ...x.prof!] }, [use]);
      assert.equal((await shop.run(result)).output, '6 105\n7 205\n8 305\n9 405\n');
    });

    it('pairs function-local statics whose numbers differ between -O levels', async () => {
      const debug = shop.compileVariants('subject.c', SUBJECT, { debug: ['-O0', '-DTEXT="debug"'] });
      const use = shop.compile('main5.c', MAIN.replaceAll('VARIANTS', '3'));
      const result = shop.variants({ fast: objects.fast!, prof: objects.prof!, debug: debug.debug! }, [use]);
      const [fixed, switched] = [await shop.run(result), await shop.run(result, ['switch'])];
      assert.equal(switched.status, 0);
      const state = (run: typeof fixed) =>
        withoutText(run.output)
          .split('\n')
          .map((line) => line.replace(/ \d zero.*/, ''));
      assert.deepEqual(state(switched), state(fixed));
    });

    it('compares the strings that data points to by content, wherever the compiler put them', async () => {
      const source = `
      static const char *const names[] = { "alpha", "beta", "gamma" };
      const char *first = "alpha";
      const char *pick(int i) { return i < 0 ? first : names[i]; }
      const char *own(int i) { return i ? "own " TEXT : "other"; }`;
      const pair = shop.compileVariants('names.c', source, { fast: ['-DTEXT="A"'], prof: ['-O0', '-DTEXT="B"'] });
      const use = shop.compile(
        'main10.c',
        '#include <stdio.h>\nvoid apply(int); const char *pick(int), *own(int); int main(void) { for (int v = 0; v < 2; v++) { apply(v); printf("%s %s %s\\n", pick(-1), pick(2), own(1)); } return 0; }',
      );
      assert.equal((await shop.run(shop.variants(pair, [use]))).output, 'alpha gamma own A\nalpha gamma own B\n');
    });

    it('aligns a slot for the strictest variant (defect 5)', async () => {
      const source = 'A int first(void) { return 1; } A int second(void) { return 2; }';
      const pair = shop.compileVariants('align.c', source, {
        fast: ['-DA='],
        prof: ['-DA=__attribute__((aligned(256)))'],
      });
      const use = shop.compile(
        'main6.c',
        'void apply(int); int first(void), second(void); int main(void) { int s = 0; for (int v = 0; v < 2; v++) { apply(v); s += first() + second(); } return s; }',
      );
      const result = shop.variants(pair, [use]);
      for (const f of result.melf!.functions) assert.equal(f.va % 256, 0);
      assert.equal((await shop.run(result)).status, 6);
    });

    it('gives a folded function a slot with a jump where one variant has only an alias', async () => {
      const folded = 'int one(int x) { return x * 3 + 1; }';
      const [alias, apart] = ['int two(int x) __attribute__((alias("one")));', 'int two(int x) { return x * 3 + 1; }'];
      const source = `${folded}\n#ifdef FOLD\n${alias}\n#else\n${apart}\n#endif`;
      const use = shop.compile(
        'main7.c',
        '#include <stdio.h>\nvoid apply(int); int one(int), two(int); int (*volatile p)(int) = two; int main(void) { for (int v = 0; v < 2; v++) { apply(v); printf("%d %d %d %d\\n", one(1), two(2), p(3), p == two); } return 0; }',
      );
      for (const [fast, other] of [
        [['-DFOLD'], ['-O0']],
        [['-O0'], ['-DFOLD']],
      ] as const) {
        const pair = shop.compileVariants('fold.c', source, { fast, other });
        const result = shop.variants(pair, [use]);
        assert.equal((await shop.run(result)).output, '4 7 10 1\n4 7 10 1\n');
        const flags = reread(result).melf!.functions.flatMap((f) => f.bodies.map((b) => b.flags & BODY_THUNK));
        assert.equal(flags.filter((f) => f !== 0).length, 1);
      }
    });

    it('keeps functions out of the multivariant part by pattern, with the clones they call', async () => {
      const source = `
      static int __attribute__((noinline)) part(int x, int unused) { (void)unused; return x * 2 + V; }
      int loop(int x) { return part(x, 1) + part(x + 1, 2); }
      int other(int x) { return part(x, 3) + 1000 * V; }`;
      const pair = shop.compileVariants('loop.c', source, { fast: ['-DV=1'], prof: ['-DV=2'] });
      const use = shop.compile(
        'main8.c',
        '#include <stdio.h>\nvoid apply(int); int loop(int), other(int); int main(void) { for (int v = 0; v < 2; v++) { apply(v); printf("%d %d\\n", loop(1), other(1)); } return 0; }',
      );
      const result = shop.variants(pair, [use], { common: ['lo*'] });
      assert.ok(!result.melf!.functions.some((f) => f.name === 'loop'));
      assert.equal((await shop.run(result)).output, '8 1003\n8 2004\n');
    });

    it('gives chosen functions pages of their own', async () => {
      const result = shop.variants(objects, [main], { pageAlign: ['ask'] });
      const { functions, pageGroups } = result.melf!;
      const ask = functions.find((f) => f.name === 'ask')!;
      assert.equal(ask.va % 0x1000, 0);
      assert.equal(pageGroups[ask.pageGroup]!.functionCount, 1);
      assert.deepEqual(await shop.run(result, ['switch']), await shop.run(file, ['switch']));
      const all = shop.variants(objects, [main], { pageAlign: ['all'] });
      assert.equal(all.melf!.pageGroups.length, all.melf!.functions.length);
    });

    it('warns of patterns that match no function, of a project’s only where one is nearly a name', () => {
      const patterns = { common: ['askk', 'main', 'nothing_*'], pageAlign: ['ask', 'all', 'absent'] };
      const told = (options: object): string[] =>
        shop
          .variants(objects, [main], { ...patterns, ...options })
          .warnings.filter(({ code }) => code === 'variants.pattern-unused')
          .map(({ message, hint }) => `${message}; ${hint}`);
      const hint = 'give names as symbols have them, in C++ mangled ones';
      assert.deepEqual(told({}), [
        '--common askk matches no function; did you mean ask?',
        `--common nothing_* matches no function; ${hint}`,
        `--page-align absent matches no function; ${hint}`,
      ]);
      assert.deepEqual(told({ patternsOfProject: true }), [
        '[common] functions in melf.toml: askk matches no function; did you mean ask?',
      ]);
      assert.deepEqual(told({ common: ['ask'] }), [
        '--page-align ask is of a function without variants; leave it out',
        `--page-align absent matches no function; ${hint}`,
      ]);
    });

    it('pairs the members of archives, whatever their order', async () => {
      const source = (name: string, value: string) => `int ${name}(void) { static int n; return ++n * ${value}; }`;
      const archive = (variant: string, reverse: boolean) => {
        const list = ['p', 'q', 'unused'].map((n) =>
          shop.compile(`lib-${variant}/${n}.c`, source(n, variant === 'fast' ? '1' : '1000'), [
            '-O2',
            '-ffunction-sections',
            '-fdata-sections',
            '-fno-pie',
          ]),
        );
        return shop.archive(`lib-${variant}/libpq.a`, reverse ? list.reverse() : list);
      };
      const use = shop.compile(
        'main9.c',
        '#include <stdio.h>\nvoid apply(int); int p(void), q(void); int main(void) { for (int v = 0; v < 4; v++) { apply(v % 2); printf("%d %d\\n", p(), q()); } return 0; }',
      );
      const result = shop.variants({ fast: [archive('fast', false)], prof: [archive('prof', true)] }, [use]);
      assert.deepEqual(
        result.melf!.functions.map((f) => [f.unit, f.name]),
        [
          ['libpq.a(p.o)', 'p'],
          ['libpq.a(q.o)', 'q'],
        ],
      );
      assert.equal((await shop.run(result)).output, '1 1\n2000 2000\n3 3\n4000 4000\n');
    });

    describe('refuses', () => {
      const refusal = (sources: Record<string, string>, flags: Record<string, string[]> = {}): LinkError => {
        const pair = Object.fromEntries(
          Object.entries(sources).map(([v, s]) => [
            v,
            [shop.compile(`${v}/bad.c`, s, flags[v] ?? ['-O1', '-ffunction-sections', '-fdata-sections', '-fno-pie'])],
          ]),
        );
        const use = shop.compile('use-bad.c', 'extern int bad(int); int main(void) { return bad(1); }');
        try {
          shop.variants(pair, [use]);
        } catch (error) {
          assert.ok(error instanceof LinkError);
          return error;
        }
        return assert.fail('it was linked');
      };

      it('data of different sizes, naming the symbol, both sizes and both files', () => {
        const error = refusal({
          fast: 'int arr[4]; int bad(int x) { return arr[x]; }',
          prof: 'int arr[6]; int bad(int x) { return arr[x]; }',
        });
        assert.equal(error.code, 'variants.data-disagrees');
        assert.match(error.message, /variants fast and prof disagree about arr: 16 bytes against 24/);
        assert.match(error.message, />>> 16 bytes in .*fast\/bad\.o \[variant fast\]/);
        assert.match(error.message, />>> 24 bytes in .*prof\/bad\.o \[variant prof\]/);
      });

      it('data of different contents, bytes or addresses (defect 7)', () => {
        const bytes = refusal({
          fast: 'static int k = 4; int bad(int x) { return k += x; }',
          prof: 'static int k = 5; int bad(int x) { return k += x; }',
        });
        assert.match(bytes.message, /disagree about k: the initial contents differ at \+0/);
        const body = 'static const char *s = TEXT; const char **sp = &s; int bad(int x) { return s[x]; }';
        const pointers = refusal({ fast: body.replace('TEXT', '"one"'), prof: body.replace('TEXT', '"two"') });
        assert.match(pointers.message, /disagree about s: the initial contents hold different addresses at \+0/);
      });

      it('constants that differ under a global name', () => {
        const error = refusal({
          fast: 'const int k = 4; int bad(int x) { return *(&k + x); }',
          prof: 'const int k = 5; int bad(int x) { return *(&k + x); }',
        });
        assert.equal(error.code, 'variants.data-disagrees');
      });

      it('with strict data a variable that the compiler dropped from one variant', () => {
        const source = `
        static int initialised;
        void begin(void) { initialised = 1; }
        int bad(int x) {
        #ifdef ASSERT
          if (!initialised) __builtin_trap();
        #endif
          begin(); return x; }`;
        const build = (own: readonly string[], strictData: boolean) => {
          const pair = shop.compileVariants('bad.c', source, { plain: [...own], assert: ['-DASSERT', ...own] });
          const use = shop.compile('use-bad.c', 'extern int bad(int); int main(void) { return bad(1); }');
          return shop.variants(pair, [use], { strictData });
        };
        const [warning] = build([], false).warnings;
        assert.equal(warning!.code, 'variants.data-partial');
        assert.match(warning!.message, /^1 variable is missing or constant in some variants/);
        assert.match(warning!.places[0]!.role, /^initialised only in$/);
        assert.match(warning!.places[0]!.where, /^assert: .*bad\.o:\(\.bss\.initialised\)$/);
        assert.throws(() => build([], true), { code: 'variants.data-partial' });
        assert.deepEqual(build(['-fno-ipa-reference-addressable'], true).warnings, []);
      });

      it('but not what code copies into local arrays, which only some compiles put into data, nor what unwind tables refer by', () => {
        // As in cJSON's test.c: at -Os -fPIE gcc copies the array from .data, at -O2 it stores the addresses one by one.
        const source = `
        int use(const char **), level;
        int bad(int x) { const char *days[7] = { "a", "b", "c", "d", "e", "f", "g" }; days[x & 3] = "x"; level += x; return use(days); }
        __asm__(".pushsection .data.rel.local.DW.ref.personality,\\"aw\\"\\n.ifdef OWN\\n.type DW.ref.personality,%object\\n.size DW.ref.personality,8\\nDW.ref.personality: .quad bad\\n.endif\\n.popsection");`;
        const pair = shop.compileVariants('bad.c', source, {
          plain: ['-O2', '-fPIE'],
          small: ['-Os', '-fPIE', '-Wa,--defsym,OWN=1'],
        });
        const sections = shop.tool('readelf', ['-SW', pair.small![0]!]);
        if (isa === 'x86-64') assert.match(sections, / \.data +PROGBITS +0+ \w+ 0*38 /);
        const use = shop.compile(
          'use-days.c',
          "void apply(int); int bad(int); int use(const char **d) { return d[1][0] == 'x'; } int main(void) { for (int v = 0; v < 2; v++) { apply(v); if (bad(1) != 1) return 1; } return 42; }",
        );
        const result = shop.variants(pair, [use], { strictData: true });
        assert.deepEqual(result.warnings, []);
      });

      it('with strict data a variable that the compiler made constant in one variant; otherwise all share one that can be written', async () => {
        const source = `
        static int level[4] = { 3, 3, 3, 3 };
        #ifdef SET
        void set(int x) { for (int i = 0; i < 4; i++) level[i] = x; }
        #else
        void set(int x) { (void)x; }
        #endif
        int bad(int x) { return level[x & 3]; }`;
        const pair = shop.compileVariants('bad.c', source, { plain: ['-O2'], setting: ['-DSET', '-O0'] });
        const use = shop.compile(
          'use-level.c',
          '#include <stdio.h>\nvoid apply(int), set(int); int bad(int);\nint main(void) { for (int v = 0; v < 4; v++) { apply(v % 2); set(10 * v); printf("%d ", bad(v)); } return 0; }',
        );
        for (const defaultVariant of ['plain', 'setting']) {
          const result = shop.variants(pair, [use], { defaultVariant });
          assert.match(result.warnings[0]!.places[0]!.role, /^level constant in$/);
          assert.match(result.warnings[0]!.places[0]!.where, /^plain: .*setting\/bad\.o:\(\.data\.level\)$/);
          assert.equal((await shop.run(result)).output, defaultVariant === 'plain' ? '3 10 10 30 ' : '0 0 20 20 ');
        }
        assert.throws(() => shop.variants(pair, [use], { strictData: true }), { code: 'variants.data-partial' });
      });

      it('functions that lie at different offsets because they share a section', () => {
        const flags = { fast: ['-O2', '-fdata-sections', '-fno-pie'], prof: ['-O0', '-fdata-sections', '-fno-pie'] };
        const source = 'int first(int x) { return x * 3; } int bad(int x) { return first(x) + 1; }';
        const error = refusal({ fast: source, prof: source }, flags);
        assert.equal(error.code, 'variants.function-offset');
        assert.match(error.message, /-ffunction-sections/);
      });

      it('a variable whose copies cannot be paired', () => {
        const source = 'static int hidden; static int z = 9; int bad(int x) { z++; return hidden += x + z; }';
        const flags = {
          fast: ['-O1', '-ffunction-sections', '-fno-pie'],
          prof: ['-O1', '-ffunction-sections', '-fdata-sections', '-fno-pie'],
        };
        assert.equal(refusal({ fast: source, prof: source }, flags).code, 'variants.data-split');
      });

      it('one name with two meanings in unpaired units', () => {
        const a = shop.compile('fast/left.c', 'int bad(int x) { return x; }');
        const b = shop.compile('prof/right.c', 'int bad(int x) { return x + 1; }');
        const use = shop.compile('use-bad.c', 'extern int bad(int); int main(void) { return bad(1); }');
        assert.throws(() => shop.variants({ fast: [a], prof: [b] }, [use]), { code: 'variants.address-differs' });
      });

      it('duplicate strong definitions inside a variant and between it and common code (L16; defect 10)', () => {
        const a = shop.compile('fast/dup.c', 'int bad(int x) { return x; }');
        const b = shop.compile('fast/dup2.c', 'int bad(int x) { return x; }');
        const use = shop.compile('use-bad.c', 'extern int bad(int); int main(void) { return bad(1); }');
        assert.throws(() => shop.variants({ fast: [a, b], prof: [a] }, [use]), { code: 'link.duplicate-symbol' });
        assert.throws(
          () => shop.variants({ fast: [a], prof: [a] }, [use, b]),
          (error: LinkError) => {
            assert.equal(error.code, 'link.duplicate-symbol');
            assert.match(error.message, />>> defined in .*dup\.o \[variant fast\]/);
            return true;
          },
        );
      });
    });
  });
