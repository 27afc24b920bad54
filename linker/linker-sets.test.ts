// Sections that code walks over by their bounds, in several variants: the default variant must find what an ordinary link gives it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { formatDiagnostic, LinkError } from './errors.ts';
import type { LinkOptions } from './options.ts';
import { Workshop } from './tests/workshop.ts';

/** Entries made by code, as exception tables and static keys are: distances to an instruction, which each variant has elsewhere. */
const WORK = `
#ifdef SLOW
#define MORE "nop\\n nop\\n nop\\n nop\\n"
#else
#define MORE ""
#endif
int work(int x) {
  __asm__ volatile(MORE "nop\\n 1: nop\\n .pushsection extab,\\"FLAGS\\"\\n .balign 4\\n .long 1b - .\\n .popsection");
  return x + 1;
}
int other(int x) { return x * 2; }
`;
/** Prints each entry's distance from the start of `work`, and whether it leads to the instruction. */
const WALK = `
#include <stdio.h>
int work(int); void apply(int);
extern int __start_extab[] __attribute__((weak)), __stop_extab[] __attribute__((weak));
static void walk(void) {
  for (int *p = __start_extab; p < __stop_extab; p++) printf("%ld ", (long)((char *)p + *p - (char *)work));
  printf("%d\\n", work(3));
}
int main(int argc, char **argv) { (void)argv; walk(); if (argc > 1) { apply(1); walk(); } return 0; }
`;

const COMMANDS = `
#include <stdio.h>
struct command { long number; const char *name; };
#define COMMAND __attribute__((section("commands"), used)) static
COMMAND struct command one = { 1, "one" };
COMMAND struct command two = { 2, "two" };
extern struct command __start_commands[], __stop_commands[];
void show(void) {
  for (struct command *p = __start_commands; p < __stop_commands; p++) printf("%ld%s ", p->number, p->name);
  printf("\\n");
}
`;

