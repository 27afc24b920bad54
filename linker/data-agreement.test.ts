import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../base/command.ts';
import { LinkError } from './errors.ts';
import { PLAIN_FLAGS, Workshop } from './tests/workshop.ts';

describe('data that variants disagree about is told as the source has it, by the debug information', function () {
  this.timeout(300_000);
  let shop: Workshop;
  before(async () => {
    shop = await Workshop.open();
  });
  after(() => shop.close());

  const source = `
    struct in { char c; short t[3]; };
    typedef struct cfg { int a; int limit; unsigned low : 3, high : 9; struct in in[2]; } cfg_t;
    struct cfg cfg = { .limit = CFG };
    const cfg_t table[3] = { [2] = { .in = { { 0 }, { 1, { 2, 3, TABLE } } } } };
    int grid[2][3] = { { 0 }, { 0, GRID } };
    int others[64]; struct { long n; int *to; } pointer = { 1, others + POINTER };
    __thread short own = OWN;
    union { long l; char c[8]; } both = { .c = { [5] = BOTH } };
    cfg_t bits = { .high = BITS };
    int *get(int n) {
      static int kept[4] = { [3] = KEPT };
      pointer.to++, pointer.n++, own++, both.l++, bits.low++;
      kept[n]++;
      return n ? pointer.to : &kept[n] + table[n].a + grid[n][n];
    }`;
  const names = ['CFG', 'TABLE', 'GRID', 'POINTER', 'OWN', 'BOTH', 'BITS', 'KEPT'] as const;
  const clang = findProgram('clang');
  for (const by of clang === undefined ? ['gcc'] : ['gcc', 'clang'])
    for (const version of ['-gdwarf-4', '-gdwarf-5'])
      for (const [name, told, line] of [
        ['CFG', 'cfg: the initial contents differ at +4 (cfg.limit of struct cfg)', 4],
        ['TABLE', 'table: the initial contents differ at +80 (table[2].in[1].t[2] of cfg_t[3])', 5],
        ['GRID', 'grid: the initial contents differ at +16 (grid[1][1] of int[2][3])', 6],
        ['POINTER', 'pointer: the initial contents hold different addresses at +8 (pointer.to of struct {…})', 7],
        ['OWN', 'own: the initial contents differ at +0 (own of type short)', 8],
        ['BOTH', 'both: the initial contents differ at +5 (both.l of union {…})', 9],
        ['BITS', 'bits: the initial contents differ at +8 (bits.high of cfg_t)', 10],
        ['KEPT', 'kept: the initial contents differ at +12 (get::kept[3] of int[4])', 12],
      ] as const)
        it(`${name} (${by} ${version})`, () => {
          const objects = ['plain', 'debug'].map((variant) => {
            const flags = names.map((one) => `-D${one}=${one === name && variant === 'debug' ? 32 : 8}`);
            const all = ['-g', version, ...flags];
            if (by === 'gcc')
              return [variant, [shop.compile(`${variant}/data.c`, source, [...PLAIN_FLAGS, ...all])]] as const;
            mkdirSync(join(shop.folder, variant), { recursive: true });
            const path = join(shop.folder, variant, 'data.c');
            writeFileSync(path, source);
            shop.tool(clang!, [...PLAIN_FLAGS, ...all, '-c', path, '-o', path.replace(/c$/, 'o')]);
            return [variant, [path.replace(/c$/, 'o')]] as const;
          });
          const main = shop.compile('data-main.c', 'int *get(int); int main(void) { return *get(1); }');
          assert.throws(
            () => shop.variants(Object.fromEntries(objects), [main]),
            (error: Error) => {
              assert.ok(error instanceof LinkError);
              const [first, ...others] = error.diagnostics;
              assert.deepEqual(others, []);
              const plain = (text: string): string => text.replace('get.kept', 'kept').replace('(kept', '(get::kept');
              const message = plain(first!.message).replace('short int', 'short');
              assert.equal(message, `variants plain and debug disagree about ${told}`);
              for (const [i, { where }] of first!.places.entries())
                assert.match(
                  where,
                  new RegExp(`data\\.c:${line} in .*data\\.o \\[variant ${['plain', 'debug'][i]}\\]`),
                );
              return true;
            },
          );
        });
});
