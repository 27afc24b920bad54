// What is asked of variants (L3, L7, L9 to L14), each by a small program that switches while it runs: both instruction sets, in the sandbox, where
// every thread has a view, and x86-64 also natively, where the process switches as a whole.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Machine } from '../emulator/machine.ts';
import { loadMachine } from '../emulator/scheduler/machine-description.ts';
import { runtimeObjects } from '../linker/cc/libmelf.ts';
import { link } from '../linker/link.ts';
import type { MelfFile } from '../linker/melf-reader.ts';
import { readMelf } from '../linker/melf-reader.ts';
import { installMmview } from '../overlay/mmview.ts';
import { ensureToolchain, type Isa, type Toolchain } from '../setup/toolchain.ts';

const VARIANTS = ['fast', 'plain', 'small'] as const;
/** V is the variant's number, NAME its name; levels differ so that the compiler lays out everything differently. */
const FLAGS: Readonly<Record<(typeof VARIANTS)[number], readonly string[]>> = {
  fast: ['-O2', '-DV=0', '-DNAME="fast"'],
  plain: ['-O0', '-DV=1', '-DNAME="plain"'],
  small: ['-Os', '-DV=2', '-DNAME="small"'],
};

interface Case {
  readonly what: string;
  /** Sources that are compiled once for each variant. */
  readonly units: readonly string[];
  /** Body of `round`, which is called in each variant in turn, twice; `v` is its number. */
  readonly round: string;
  /** Declarations before it. */
  readonly declare: string;
  /** What it prints, by call. */
  readonly prints: (call: number, variant: number) => string;
  readonly check?: (file: MelfFile) => void;
  readonly tail?: string;
}

