import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { skipBecause } from '../../../../base/tests/skip.ts';
import { Machine } from '../../../../emulator/machine.ts';
import { loadMachine } from '../../../../emulator/scheduler/machine-description.ts';
import { ensureToolchain, type Isa } from '../../../../setup/toolchain.ts';
import { readFunctions } from '../../symbols.ts';
import { parseProfile, resolveProfile } from '../profile.ts';

/**
 * Functions that get arguments in every register that may carry one: six in general registers, eight in vector ones, the number of vector
 * arguments in al (variadic), the static chain in r10 (a nested function whose address is taken), a struct returned through rdi, long
 * double on the x87 stack.
 */
const functions = `
#include <stdarg.h>
struct big { long v[5]; };
long six(long a, long b, long c, long d, long e, long f) { return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f; }
double eight(double a, double b, double c, double d, double e, double f, double g, double h) { return a + 2*b + 3*c + 4*d + 5*e + 6*f + 7*g + 8*h; }
double variadic(int n, ...) {
  va_list list; va_start(list, n); double sum = 0;
  while (n-- > 0) { sum += va_arg(list, double); sum += va_arg(list, long); }
  va_end(list); return sum;
}
struct big makes(long a) { struct big b = {{a, a+1, a+2, a+3, a+4}}; return b; }
long double x87(long double a, int b) { return a * b; }
static long apply(long (*f)(long), long x) { return f(x); }
#ifdef WITHOUT_TRAMPOLINE
static long add(long x) { return 32 + x; }
long nested(long base) { return apply(add, 10) + base - 32; }
#else
long nested(long base) {
  long add(long x) { return base + x; }
  return apply(add, 10);
}
#endif
int recursive(int n) { return n == 0 ? 0 : 1 + recursive(n - 1); }
void leaf(void) {}
`;

const program = `
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
struct big { long v[5]; };
long six(long, long, long, long, long, long); double eight(double, double, double, double, double, double, double, double);
double variadic(int, ...); struct big makes(long); long double x87(long double, int); long nested(long); int recursive(int); void leaf(void);
void ask_for_counts(void) __attribute__((weak));
static void *many(void *count) {
  if (ask_for_counts) ask_for_counts();
  for (long i = 0; i < (long)count; i++) leaf();
  return NULL;
}
int main(void) {
  printf("%ld %g %g %ld %Lg %ld %d\\n", six(1, 2, 3, 4, 5, 6), eight(1, 2, 3, 4, 5, 6, 7, 8), variadic(2, 0.5, 3L, 0.25, 4L), makes(7).v[4],
         x87(1.5L, 4), nested(32), recursive(1000));
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, many, (void *)50000L);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  return 0;
}
`;

const output = '91 204 7.75 11 6 42 1000\n';
const canRunNatively = process.arch === 'x64' && process.platform === 'linux';

/** Runs the program with MELF_PROFILE_OUT set: natively where the host can, else in the machine, whose stacks hold no code. */
async function profileOf(isa: Isa, path: string): Promise<string> {
  if (isa === 'x86-64') {
    const file = `${path}.profile`;
    assert.equal(execFileSync(path, { encoding: 'utf8', env: { MELF_PROFILE_OUT: file } }), output);
    return readFileSync(file, 'latin1');
  }
  let printed = '';
  const machine = await Machine.create({
    description: loadMachine('uniform-4', isa),
    ramBytes: 256 * 2 ** 20,
    console: { stdout: (bytes) => (printed += Buffer.from(bytes).toString()), stderr: () => {} },
  });
  machine.spawn(readFileSync(path), { argv: ['program'], env: ['MELF_PROFILE_OUT=/tmp/profile'] });
  machine.run({ maxTime: 10e9 });
  assert.equal(printed, output);
  return Buffer.from(machine.files.fileBytes('/tmp/profile') ?? []).toString('latin1');
}

