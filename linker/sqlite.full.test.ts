// SQLite as two variants. With SQLITE_DEBUG in one of them its structs differ, which no link may let through; with it in both, and only assert()
// differing, all that is shared agrees. By its debug information; the offsets in the message are checked by the compiler.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureAmalgamation } from '../scenarios/sqlite-assertions/amalgamation.ts';
import { LinkError } from './errors.ts';
import { Workshop } from './tests/workshop.ts';

const shim = join(import.meta.dirname, '../scenarios/sqlite-assertions/guest/shim');
const FLAGS = ['-O0', '-g', '-w', '-ffunction-sections', '-fdata-sections', '-fno-pie', '-fno-stack-protector'];
const OPTIONS = ['-DSQLITE_THREADSAFE=0', '-DSQLITE_OMIT_LOAD_EXTENSION', '-DSQLITE_TEMP_STORE=2'];
const DEFINITIONS = {
  plain: ['-DMELF_ASSERTIONS=0'],
  debug: ['-DSQLITE_DEBUG', '-DMELF_ASSERTIONS=1'],
  quiet: ['-DSQLITE_DEBUG', '-DMELF_ASSERTIONS=0'],
} as const;

const MAIN = `
#include <stdio.h>
#include "sqlite3.h"
void apply(int);
static int show(void *p, int n, char **values, char **names) { (void)p; (void)names; printf("%s", values[0]); return n != 1; }
void melf_assertion_failed(const char *what, const char *file, int line) { printf("%s:%d: %s\\n", file, line, what); }
int main(void) {
  sqlite3 *db;
  if (sqlite3_open(":memory:", &db) || sqlite3_exec(db, "create table t(x)", 0, 0, 0)) return 1;
  for (int i = 0; i < 6; i++) {
    apply(i % 2);
    if (sqlite3_exec(db, "insert into t select count(*) from t; select sum(x) + max(x) from t", show, 0, 0)) return 2;
    printf(" ");
  }
  return sqlite3_close(db);
}
`;

for (const isa of ['x86-64', 'aarch64'] as const) {
  describe(`SQLite as variants, by its debug information, ${isa}`, function () {
    this.timeout(1_200_000);
    let shop: Workshop;
    let folder: string;
    const objects: Partial<Record<keyof typeof DEFINITIONS, string>> = {};
    before(async () => {
      shop = await Workshop.open(isa);
      ({ folder } = await ensureAmalgamation());
      const source = readFileSync(join(folder, 'sqlite3.c'), 'utf8');
      for (const name of ['plain', 'debug', 'quiet'] as const) {
        const flags = [...FLAGS, ...OPTIONS, ...DEFINITIONS[name], `-I${shim}`];
        objects[name] = shop.compile(`${name}/sqlite3.c`, source, flags);
      }
    });
    after(() => shop?.close());

    const linked = (a: keyof typeof DEFINITIONS, b: keyof typeof DEFINITIONS) => {
      const main = shop.compile('main.c', MAIN, ['-O1', '-fno-pie', `-I${folder}`]);
      return shop.variants({ [a]: [objects[a]!], [b]: [objects[b]!] }, [main]);
    };

    it('is refused with SQLITE_DEBUG in one: the type, the member, both offsets, both sources', () => {
      let refusal: LinkError | undefined;
      try {
        linked('plain', 'debug');
      } catch (error) {
        assert.ok(error instanceof LinkError);
        refusal = error;
      }
      assert.ok(refusal !== undefined, 'it was linked');
      const form =
        /disagree about (struct \w+|\w+): member (\w+) is at \+(\d+) in variant plain and at \+(\d+) in variant debug, after (\w+), which only that has\n>>> defined in \S*plain\/sqlite3\.c:(\d+) \[variant plain\], (\d+) bytes, in \S+\n>>> defined in \S*debug\/sqlite3\.c:(\d+) \[variant debug\], (\d+) bytes, in \S+/g;
      const found = [...refusal.message.matchAll(form)];
      assert.ok(found.length >= 3, refusal.message);
      let checked = 0;
      for (const [, type, member, plain, debug, only, , plainSize, , debugSize] of found) {
        assert.notEqual(plain, debug);
        for (const [name, offset, size, has] of [
          ['plain', plain, plainSize, ''],
          ['debug', debug, debugSize, `int there = offsetof(${type}, ${only});`],
        ] as const) {
          const claims = `#include "${name}/sqlite3.c"\n#include <stddef.h>\n_Static_assert(offsetof(${type}, ${member}) == ${offset}, "");\n_Static_assert(sizeof(${type}) == ${size}, "");\n${has}\n`;
          const [cc = '', ...fixed] = shop.toolchain.cc;
          const flags = [...fixed, '-w', ...OPTIONS, ...DEFINITIONS[name], `-I${shim}`, `-I${shop.folder}`];
          const { status, stderr } = spawnSync(cc, [...flags, '-fsyntax-only', '-x', 'c', '-'], {
            input: claims,
            encoding: 'utf8',
          });
          // C has no offsetof of a bit-field.
          if (/attempt to take address of bit-field/.test(stderr)) continue;
          assert.equal(status, 0, `${type}.${member}: ${stderr}`);
          checked++;
        }
      }
      assert.ok(checked >= 4, `${checked} offsets checked`);
    });

    it('is linked with SQLITE_DEBUG in both and assert() in one, and works while it switches', async () => {
      const result = linked('quiet', 'debug');
      assert.deepEqual(result.warnings, []);
      assert.ok(result.melf!.functions.length > 1500, `${result.melf!.functions.length} functions`);
      assert.deepEqual(await shop.run(result), { output: '0 2 5 9 14 20 ', status: 0, signal: null });
    });
  });
}