const CASES: readonly Case[] = [
  {
    what: 'static data is shared: counters of files and of functions go on over switches (L7)',
    units: [
      'static int calls; int total; int work(void) { static int own = 100; calls++; total += V; return calls * 1000 + ++own; }',
    ],
    declare: 'int work(void); extern int total;',
    round: 'int n = work(); printf("%d %d\\n", n, total);',
    prints: (call) => `${(call + 1) * 1000 + 101 + call} ${[0, 1, 3, 3, 4, 6][call]}`,
  },
  {
    what: 'statics of one name in two files are two (L10)',
    units: [
      'static int state = 5; static int step(void) { return state += 1; } int left(void) { return step(); }',
      'static int state = 7; static int step(void) { return state += 100; } int right(void) { return step(); }',
    ],
    declare: 'int left(void), right(void);',
    round: 'printf("%d %d\\n", left(), right());',
    prints: (call) => `${6 + call} ${107 + 100 * call}`,
  },
  {
    what: 'string literals may differ: each variant has its own, and those that data holds are one (L11)',
    units: [
      'static const char *const all[] = { "zero", "one" }; const char *kept = "kept"; const char *say(int i) { return i < 0 ? "I am " NAME : i > 1 ? kept : all[i]; }',
    ],
    declare: 'const char *say(int); extern const char *kept;',
    round: 'printf("%s %s %d\\n", say(-1), say(1), say(2) == kept);',
    prints: (_, variant) => `I am ${VARIANTS[variant]} one 1`,
  },
  {
    what: 'static __thread variables are one for each thread, whatever it executes (L12)',
    units: [
      'static __thread int mine = 3; static __thread long other; int work(void) { other += 2; return mine++ * 100 + (int)other; }',
    ],
    declare: '#include <pthread.h>\nint work(void); static void *run(void *p) { *(int *)p = work(); return 0; }',
    round:
      'int there; pthread_t t; pthread_create(&t, 0, run, &there); pthread_join(t, 0); printf("%d %d\\n", there, work());',
    prints: (call) => `302 ${(3 + call) * 100 + 2 * (call + 1)}`,
  },
  {
    what: 'constructors and destructors run once, in order (L13)',
    units: [
      '#include <stdio.h>\nstatic int n = 1; __attribute__((constructor(200))) static void second(void) { n += 10; } __attribute__((constructor(150))) static void first(void) { n *= 5; } __attribute__((destructor)) static void end(void) { printf("end %d\\n", n); fflush(stdout); } int work(void) { return n; }',
    ],
    declare: 'int work(void);',
    round: 'printf("%d\\n", work());',
    prints: () => '15',
    tail: 'end 15\n',
  },
  {
    what: "jump tables are each variant's own (L14)",
    units: [
      'int work(int x) { switch (x) { case 0: return 10 + V; case 1: return x * 7; case 2: return 5 - V; case 3: return x << 4; case 4: return V ? 44 : 4; case 5: return x * x; case 6: return -V; case 7: return 70; } return -1; }',
    ],
    declare: 'int work(int);',
    round: 'for (int i = 0; i < 9; i++) printf("%d ", work(i)); puts("");',
    prints: (_, v) => `${[10 + v, 7, 5 - v, 48, v ? 44 : 4, 25, v === 0 ? 0 : -v, 70, -1].join(' ')} `,
  },
  {
    what: "label addresses are each variant's own (L14)",
    units: [
      'int work(int n) { static const void *const places[] = { &&a, &&b, &&c }; int r = V; goto *places[n % 3]; a: r += 1; b: r += 10; c: r += 100; return r; }',
    ],
    declare: 'int work(int);',
    round: 'printf("%d %d %d\\n", work(0), work(1), work(2));',
    prints: (_, v) => `${111 + v} ${110 + v} ${100 + v}`,
  },
  {
    what: 'function pointers stay valid, and equal, over switches',
    units: [
      'static int hidden(int x) { return x + V; } int (*get(void))(int) { return hidden; } int (*const table[])(int) = { hidden };',
    ],
    declare: 'int (*get(void))(int); extern int (*const table[])(int); static int (*first)(int);',
    round: 'if (!first) first = get(); printf("%d %d %d\\n", first(10), get() == first, table[0] == first);',
    prints: (_, v) => `${10 + v} 1 1`,
  },
  {
    what: 'a function of one variant is common code (L3), one of two variants fills the slot of the third (L9)',
    units: [
      '#if V == 1\n__attribute__((noinline)) static int only(int x) { return x * 3; }\n#endif\n#if V != 1\nint some(int x) { return x + 100 * V; }\n#endif\nint some(int);\nint work(int x) {\n#if V == 1\nreturn only(x);\n#endif\nreturn some(x) - x; }',
    ],
    declare: 'int work(int), some(int);',
    round: 'printf("%d %d\\n", work(5), some(1));',
    prints: (_, v) => [`0 1`, `15 1`, `200 201`][v]!,
    check: (file) => {
      const names = file.melf!.functions.map((f) => f.name);
      assert.ok(!names.includes('only') && names.includes('some'));
      assert.deepEqual(
        file.melf!.functions.find((f) => f.name === 'some')!.bodies.map((b) => b.source),
        [0, 0, 2],
      );
    },
  },
  {
    what: 'clones and cold parts belong to the compile that made them',
    units: [
      '#include <stdlib.h>\nint seen; __attribute__((noinline)) static int part(int x, int unused, const int *p) { (void)unused; if (__builtin_expect(x > 1000, 0)) { seen += x; abort(); } return x * 2 + *p + V; } int work(int x) { int here = 4; return part(x, 1, &here) + part(x + 1, 2, &here); } int other(int x) { int here = 9; return part(7, x, &here); }',
    ],
    declare: 'int work(int), other(int);',
    round: 'printf("%d %d\\n", work(3), other(1));',
    prints: (_, v) => `${6 + 4 + v + 8 + 4 + v} ${14 + 9 + v}`,
  },
  {
    what: 'unwinding finds the frames and cleanups of the variant that is executed',
    units: [
      'typedef int (*end)(int *); static void undo(int **open) { --**open; } int descend(int n, int *open, end f) { ++*open; __attribute__((cleanup(undo))) int *mine = open; volatile char room[1 + 700 * V]; room[n * V] = 1; return n == 0 ? f(open) : descend(n - 1, open, f) + room[0]; }',
    ],
    declare: `#include <setjmp.h>
      #include <unwind.h>
      /* Debian's libgcc_eh asks glibc for an address's unwind tables; musl does not know that function (glibc, dlfcn.h). */
      struct found { unsigned long long flags; void *start, *end, *map, *frames; };
      extern char __GNU_EH_FRAME_HDR[];
      int _dl_find_object(void *pc, struct found *result) { (void)pc; result->frames = __GNU_EH_FRAME_HDR; return 0; }
      int descend(int n, int *open, int (*f)(int *));
      static jmp_buf out; static int frames, most; static struct _Unwind_Exception exception;
      static _Unwind_Reason_Code stop(int version, _Unwind_Action actions, _Unwind_Exception_Class class, struct _Unwind_Exception *e, struct _Unwind_Context *context, void *p) {
        (void)version; (void)class; (void)e; (void)context; frames++; if (*(int *)p == 0 || (actions & _UA_END_OF_STACK)) longjmp(out, 1); return _URC_NO_REASON; }
      static int throwing(int *open) { most = *open; _Unwind_ForcedUnwind(&exception, stop, open); return -1; }`,
    round:
      'int open = 0; frames = 0; if (setjmp(out) == 0) descend(5, &open, throwing); printf("%d %d %d\\n", most, open, frames >= 6);',
    prints: () => '6 0 1',
  },
];