for (const isa of ['x86-64', 'aarch64'] as const)
  describe(`sections walked over by their bounds, ${isa}`, function () {
    // Compilers take their time on a busy machine.
    this.timeout(300_000);
    let shop: Workshop;
    before(async () => {
      shop = await Workshop.open(isa);
    });
    after(() => shop.close());

    const SLOW = { fast: [], slow: ['-DSLOW'] };
    const linkBoth = (source: string, main: string, flags = SLOW as Record<string, string[]>) => {
      const objects = shop.compileVariants('unit.c', source, flags);
      const common = shop.compile('main.c', main);
      const manager = shop.compile('none.c', 'void apply(int v) { (void)v; }');
      return {
        ours: (options: Partial<LinkOptions> = {}) => shop.variants(objects, [common], options),
        /** What the default variant prints that GNU ld links alone. */
        theirs: async () => {
          const bytes = readFileSync(shop.linkWithLd('theirs', [objects.fast![0]!, common, manager]));
          return (await shop.run({ bytes })).output;
        },
      };
    };
    const failure = (run: () => unknown): LinkError => {
      try {
        run();
      } catch (error) {
        assert.ok(error instanceof LinkError);
        return error;
      }
      return assert.fail('it was linked');
    };

    it("entries that lead into multivariant functions are refused, until these are common: then they are the default variant's", async () => {
      for (const flags of ['a', 'aw']) {
        const { ours, theirs } = linkBoth(WORK.replace('FLAGS', flags), WALK);
        const error = failure(ours);
        assert.equal(error.code, 'variants.data-disagrees');
        assert.match(
          error.message,
          /^variants fast and slow disagree about extab, a section that is walked over by its bounds \(__start_extab\): it leads into work, of which each has its own\n>>> 4 bytes in .*\n>>> 4 bytes in .*\n>>> hint: .*functions = \["work"\] in \[common\] of melf\.toml/,
        );
        const result = ours({ common: ['work'] });
        assert.deepEqual(result.warnings, []);
        const once = await theirs();
        assert.match(once, /^\d+ 4\n$/);
        assert.equal((await shop.run(result)).output, once);
        assert.equal((await shop.run(result, ['switch'])).output, once + once);
      }
    });

    it('entries of another variant alone: into its code they are refused; others are left out, but for what code refers to, with a warning', async () => {
      const onlySlow = `#ifdef SLOW\n${WORK.replace('FLAGS', 'a')}\n#else\nint work(int x) { return x + 1; }\n#endif\n`;
      const alone = linkBoth(onlySlow, WALK);
      assert.match(
        failure(alone.ours).message,
        /^not all variants have the entries of variant slow in extab, .*: they lead into work, of which each has its own\n>>> 4 bytes in .*\n>>> hint: .*"work"/,
      );
      assert.equal((await shop.run(alone.ours({ common: ['work'] }), ['switch'])).output, '4\n4\n');
      const onlyFast = linkBoth(onlySlow.replace('#ifdef SLOW', '#ifndef SLOW'), WALK);
      assert.match(failure(onlyFast.ours).message, /^not all variants have the entries of variant fast in extab, /);
      const once = await onlyFast.theirs();
      assert.match(once, /^\d+ 4\n$/);
      assert.equal((await shop.run(onlyFast.ours({ common: ['work'] }), ['switch'])).output, once + once);

      const registers = (extra: string): string => `
        #include <stdio.h>
        #define ENTRY __attribute__((section("names"), used)) static const char *
        ENTRY first = "first";
        int work(int x) { return x; }
        ${extra}`;
      const main = `
        #include <stdio.h>
        int work(int), more(int); void apply(int);
        __attribute__((section("names"), used)) static const char *mine = "mine";
        extern const char *__start_names[], *__stop_names[];
        int main(void) { for (const char **p = __start_names; p < __stop_names; p++) printf("%s ", *p); printf("%d\\n", work(1)); return 0; }`;
      const unit = registers('');
      const both = shop.compileVariants('unit.c', unit, SLOW);
      const more = (body: string) =>
        shop.compile(
          'slow/more.c',
          `__attribute__((section("names"), used)) static const char *second = "second"; ${body}`,
        );
      const common = shop.compile('main.c', main);
      const theirs = readFileSync(shop.linkWithLd('theirs', [both.fast![0]!, common]));
      const expected = (await shop.run({ bytes: theirs })).output;
      const linked = (body: string) =>
        shop.variants({ fast: both.fast!, slow: [...both.slow!, more(body)] }, [common], { gcSections: false });
      const left = linked('');
      assert.equal((await shop.run(left)).output, expected);
      assert.match(
        left.warnings.map(formatDiagnostic).join('\n'),
        /has entries in a variant .*\n>>> left out \S*slow\/more\.o \[variant slow\]:\(names\)/,
      );
      const kept = linked('const char *get(void) { return second; }');
      assert.match((await shop.run(kept)).output, /second/);
      assert.match(kept.warnings.map(formatDiagnostic).join('\n'), />>> found in all variants \S*slow\/more\.o/);
    });

    it('entries that are equal in all variants are one, whether they lead to data or to functions', async () => {
      const { ours, theirs } = linkBoth(
        `
        #include <stdio.h>
        typedef int (*call)(int);
        struct key { call function; int *value; const char *name; };
        static int state = 3;
        #ifdef SLOW
        static int step(int x) { state += x; state += x; return state; }
        #else
        static int step(int x) { state += 2 * x; return state; }
        #endif
        __attribute__((section("keys"), used)) static const struct key a = { step, &state, "step" };
        extern const struct key __start_keys[], __stop_keys[];
        void show(void) { for (const struct key *p = __start_keys; p < __stop_keys; p++) {
          int result = p->function(1);
          printf("%s %d %d\\n", p->name, result, *p->value); } }`,
        'void show(void), apply(int); int main(int argc, char **argv) { (void)argv; show(); if (argc > 1) { apply(1); show(); } return 0; }',
      );
      const result = ours();
      assert.deepEqual(result.warnings, []);
      const once = await theirs();
      assert.equal(once, 'step 5 5\n');
      assert.equal((await shop.run(result)).output, once);
      assert.equal((await shop.run(result, ['switch'])).output, `${once}step 7 7\n`);
    });

    it('entries in another order, as -O0 leaves them: -fno-toplevel-reorder is what to do', async () => {
      const main = 'void show(void); int main(void) { show(); return 0; }';
      const levels = (more: string[]) => ({ fast: ['-O2', ...more], slow: ['-O0', ...more] });
      for (const source of [COMMANDS, COMMANDS.replaceAll('COMMAND struct', 'COMMAND const struct')]) {
        const { message } = failure(linkBoth(source, main, levels([])).ours);
        assert.match(
          message,
          /^variants fast and slow disagree about commands, .*\n.*\n.*\n>>> hint: .*-fno-toplevel-reorder/,
        );
        const { ours, theirs } = linkBoth(source, main, levels(['-fno-toplevel-reorder']));
        const expected = await theirs();
        assert.equal(expected, '1one 2two \n');
        assert.equal((await shop.run(ours())).output, expected);
      }
    });

    it('functions in such a section are common, so that they lie between its bounds', async () => {
      const { ours, theirs } = linkBoth(
        '__attribute__((section("fixed_code"), noinline)) int work(int x) {\n#ifdef SLOW\nx *= 2; x -= x / 2;\n#endif\nreturn x + 1; }',
        `#include <stdio.h>
        int work(int); extern char __start_fixed_code[], __stop_fixed_code[];
        int main(void) { char *at = (char *)work; printf("%d %d\\n", at >= __start_fixed_code && at < __stop_fixed_code, work(1)); return 0; }`,
      );
      assert.equal(await theirs(), '1 2\n');
      assert.equal((await shop.run(ours())).output, '1 2\n');
    });
  });
