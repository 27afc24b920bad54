// Position-independent executables that relocate themselves (L15): addresses in data, in the GOT and in .genmeta follow the load bias.

import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { skipBecause } from '../base/tests/skip.ts';
import { ensureGlibc } from '../setup/glibc.ts';
import { PT_LOAD, PT_MVS, TABLE_SPAN } from './elf.ts';
import type { LinkError } from './errors.ts';
import { link } from './link.ts';
import { loadedAt } from './load-bias.ts';
import type { LinkInput, LinkOptions } from './options.ts';
import { MANAGER, PLAIN_FLAGS, reread, Workshop } from './tests/workshop.ts';

const FLAGS = [...PLAIN_FLAGS.filter((flag) => flag !== '-fno-pie'), '-fPIE'];

/** Everything in which a position-independent link differs: addresses in all kinds of data, weak symbols, the linker's own, TLS. */
const SUBJECT = `
#include <stdio.h>
#include <string.h>
extern int nobody(void) __attribute__((weak));
extern char __ehdr_start[], _end[];
static int value = 5;
int *pointer = &value;
static const char *const names[] = { "zero", "one " TEXT, "two" };
static __thread int *mine = &value;
static __thread int counted = 3;
static int count;
static int twice(int x) { return 2 * x; }
static int thrice(int x) { return 3 * x + BONUS; }
int (*const table[])(int) = { twice, thrice };
int jump(int x) {
  static const void *const labels[] = { &&a, &&b, &&c };
  int r = BONUS;
  goto *labels[x % 3]; a: r += 1; b: r += 10; c: r += 100; return r;
}
int work(int x) {
  count++;
  switch (x) { case 0: return *pointer; case 1: return *mine; case 2: return counted++; case 3: return table[1](x); case 4: return (int)strlen(names[1]);
    case 5: return jump(x); case 6: return nobody == 0; case 7: return _end > __ehdr_start; case 8: return count; default: return -1; }
}
`;
const MAIN = `
#include <stdio.h>
#include <pthread.h>
int work(int); void apply(int);
static void *run(void *p) { for (int i = 0; i < 9; i++) printf(" %d", work(i)); return p; }
int (*volatile entry)(int);
int main(int argc, char **argv) {
  (void)argv;
  entry = work;
  for (int k = 0; k < 4; k++) {
    if (argc > 1) apply(k % 2);
    pthread_t t; pthread_create(&t, 0, run, 0); pthread_join(t, 0);
    printf(" | %d", entry(3)); run(0); puts("");
  }
  return 0;
}
`;

/** What MAIN prints, given the variant of each of its four rounds. */
function expected(variants: readonly ('fast' | 'other')[]): string {
  const lines = variants.map((variant, round) => {
    const [bonus, text] = variant === 'fast' ? [0, 'one f'] : [1000, 'one other'];
    const values = (mine: number, calls: number): string =>
      [5, 5, mine, 9 + bonus, text.length, 100 + bonus, 1, 1, 19 * round + calls].join(' ');
    return ` ${values(3, 9)} | ${9 + bonus} ${values(3 + round, 19)}\n`;
  });
  return lines.join('');
}
const FAST = expected(['fast', 'fast', 'fast', 'fast']);
const SWITCHED = expected(['fast', 'other', 'fast', 'other']);

/** The whole address in the code itself, which has to be the same wherever it runs. */
const ADDRESS_IN_CODE = {
  'x86-64': ['movabs $main, %rax', 'R_X86_64_64'],
  aarch64: ['movz x0, #:abs_g3:main', 'R_AARCH64_MOVW_UABS_G3'],
} as const;
const ADDRESS = { 'x86-64': 'R_X86_64_64', aarch64: 'R_AARCH64_ABS64' } as const;