const program = ({ declare, round }: Case): string => `
#include <stdio.h>
#include "melf.h"
${declare}
__attribute__((noinline)) static void one(int v) { (void)v; ${round} }
int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  for (int call = 0; call < 6; call++) { if (melf_switch(call % 3) < 0) perror("melf_switch"); one(call % 3); }
  melf_switch(0);
  return 0;
}
`;

for (const isa of ['x86-64', 'aarch64'] as const) {
  describe(`variants that switch while they run, ${isa}`, function () {
    this.timeout(120_000);
    let folder: string;
    let toolchain: Toolchain;
    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'melf-variants-'));
      toolchain = await ensureToolchain(isa);
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    const compile = (name: string, source: string, flags: readonly string[]): string => {
      const [text, object] = [join(folder, `${name}.c`), join(folder, `${name}.o`)];
      writeFileSync(text, source);
      const headers = join(import.meta.dirname, '../overlay/guest/libmelf');
      const all = ['-ffunction-sections', '-fdata-sections', '-fno-pie', '-fexceptions', '-w', `-I${headers}`];
      const [cc = '', ...fixed] = toolchain.cc;
      const { status, stderr } = spawnSync(cc, [...fixed, ...all, ...flags, '-c', text, '-o', object], {
        encoding: 'utf8',
      });
      assert.equal(status, 0, stderr);
      return object;
    };

    const build = (one: Case): Uint8Array => {
      const { crt, libc, libgcc } = toolchain;
      const main = compile('main', program(one), ['-O1']);
      const units = one.units.flatMap((source, u) =>
        VARIANTS.map((variant) => ({
          path: compile(`unit${u}-${variant}`, source, ['-fno-ipa-ra', ...FLAGS[variant]]),
          variant,
          unit: `unit${u}`,
        })),
      );
      const ends = [join(dirname(libgcc), 'libgcc_eh.a'), libc, libgcc, crt.crtn];
      return link({
        inputs: [
          ...[crt.crt1, crt.crti, main].map((path) => ({ path })),
          ...units,
          ...runtimeObjects(toolchain.cc),
          ...ends.map((path) => ({ path })),
        ],
        variants: VARIANTS.map((name) => ({ name })),
        wrap: ['_Unwind_Find_FDE'],
      }).bytes;
    };

    for (const one of CASES) {
      it(one.what, async () => {
        const bytes = build(one);
        one.check?.(readMelf(bytes));
        const lines = Array.from({ length: 6 }, (_, call) => `${one.prints(call, call % 3)}\n`);
        const expected = lines.join('') + (one.tail ?? '');
        assert.equal(await inSandbox(isa, bytes), expected);
        if (isa !== 'x86-64' || process.arch !== 'x64') return;
        const path = join(folder, 'program');
        writeFileSync(path, bytes, { mode: 0o755 });
        assert.equal(spawnSync(path, { encoding: 'utf8' }).stdout, expected);
      });
    }
  });
}

async function inSandbox(isa: Isa, bytes: Uint8Array): Promise<string> {
  let output = '';
  const keep = (text: Uint8Array): void => {
    output += Buffer.from(text).toString();
  };
  const machine = await Machine.create({
    description: loadMachine('uniform-2', isa),
    ramBytes: 256 * 2 ** 20,
    extensions: [installMmview],
    console: { stdout: keep, stderr: keep },
  });
  machine.spawn(bytes, { argv: ['program'] });
  machine.run({ maxInstructions: 50e6, maxTime: 10e9 });
  machine.close();
  return output;
}
