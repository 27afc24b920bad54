// Symbols of the command line, with what GNU ld makes of the same.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { link } from './link.ts';
import { readMelf } from './melf-reader.ts';
import { parseSymbolExpression } from './symbol-expression.ts';
import { PLAIN_FLAGS, reread, Workshop } from './tests/workshop.ts';

/** With how often the place `b` is in each: the linkers put it at addresses of their own. */
const EXPRESSIONS: readonly (readonly [text: string, places: number])[] = [
  ['b', 1],
  ['b-4', 1],
  ['b+0x10', 1],
  [' b - 4 ', 1],
  ['(b + 4)', 1],
  ['"b"+4', 1],
  ['c', 1],
  ['4+c', 1],
  ['c-b', 0],
  ['(c-b)*2', 0],
  ['3*(c-b)+1', 0],
  ['b-(c-b)', 1],
  ['0-b', -1],
  ['-1', 0],
  ['0x10', 0],
  ['010', 0],
  ['10K', 0],
  ['2m', 0],
  ['0x10-4', 0],
  ['-(2+3)*4', 0],
  ['- -+5', 0],
  ['0xffffffffffffffff', 0],
  ['beta', 0],
  ['beta+1', 0],
  ['beta*2-gamma', 0],
  ['gamma+b', 1],
];

const NO_EXPRESSIONS = [
  '',
  ' ',
  'b +',
  '+',
  '(b',
  'b)',
  'b b',
  '4 4',
  '08',
  '0x',
  '1.5',
  'b*c',
  'b/2',
  'b&3',
  '@b',
  'b=4',
];

describe('the expressions of --defsym', () => {
  it('are sums of symbols and numbers, and nothing else', () => {
    for (const text of NO_EXPRESSIONS) assert.equal(parseSymbolExpression(text), undefined, text);
    assert.equal(parseSymbolExpression('('.repeat(100_000)), undefined);
    const { number, factors } = parseSymbolExpression('2*(a-b)-3+a')!;
    assert.equal(number, -3n);
    assert.deepEqual([...factors].sort(), [
      ['a', 3n],
      ['b', -2n],
    ]);
  });
});

