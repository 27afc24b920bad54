// The source of code in every variant, compared instruction by instruction with what addr2line says of each variant linked alone by GNU ld.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../../base/command.ts';
import { skipBecause } from '../../base/tests/skip.ts';
import { readMelf } from '../melf-reader.ts';
import type { LinkOptions } from '../options.ts';
import { PLAIN_FLAGS, reread, Workshop } from '../tests/workshop.ts';
import { type SourceFrame, SourceMap } from './source-map.ts';

const HEADER = `
static inline __attribute__((always_inline)) int deepest(int x) {
  asm volatile("nop");
  return x * 7;
}
`;
const SUBJECT = `
#include "inlined.h"
static inline __attribute__((always_inline)) int middle(int x) {
  int y = deepest(x + 1);
  return y ^ 5;
}
__attribute__((noinline)) static int helper(int x)
{
  if (x > 3)
    return middle(x);
  return x - 1;
}
int unused(int x) { return deepest(x) - 9; }
int work(int x)
{
  int sum = 0;
#ifdef LOUD
  asm volatile("nop; nop; nop");
#endif
  for (int i = 0; i < x; i++)
    sum += helper(i) + middle(sum);
  return sum;
}
#ifdef LOUD
int only_loud(int x) { return middle(x) + 2; }
#endif
`;
const MAIN = `
int work(int);
int main(int n, char **v)
{
  (void)v;
  return work(n) == 0;
}
`;

const TARGETS = { 'x86-64': 'x86_64-linux-gnu', aarch64: 'aarch64-linux-gnu' } as const;
/** A gdb that knows the ISA. */
const GDB = { 'x86-64': 'gdb', aarch64: 'gdb-multiarch' } as const;

const compilers = ['gcc', 'clang', 'clang-14'].filter((name) => spawnSync(name, ['--version']).status === 0);
/** Of clang's names one is enough. */
const chosen = compilers.filter((name) => name === 'gcc' || name === compilers.find((one) => one.startsWith('clang')));

