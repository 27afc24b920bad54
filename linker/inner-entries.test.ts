import assert from 'node:assert/strict';
import { reread, Workshop } from './tests/workshop.ts';

/** As gcc lays out a virtual function with its thunk: `deep` in the section of `work`, before or behind it, and leading into it. */
const SUBJECT = `
#ifdef __x86_64__
#define DOUBLE "work: same: lea (%rdi,%rdi), %eax\\nret\\n.size work,.-work\\n.size same,.-same\\n"
#define DEEP(rest) "deep: inc %edi\\n" rest ".size deep,.-deep\\n"
#define LEAD "jmp work\\n"
#else
#define DOUBLE "work: same: lsl w0, w0, 1\\nret\\n.size work,.-work\\n.size same,.-same\\n"
#define DEEP(rest) "deep: add w0, w0, 1\\n" rest ".size deep,.-deep\\n"
#define LEAD "b work\\n"
#endif
__asm__(".pushsection .text.work,\\"ax\\",%progbits\\n"
  ".globl work, same, deep\\n.type work,%function\\n.type same,%function\\n.type deep,%function\\n"
#ifdef BEFORE
  DEEP(".rept 10\\nnop\\n.endr\\n") DOUBLE
#else
  DOUBLE DEEP(LEAD)
#endif
  ".popsection");
extern int work(int), same(int), deep(int);
int (*const table[])(int) = { work, same, deep };
/* So that there is another reason to be multivariant. */
int calls(int x) { return deep(x) + work(x) + WEIGHT; }
`;

const MAIN = `
#include <stdio.h>
extern int work(int), same(int), deep(int), calls(int);
extern int (*const table[])(int);
void apply(int);
int main(void) {
  for (int i = 0; i < 4; i++) {
    apply(i % 2);
    printf("%d %d %d %d %d %d %d, %d%d%d\\n", work(1), same(1), deep(1), table[0](1), table[1](1), table[2](1), calls(1), table[0] == work,
           table[1] == same, table[2] == deep);
  }
  return 0;
}
`;

for (const isa of ['x86-64', 'aarch64'] as const)
  describe(`entries inside of functions, ${isa}`, () => {
    let shop: Workshop;
    before(async () => {
      shop = await Workshop.open(isa);
    });
    after(() => shop.close());

    it('have one address in all variants though their offsets differ, and pointers to them lead to each variant’s own', async () => {
      const objects = shop.compileVariants('subject.c', SUBJECT, {
        behind: ['-DWEIGHT=0'],
        before: ['-DWEIGHT=100', '-DBEFORE'],
      });
      const result = shop.variants(objects, [shop.compile('main.c', MAIN)]);
      assert.deepEqual(result.warnings, []);
      const line = (weight: number): string => `2 2 4 2 2 4 ${6 + weight}, 111\n`;
      const run = await shop.run(result);
      assert.equal(run.output, (line(0) + line(100)).repeat(2));
      const slots = reread(result).melf!.functions.map(({ name }) => name);
      // One for the section, one for each place in it that has names: work and same are one.
      assert.equal(slots.filter((name) => /^(work|same|deep)$/.test(name)).length, 3);
    });

    it('need nothing where they lie alike', () => {
      const objects = shop.compileVariants('alike.c', SUBJECT, { a: ['-DWEIGHT=0'], b: ['-DWEIGHT=1'] });
      const functions = reread(shop.variants(objects, [shop.compile('main.c', MAIN)])).melf!.functions;
      assert.deepEqual(
        functions.map(({ name }) => name).filter((name) => /^(work|same|deep)$/.test(name)),
        ['work'],
      );
    });

    it('do not hide a string that lies elsewhere in another variant’s literals', async () => {
      // Literals in a section without names, as gcc has them with -fno-merge-constants; one variant has one more.
      const source = `
      #ifdef MORE
      const char *more(int x) { return x ? "a first one" : "another"; }
      #else
      const char *more(int x) { return 0; }
      #endif
      const char *const names[] = { "sleep", "quit" };`;
      const objects = shop.compileVariants('literals.c', source, {
        few: ['-fno-merge-constants'],
        many: ['-fno-merge-constants', '-DMORE'],
      });
      const main = shop.compile(
        'names.c',
        `#include <stdio.h>
      extern const char *const names[]; const char *more(int); void apply(int);
      int main(void) { for (int i = 0; i < 2; i++) { apply(i); const char *m = more(1); printf("%s %s %s\\n", names[0], names[1], m ? m : "-"); } return 0; }`,
      );
      const result = shop.variants(objects, [main]);
      assert.equal((await shop.run(result)).output, 'sleep quit -\nsleep quit a first one\n');
    });
  });