for (const isa of ['x86-64', 'aarch64'] as const) {
  describe(`--defsym, ${isa}`, () => {
    let shop: Workshop;
    let object: string;
    before(async () => {
      shop = await Workshop.open(isa);
      const text =
        '.globl _start, b, c\n_start: nop\n.data\n.quad alpha, 0\nb: .quad 1\nc: .quad 2\n.comm shared, 8, 32\n';
      object = shop.compile('places.s', text, []);
    });
    after(() => shop.close());

    const symbolsOf = (bytes: Uint8Array): Map<string, number> =>
      new Map(
        readMelf(bytes)
          .symbols()
          .map(({ name, va }) => [name, va]),
      );
    const ours = (defsyms: Record<string, string>): Map<string, number> =>
      symbolsOf(link({ inputs: [{ path: object }], defsyms }).bytes);

    it(`as GNU ld has it: ${EXPRESSIONS.length} expressions`, () => {
      const all = Object.fromEntries(EXPRESSIONS.map(([text], i) => [`e${i}`, text]));
      const defsyms = { ...all, alpha: '1', beta: '0x77', gamma: 'beta-1' };
      const path = join(shop.folder, 'theirs');
      const flags = Object.entries(defsyms).map(([name, value]) => `--defsym=${name}=${value}`);
      shop.tool(shop.binutil('ld'), [object, '-o', path, ...flags]);
      const values = (symbols: Map<string, number>): string[] =>
        EXPRESSIONS.map(([text, places], i) => `${text} is ${symbols.get(`e${i}`)! - places * symbols.get('b')!}`);
      assert.deepEqual(values(ours(defsyms)), values(symbolsOf(readFileSync(path))));
    });

    it('of a common symbol and of one that the linker itself defines', () => {
      const symbols = ours({ alpha: 'shared+4', omega: '_end-1' });
      assert.equal(symbols.get('alpha'), symbols.get('shared')! + 4);
      assert.equal(symbols.get('omega'), symbols.get('_end')! - 1);
    });

    it('in its own expression a name is what it was without it', () => {
      const [symbols, plain] = [ours({ b: 'b+8', alpha: '1' }), ours({ alpha: '1' })];
      assert.equal(symbols.get('b'), plain.get('c'));
    });

    for (const [what, defsyms, message] of [
      ['a symbol that is not there', { alpha: 'absent+1' }, /^--defsym alpha=absent\+1: absent is not defined$/],
      ['what is no sum', { alpha: 'b*c' }, /^--defsym alpha=b\*c: its value is no sum of symbols and numbers$/],
      ['a circle', { alpha: 'beta', beta: 'alpha+1' }, /is defined by itself$/],
      ['more than a double holds', { alpha: '0x7fffffffffffffff' }, /has more than 53 bits$/],
    ] as const) {
      it(`refuses ${what}`, () => assert.throws(() => ours(defsyms), { code: 'link.bad-defsym', message }));
    }

    it('leads a program to places, numbers and functions, whose sections stay and whose archive members come', async () => {
      const main = shop.compile(
        'main.c',
        `#include <stdio.h>
        extern char place[], distance[], negative[], strings[]; int other_name(int); void apply(int);
        char *words[] = { place, distance, negative, strings };
        int main(void) {
          printf("%d %ld %ld %s", *(int *)words[0], (long)words[1], (long)words[2], words[3]);
          for (int v = 0; v < 2; v++) { apply(v); printf(" %d", other_name(4)); }
        }`,
      );
      const member = shop.compile(
        'member.c',
        'int table[4] = { 1, 2, 3, 4 };\n__asm__(".section .rodata.str1.1,\\"aMS\\",%progbits,1\\n.globl text\\ntext: .asciz \\"a text\\"\\n");\n',
      );
      const archive = shop.archive('libtable.a', [member]);
      const unit = 'int work(int x) { return x * V; }';
      const variants = shop.compileVariants('unit.c', unit, { one: ['-DV=10'], two: ['-DV=20', '-O0'] });
      const result = shop.variants(variants, [main, archive], {
        defsyms: {
          place: 'table+8',
          distance: '(end-1)-(end-3)',
          negative: '0-7',
          strings: 'text+2',
          other_name: 'work',
        },
      });
      assert.deepEqual(await shop.run(result), { output: '3 2 -7 text 40 80', status: 0, signal: null });
      const symbols = reread(result).symbols();
      assert.ok(symbols.some(({ name }) => name === 'place'));
    });

    it('moves with a position-independent program where it is a place, and is refused where it can be neither', async () => {
      const flags = [...PLAIN_FLAGS.filter((flag) => flag !== '-fno-pie'), '-fPIE'];
      const main = shop.compile(
        'pie.c',
        `#include <stdio.h>
        extern char place[], sum[], distance[]; int table[4] = { 1, 2, 3, 4 };
        char *words[] = { place, sum, distance };
        int main(void) { printf("%d %d %ld", *(int *)words[0], *(int *)words[1], (long)words[2]); }`,
        flags,
      );
      const { crt, libc, libgcc } = shop.toolchain;
      const inputs = [join(crt.crt1, '../rcrt1.o'), crt.crti, main, libc, libgcc, crt.crtn].map((path) => ({ path }));
      const linked = (distance: string) =>
        link({ inputs, pie: true, defsyms: { place: 'table+4', sum: 'place+main-main+4', distance } });
      assert.equal((await shop.run(linked('sum-table'))).output, '2 3 8');
      for (const distance of ['table+main', '-main', '2*table'])
        assert.throws(() => linked(distance), {
          code: 'link.bad-defsym',
          message: /depend on where the program is loaded/,
        });
    });
  });
}
