// C++ on the host's own g++, glibc and libstdc++, with the unwinder told of each variant's tables by hand. For both ISAs, by melf-c++ and with
// libmelf: tests/exceptions.full.test.ts, tests/destructors.full.test.ts.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { link } from './link.ts';
import type { LinkInput } from './options.ts';
import { MANAGER, Workshop } from './tests/workshop.ts';

describe('C++ with templates, exceptions and thread-local objects', () => {
  let shop: Workshop;
  before(async () => {
    shop = await Workshop.open();
  });
  after(() => shop.close());

  const hostFile = (name: string): string => shop.tool('gcc', [`-print-file-name=${name}`]).trim();
  const source = `
    #include <cstdio>
    #include <map>
    #include <stdexcept>
    #include <string>
    struct A { virtual ~A() {} virtual int f(int x) { if (x > 3) throw std::runtime_error("big " + std::to_string(x)); return x; } };
    struct B : A { int f(int x) override { try { return A::f(x) + 1; } catch (std::logic_error &) { return -1; } } };
    thread_local std::string mine = "mine";
    extern "C" int work() {
      std::map<std::string, int> m; A *p = new B; mine = "mine";
      for (int i = 0; i < 6; i++) try { m["k" + std::to_string(i)] = p->f(i); } catch (const std::exception &e) { mine += e.what(); }
      for (auto &[k, v] : m) std::printf("%s=%d ", k.c_str(), v);
      std::puts(mine.c_str()); delete p; return 0;
    }`;
  const expected = 'k0=1 k1=2 k2=3 k3=4 minebig 4big 5\n';
  // libgcc looks into registered tables first: what a manager must do at a switch, done by hand here. crtbeginT.o would
  // register the main table, too, and before ours; crtbegin.o leaves that one to its program header.
  const main = `
    #include <string.h>
    int work(void); void apply(int);
    void __register_frame(void *); void *__deregister_frame(void *);
    extern const unsigned char __melf_start[];
    static unsigned u32(unsigned at) { unsigned v; memcpy(&v, __melf_start + at, 4); return v; }
    static void *frames(int v) { unsigned long a; memcpy(&a, __melf_start + u32(52) + v * u32(56) + 24, 8); return (void *)a; }
    int main(void) {
      for (int v = 0; v < 4; v++) {
        apply(v % 2);
        if (v % 2) __register_frame(frames(1));
        work();
        if (v % 2) __deregister_frame(frames(1));
      }
      return 0;
    }`;
  const around = (objects: readonly LinkInput[]): LinkInput[] => {
    const names = ['crt1.o', 'crti.o', 'crtbegin.o'].map(hostFile);
    const libm = /libm-[\d.]+\.a/.exec(readFileSync(hostFile('libm.a')).toString('latin1'))?.[0] ?? 'libm.a';
    const ends = ['libstdc++.a', libm, 'libgcc.a', 'libgcc_eh.a', 'libc.a', 'crtend.o', 'crtn.o'].map(hostFile);
    return [...names.map((path) => ({ path })), ...objects, ...ends.map((path) => ({ path }))];
  };
  const host = (name: string, text: string, flags: readonly string[]): string => {
    const object = join(shop.folder, `${name.replace('.', '-')}${flags[0]}.o`);
    shop.write(name, Buffer.from(text));
    const fixed = ['-ffunction-sections', '-fdata-sections', '-fno-pie', '-c', join(shop.folder, name), '-o', object];
    shop.tool(name.endsWith('.cc') ? 'g++' : 'gcc', [...flags, ...fixed]);
    return object;
  };

  it('in one variant', async () => {
    const inputs = around([
      { path: host('one.c', 'int work(void); int main(void) { return work(); }', ['-O1']) },
      { path: host('work.cc', source, ['-O2']) },
    ]);
    for (const gcSections of [false, true])
      assert.equal((await shop.run(link({ inputs, gcSections }))).output, expected);
  });

  for (const level of ['-O0', '-Os', '-O3']) {
    it(`in two variants, -O2 and ${level}, each unwound by its own tables`, async () => {
      const inputs = around([
        { path: host('work.cc', source, ['-O2']), variant: 'fast', unit: 'work.o' },
        { path: host('work.cc', source, [level]), variant: 'other', unit: 'work.o' },
        { path: host('two.c', main, ['-O1']) },
        { path: host('manager.c', MANAGER, ['-O1']) },
      ]);
      const run = await shop.run(link({ inputs, gcSections: true, variants: [{ name: 'fast' }, { name: 'other' }] }));
      assert.equal(run.output, expected.repeat(4));
      assert.equal(run.status, 0);
    });
  }
});