for (const isa of ['x86-64', 'aarch64'] as const)
  describe(`a position-independent executable, ${isa}`, function () {
    // Programs of the other ISA run in the sandbox, which takes its time on a busy machine.
    this.timeout(300_000);
    let shop: Workshop;
    let subject: Record<string, string[]>;
    let common: string[];
    before(async () => {
      shop = await Workshop.open(isa);
      const compile = (variant: string, own: readonly string[]): string =>
        shop.compile(`${variant}/subject.c`, SUBJECT, [...FLAGS, ...own]);
      subject = {
        fast: [compile('fast', ['-DTEXT="f"', '-DBONUS=0'])],
        other: [compile('other', ['-O0', '-DTEXT="other"', '-DBONUS=1000'])],
      };
      common = [shop.compile('main.c', MAIN, FLAGS), shop.compile('manager.c', MANAGER, FLAGS)];
    });
    after(() => shop.close());

    const linked = (inputs: readonly LinkInput[], options: Partial<LinkOptions> = {}) => {
      const { crt, libc, libgcc } = shop.toolchain;
      const before = [join(dirname(crt.crt1), 'rcrt1.o'), crt.crti].map((path) => ({ path }));
      const after = [libc, libgcc, crt.crtn].map((path) => ({ path }));
      return link({ ...options, pie: true, inputs: [...before, ...inputs, ...after] });
    };
    const multivariant = (options: Partial<LinkOptions> = {}) => {
      const own = Object.entries(subject).flatMap(([variant, paths]) => paths.map((path) => ({ path, variant })));
      const variants = Object.keys(subject).map((name) => ({ name }));
      return linked([...own, ...common.map((path) => ({ path }))], { variants, ...options });
    };
    it('runs where it is loaded', async () => {
      const alone = shop.compile('alone.c', 'void apply(int v) { (void)v; }', FLAGS);
      const run = await shop.run(linked([common[0]!, alone, subject.fast![0]!].map((path) => ({ path }))));
      assert.deepEqual(run, { output: FAST, status: 0, signal: null });
    });

    it('switches variants where it was loaded: .genmeta holds the address with the bias (L15)', async () => {
      for (const gcSections of [false, true]) {
        const result = multivariant({ gcSections });
        assert.deepEqual(await shop.run(result), { output: FAST, status: 0, signal: null });
        assert.deepEqual(await shop.run(result, ['switch']), { output: SWITCHED, status: 0, signal: null });
      }
    });

    it('is ET_DYN at 0, aligned so that the window keeps page tables of its own, with one window address everywhere', () => {
      const { bytes } = multivariant();
      const file = reread({ bytes });
      assert.equal(file.isPie, true);
      const first = file.segments.find((s) => s.type === PT_LOAD)!;
      assert.deepEqual([first.va, first.offset, first.align], [0, 0, TABLE_SPAN]);
      assert.equal(file.melf!.windowVa % TABLE_SPAN, 0);
      assert.equal(file.genmeta!.windowVa, file.melf!.windowVa);
      assert.equal(file.segments.find((s) => s.type === PT_MVS)!.va, file.melf!.windowVa);
      const path = shop.write('shown', bytes);
      assert.doesNotMatch(shop.tool('sh', ['-c', `readelf -aW ${path} 2>&1`]), /^readelf: /m);
      const dynamic = shop.tool('readelf', ['-dW', path]);
      assert.match(dynamic, /FLAGS_1.*PIE/);
      assert.doesNotMatch(dynamic, /TEXTREL/);
      assert.match(shop.tool(shop.binutil('nm'), [path]), /^[0-9a-f]+ [dD] _DYNAMIC$/m);
    });

    it('has its relative relocations counted, in order, and none in code or constants', () => {
      const { bytes } = multivariant();
      const { segments } = reread({ bytes });
      const path = shop.write('relocated', bytes);
      const rows = [
        ...shop.tool('readelf', ['-rW', path]).matchAll(/^([0-9a-f]+) +\S+ R_(?:X86_64|AARCH64)_(\w+) +([0-9a-f]+)$/gm),
      ].map(([, place, type, value]) => ({ place: Number(`0x${place}`), type, value: Number(`0x${value}`) }));
      assert.ok(rows.length > 10);
      assert.ok(rows.every((r) => r.type === 'RELATIVE'));
      assert.equal(Number(/RELACOUNT\) +(\d+)/.exec(shop.tool('readelf', ['-dW', path]))![1]), rows.length);
      for (const [i, row] of rows.entries()) {
        assert.ok(i === 0 || rows[i - 1]!.place < row.place);
        const holder = segments.find(
          (s) => s.type === PT_LOAD && row.place >= s.va && row.place < s.va + s.memorySize,
        )!;
        assert.equal(holder.flags & 2, 2, 'in writable memory');
        assert.ok(segments.some((s) => s.type === PT_LOAD && row.value >= s.va && row.value <= s.va + s.memorySize));
      }
    });

    it('works with glibc: its ifuncs, TLS and self-relocation', async function () {
      const glibc = await ensureGlibc(isa);
      if (glibc === undefined) return skipBecause(this, 'glibc for this instruction set is not to be had');
      const [gcc = '', ...fixed] = glibc.cc;
      const ofGcc = (name: string): string => shop.tool(gcc, [`-print-file-name=${name}`]).trim();
      const names = [...glibc.firstOfPie, ofGcc('crtbeginS.o')];
      const ends = [ofGcc('crtendS.o'), ...glibc.last];
      const compile = (name: string, text: string, own: readonly string[]): string => {
        shop.write(`host-${name}`, Buffer.from(text));
        const object = join(shop.folder, `host-${own[0]}-${name}.o`);
        shop.tool(gcc, [...fixed, ...FLAGS, ...own, '-c', join(shop.folder, `host-${name}`), '-o', object]);
        return object;
      };
      const inputs = (units: readonly LinkInput[]): LinkInput[] => [
        ...names.map((path) => ({ path })),
        ...units,
        { path: compile('main.c', MAIN, ['-O1']) },
        { path: compile('manager.c', MANAGER, ['-O1']) },
        ...ends.map((path) => ({ path })),
      ];
      const variant = (name: string, own: readonly string[]): LinkInput => ({
        path: compile('subject.c', SUBJECT, own),
        variant: name,
        unit: 'subject',
      });
      const result = link({
        inputs: inputs([
          variant('fast', ['-O2', '-DTEXT="f"', '-DBONUS=0']),
          variant('other', ['-O0', '-DTEXT="other"', '-DBONUS=1000']),
        ]),
        variants: [{ name: 'fast' }, { name: 'other' }],
        pie: true,
        gcSections: true,
      });
      assert.match(shop.tool('readelf', ['-rW', shop.write('glibc', result.bytes)]), /R_(X86_64|AARCH64)_IRELATIV/);
      assert.deepEqual(await shop.run(result), { output: FAST, status: 0, signal: null });
      assert.deepEqual(await shop.run(result, ['switch']), { output: SWITCHED, status: 0, signal: null });
    });

    it('is refused where code or constants would hold an address, with the hint to compile otherwise', () => {
      const refusal = (source: string, flags: readonly string[], name = 'bad.c'): LinkError => {
        try {
          linked([{ path: shop.compile(name, source, flags) }]);
        } catch (error) {
          return error as LinkError;
        }
        return assert.fail('it was linked');
      };
      // AArch64 compilers reach data from the instruction's own place in any case.
      if (isa === 'x86-64') {
        const fixed = refusal('int data[9]; int main(int n, char **v) { (void)v; return data[n]; }', PLAIN_FLAGS);
        assert.match(
          fixed.message,
          /relocation R_X86_64_32S to data cannot be used in a position-independent executable/,
        );
        assert.match(fixed.message, />>> referenced by .*bad\.o:\(\.text\.startup\.main\)\+0x/);
      }
      const [instruction, type] = ADDRESS_IN_CODE[isa];
      const code = refusal(`.globl main\nmain: ${instruction}\nret\n`, [], 'code.s');
      assert.equal(code.code, 'link.not-position-independent');
      assert.match(
        code.message,
        new RegExp(`relocation ${type} to main cannot be used in a position-independent executable`),
      );
      assert.match(code.message, />>> referenced by .*code\.o:\(\.text\)\+0x/);
      assert.match(code.message, /compile with -fPIE/);
      const constant = refusal('.globl main\nmain: ret\n.section .rodata\n.quad main\n', [], 'constant.s');
      assert.match(constant.message, new RegExp(`${ADDRESS[isa]} to main[^]*\\(\\.rodata\\)`));
    });

    it('is refused with a start-up file that would not relocate it', () => {
      assert.throws(
        () => shop.link([{ path: shop.compile('none.c', 'int main(void) { return 0; }', FLAGS) }], { pie: true }),
        (error: LinkError) =>
          error.code === 'link.start-file' && /crt1\.o\n>>> hint: give rcrt1\.o/.test(error.message),
      );
    });

    it('keeps numbers as they are: an absolute symbol does not move', async () => {
      const object = shop.compile(
        'number.c',
        '#include <stdio.h>\nextern char number[] __attribute__((weak)); char *kept = number; int main(void) { printf("%lx %lx\\n", (long)number, (long)kept); return 0; }',
        FLAGS,
      );
      const result = linked([{ path: object }], { defsyms: { number: '0x1234' } });
      assert.equal((await shop.run(result)).output, '1234 1234\n');
    });

    it('is read back as it lies in a process', () => {
      const file = reread(multivariant());
      const there = loadedAt(file, 0x10_0000_0000);
      assert.equal(there.melf!.windowVa, file.melf!.windowVa + 0x10_0000_0000);
      const f = there.melf!.functions[0]!;
      assert.deepEqual(there.body(f, 1), file.body(file.melf!.functions[0]!, 1));
      assert.equal(loadedAt(there, 0).melf!.windowVa, file.melf!.windowVa);
    });
  });