const guest = import.meta.dirname;
/** How a function's entry is instrumented, and what it calls. */
const instrumentation = {
  'x86-64': { flags: ['-pg', '-mfentry'], entry: join(guest, 'fentry.S') },
  aarch64: { flags: ['-pg'], entry: join(guest, 'mcount.c') },
} as const;

for (const isa of ['x86-64', 'aarch64'] as const)
  describe(`the profiling runtime, ${isa}`, function () {
    this.timeout(300_000);
    let folder: string;
    let build: (name: string, instrument: readonly string[], ...sources: readonly string[]) => string;

    before(async function () {
      if (isa === 'x86-64' && !canRunNatively) skipBecause(this, 'this machine does not execute x86-64 programs');
      folder = mkdtempSync(join(tmpdir(), 'melf-profile-'));
      const { wrapper } = await ensureToolchain(isa);
      writeFileSync(join(folder, 'functions.c'), functions);
      writeFileSync(join(folder, 'program.c'), program);
      // A nested function's trampoline is code on the stack.
      const flags = [
        '-O2',
        '-fno-inline',
        '-fno-ipa-sra',
        '-fno-ipa-cp',
        '-fno-ipa-ra',
        '-fno-optimize-sibling-calls',
        '-fcf-protection=none',
        ...(isa === 'aarch64' ? ['-DWITHOUT_TRAMPOLINE'] : []),
      ];
      build = (name, instrument, ...sources) => {
        const object = join(folder, `${name}.o`);
        const runtime = join(folder, `${name}-profile.o`);
        execFileSync(wrapper, [...flags, ...instrument, '-c', join(folder, 'functions.c'), '-o', object]);
        const profile = join(import.meta.dirname, 'profile.c');
        const inlineAtomics = isa === 'aarch64' ? ['-mno-outline-atomics'] : [];
        execFileSync(wrapper, ['-O2', '-mgeneral-regs-only', ...inlineAtomics, '-c', profile, '-o', runtime]);
        const out = join(folder, name);
        const rest = instrument.length > 0 ? [runtime, ...sources] : [];
        execFileSync(wrapper, [...flags, join(folder, 'program.c'), object, ...rest, '-Wl,-z,execstack', '-o', out], {
          stdio: 'pipe',
        });
        return out;
      };
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    const counts = async (path: string): Promise<Map<string, number>> => {
      const { calls, lost } = resolveProfile(
        parseProfile(await profileOf(isa, path)),
        readFunctions(readFileSync(path)),
      );
      assert.equal(lost, 0);
      const table = readFunctions(readFileSync(path));
      return new Map(
        [...calls].map(([address, count]) => [table.containing(address)!.name.replace(/\.\d+$/, ''), count]),
      );
    };

    it('leaves every argument as it was and counts every call, of four threads at once', async () => {
      const plain = build('plain', []);
      if (isa === 'x86-64') assert.equal(execFileSync(plain, { encoding: 'utf8' }), output);
      const { flags, entry } = instrumentation[isa];
      const instrumented = build('instrumented', flags, entry);
      assert.deepEqual(
        [...(await counts(instrumented))].sort(),
        [
          ['add', 1],
          ['apply', 1],
          ['eight', 1],
          ['leaf', 200_000],
          ['makes', 1],
          ['nested', 1],
          ['recursive', 1001],
          ['six', 1],
          ['variadic', 1],
          ['x87', 1],
        ].sort(),
      );
    });

    it('counts behind a condition only the threads that ask for it', async () => {
      const conditional = join(folder, 'fentry-branch.o');
      const condition = join(folder, 'condition.c');
      const { flags, entry } = instrumentation[isa];
      const { wrapper } = await ensureToolchain(isa);
      writeFileSync(condition, '_Thread_local int melf_profiling; void ask_for_counts(void) { melf_profiling = 1; }');
      execFileSync(wrapper, ['-O2', '-DMELF_BRANCH', '-c', entry, '-o', conditional]);
      const path = build('conditional', flags, conditional, condition);
      assert.deepEqual([...(await counts(path))], [['leaf', 200_000]]);
    });
  });