for (const isa of ['x86-64', 'aarch64'] as const)
  describe(`debug information of a MELF, ${isa}`, function () {
    // Compilers take their time on a busy machine.
    this.timeout(300_000);
    let shop: Workshop;
    before(async () => {
      shop = await Workshop.open(isa);
      shop.write('inlined.h', Buffer.from(HEADER));
    });
    after(() => shop.close());

    const VARIANTS = { plain: ['-O2'], loud: ['-O0', '-DLOUD'], small: ['-Os', '-DLOUD'] } as const;

    const compile = (compiler: string, name: string, source: string, flags: readonly string[]): string => {
      shop.write(name, Buffer.from(source));
      const object = join(shop.folder, `${compiler}${flags.join('')}-${name}.o`);
      const all = [...PLAIN_FLAGS.slice(1), '-g', ...flags, `-I${shop.folder}`, '-c', join(shop.folder, name)];
      const [program, ...target] = compiler === 'gcc' ? [shop.binutil('gcc')] : [compiler, `--target=${TARGETS[isa]}`];
      shop.tool(program!, [...target, ...all, '-o', object]);
      return object;
    };
    const build = (compiler: string, own: readonly string[], options: Partial<LinkOptions> = {}) => {
      const units = Object.entries(VARIANTS).map(([variant, flags]) => ({
        path: compile(compiler, 'subject.c', SUBJECT, [...flags, ...own]),
        variant,
        unit: 'subject',
      }));
      const main = { path: compile(compiler, 'main.c', MAIN, ['-O1', ...own]) };
      const variants = Object.keys(VARIANTS).map((name) => ({ name }));
      const result = shop.link([main, ...units], {
        variants,
        gcSections: true,
        undefinedSymbols: ['only_loud'],
        ...options,
      });
      return { file: reread(result), units, main: main.path };
    };
    /**
     * What addr2line prints for addresses: for each its frames. LLVM's where clang compiled, if it is there: binutils 2.40 loses the inlined
     * calls whose ranges clang lists in .debug_rnglists.
     */
    const askStock = (compiler: string, path: string, addresses: readonly number[]): SourceFrame[][] => {
      const llvm = compiler === 'gcc' ? undefined : findProgram(compiler.replace('clang', 'llvm-addr2line'));
      const text = shop.tool(llvm ?? shop.binutil('addr2line'), [
        '-a',
        '-f',
        '-i',
        '-e',
        path,
        ...addresses.map((a) => `0x${a.toString(16)}`),
      ]);
      return text
        .trim()
        .split(/^0x[0-9a-f]+$\n/m)
        .slice(1)
        .map((block) => {
          const lines = block.trim().split('\n');
          return Array.from({ length: lines.length / 2 }, (_, i): SourceFrame => {
            const [, file, line] = /^(.*):(\d+|\?)/.exec(lines[2 * i + 1]!)!;
            return { function: lines[2 * i], file, line: Number(line) || 0 };
          });
        });
    };

    for (const compiler of chosen) {
      for (const own of [['-gdwarf-4'], ['-gdwarf-5'], ['-gdwarf-5', '-gz=zlib']]) {
        it(`tells functions, lines and inlined calls of each variant: ${compiler} ${own.join(' ')}`, () => {
          const { file, units, main } = build(compiler, own);
          const map = new SourceMap(file, 'the program');
          let compared = 0;
          let inlined = 0;
          for (const [v, { path }] of units.entries()) {
            const alone = shop.linkWithLd(`alone-${v}`, [main, path]);
            const symbols = readMelf(readFileSync(alone)).symbols();
            for (const f of file.melf!.functions) {
              const theirs = symbols.find((s) => s.name === f.name);
              if (f.bodies[v]!.source !== v || theirs === undefined) continue;
              const offsets = [...Array(f.bodies[v]!.size).keys()];
              const expected = askStock(
                compiler,
                alone,
                offsets.map((o) => theirs.va + o),
              );
              for (const o of offsets) {
                const ours = map.frames(f.va + o, v);
                assert.deepEqual(ours, expected[o], `${f.name}+${o} of variant ${v}`);
                compared++;
                if (ours.length > 1) inlined++;
              }
            }
          }
          assert.ok(compared > 300 && inlined > 30, `${compared} addresses compared, ${inlined} of inlined code`);
        });

        it(`is the default variant's to addr2line: ${compiler} ${own.join(' ')}`, () => {
          const { file } = build(compiler, own);
          const path = shop.write('melf', file.bytes);
          const map = new SourceMap(file, path);
          const slot = file.melf!.functions.find((f) => f.name === 'work')!;
          const work = { va: slot.va, size: slot.bodies[0]!.size };
          const main = file.symbols().find((s) => s.name === 'main')!;
          for (const symbol of [work, main]) {
            const addresses = Array.from({ length: symbol.size }, (_, i) => symbol.va + i);
            const stock = askStock(compiler, path, addresses);
            for (const [i, address] of addresses.entries()) assert.deepEqual(map.frames(address, 0), stock[i]);
          }
          assert.ok(map.frames(work.va, 0)[0]!.file!.endsWith('subject.c'));
        });

        it(`is the default variant's to gdb: ${compiler} ${own.join(' ')}`, function () {
          if (spawnSync(GDB[isa], ['--version']).status !== 0) {
            skipBecause(this, `${GDB[isa]} is not on this machine`);
          }
          const built = build(compiler, own);
          const path = shop.write('melf', built.file.bytes);
          const alone = shop.linkWithLd('alone', [built.main, built.units[0]!.path]);
          const commands = ['work', 'main', 'helper'].flatMap((name) => ['-ex', `info line ${name}`]);
          const [ours, theirs] = [path, alone].map((one) => {
            const { stdout, stderr } = spawnSync(GDB[isa], ['-nx', '-batch', ...commands, one], { encoding: 'utf8' });
            assert.doesNotMatch(stderr, /warning|error/i);
            return stdout.replace(/0x[0-9a-f]+/g, '');
          });
          assert.match(ours!, /^Line \d+ of ".*subject\.c" starts at address {2}<work>/m);
          assert.equal(ours, theirs);
        });
      }
    }

    it('of common code and of functions that one variant alone has is found, too', () => {
      const { file } = build('gcc', [], { common: ['helper'] });
      const map = new SourceMap(file, 'the program');
      const at = (name: string): number => file.symbols().find((s) => s.name === name)!.va;
      for (const variant of [0, 1, 2]) {
        assert.equal(map.frames(at('helper'), variant)[0]!.function, 'helper');
        assert.equal(map.frames(at('main'), variant)[0]!.function, 'main');
        // The slot shows a body of variant loud in variant plain.
        assert.equal(map.frames(at('only_loud'), variant).at(-1)!.function, 'only_loud');
      }
      // helper is the default's code everywhere: its lines are those of -O2 in every variant.
      assert.deepEqual(map.frames(at('helper'), 1), map.frames(at('helper'), 0));
    });

    it('goes with strip -g and --strip-debug, and other tools read past it', () => {
      const { file } = build('gcc', []);
      const path = shop.write('stripped', file.bytes);
      assert.ok(file.sections.some((s) => s.name === '.debug_info@loud'));
      const said = shop.tool('sh', ['-c', `readelf -aW ${path} 2>&1; ${shop.binutil('objdump')} -dS ${path} 2>&1`]);
      assert.doesNotMatch(said, /^(readelf|\S*objdump|BFD): /m);
      shop.tool(shop.binutil('strip'), ['-g', path]);
      const rest = readMelf(readFileSync(path));
      assert.ok(!rest.sections.some((s) => s.name.startsWith('.debug')));
      for (const v of [0, 1, 2]) assert.equal(Buffer.compare(rest.window(v), file.window(v)), 0);
      assert.ok(!reread(build('gcc', [], { stripDebug: true }).file).sections.some((s) => s.name.startsWith('.debug')));
    });

    const compressing = () => {
      const { file } = build('gcc', []);
      const at = file.melf!.functions.find((f) => f.name === 'work')!.va;
      const plain = new SourceMap(file, 'the program').frames(at, 1);
      assert.equal(plain[0]!.function, 'work');
      const compressed = (how: string): SourceMap => {
        const path = shop.write(how, file.bytes);
        shop.tool(shop.toolchain.objcopy, [`--compress-debug-sections=${how}`, path]);
        return new SourceMap(readMelf(readFileSync(path)), path);
      };
      return { at, plain, compressed };
    };

    it('may be compressed in the file: zlib', () => {
      const { at, plain, compressed } = compressing();
      assert.deepEqual(compressed('zlib').frames(at, 1), plain);
    });

    it('may be compressed in the file: zstd', function () {
      if (!spawnSync(shop.toolchain.objcopy, ['--help'], { encoding: 'utf8' }).stdout.includes('zstd')) {
        skipBecause(this, 'the objcopy of this machine knows no zstd');
      }
      const { at, plain, compressed } = compressing();
      assert.deepEqual(compressed('zstd').frames(at, 1), plain);
      // The same for objects to link.
      const object = compile('gcc', 'main.c', MAIN, ['-O1']);
      shop.tool(shop.toolchain.objcopy, ['--compress-debug-sections=zstd', object, `${object}.zstd`]);
      assert.match(shop.tool('readelf', ['-SW', '-t', `${object}.zstd`]), /ZSTD/);
      const debugOf = (path: string): string[] =>
        reread(
          shop.link([
            { path },
            { path: compile('gcc', 'rest.c', 'void apply(int v) { (void)v; } int work(int x) { return x; }', []) },
          ]),
        )
          .sections.filter((s) => s.name.startsWith('.debug'))
          .map((s) => `${s.name} ${s.size}`);
      assert.deepEqual(debugOf(`${object}.zstd`), debugOf(object));
    });

    it('that is damaged is refused with a reason of its own', () => {
      const { file } = build('gcc', []);
      const info = file.sections.find((s) => s.name === '.debug_info')!;
      const main = file.symbols().find((s) => s.name === 'main')!.va;
      for (const damage of [
        [0, 0xff, 0xff, 0xff, 0x7f],
        [4, 77],
        [12, 0x7f],
      ]) {
        const bytes = file.bytes.slice();
        bytes.set(damage.slice(1), info.offset + damage[0]!);
        assert.throws(() => new SourceMap(readMelf(bytes), 'the program').frames(main, 0), {
          code: 'debug.malformed',
          message: /^the program: its debug information is damaged: /,
        });
      }
    });
  });
