import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { skipBecause } from '../../../base/tests/skip.ts';
import { Machine } from '../../../emulator/machine.ts';
import { loadMachine } from '../../../emulator/scheduler/machine-description.ts';
import { link } from '../../../linker/link.ts';
import { ensureEngine } from '../../../setup/engine.ts';
import { ensureToolchain, type Isa, type Toolchain } from '../../../setup/toolchain.ts';
import { type Personality, personalities, personalityExtension } from '../../separate-calls.ts';

/** Both variants: they differ in what they return and in size, and share a counter and a pipe that one of them opens. */
const work = `
#include <unistd.h>
static int calls;
static int ends[2];
int keep(void) {
  char mark = '0' + VARIANT;
  if (ends[1] == 0 && pipe(ends) != 0) return -1;
  return (int)write(ends[1], &mark, 1);
}
int kept(char *to, int most) { return (int)read(ends[0], to, most); }
int count_calls(void) { return ++calls; }
int work(int x) {
#ifdef SLOW
  for (volatile int i = 0; i < 10; i++) x += 1;
  x -= 10;
#endif
  count_calls();
  return x * 10 + VARIANT;
}
int (*pointer(void))(int) { return work; }
`;

/** Common code. Everything it prints but \`backend\` must be the same with and without views. */
const program = `
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "melf.h"
int work(int); int keep(void); int kept(char *, int); int count_calls(void); int (*pointer(void))(int);
static pthread_barrier_t meet;
static void *thread(void *wanted) {
  int inherited = melf_current();
  int before = melf_switch((int)(long)wanted);
  int error = before < 0 ? errno : 0;
  pthread_barrier_wait(&meet);
  int here = work(1);
  pthread_barrier_wait(&meet);
  char *line = malloc(100);
  snprintf(line, 100, "wanted %ld inherited %d switched %d %d got %d", (long)wanted, inherited, before, error == EBUSY, here);
  return line;
}
int main(void) {
  printf("init %d count %d names %s %s none %d\\n", melf_init(), melf_variant_count(), melf_variant_name(0), melf_variant_name(1), melf_variant_name(2) == NULL);
  printf("slow is %d, nothing is %d\\n", melf_variant("slow"), melf_variant("nothing"));
  int (*same)(int) = pointer();
  keep();
  printf("start in %d: %d\\n", melf_current(), work(2));
  for (int round = 0; round < 3; round++) {
    int before = melf_switch(1);
    int in_one = work(2);
    keep();
    int back = melf_switch(0);
    keep();
    printf("from %d: %d, from %d: %d, pointer %d\\n", before, in_one, back, work(2), same == pointer() && same(3) == work(3));
  }
  int none = melf_switch(2);
  printf("no such: %d %d\\n", none, errno == EINVAL);
  char marks[20];
  int count = kept(marks, sizeof marks);
  printf("calls %d, written by %.*s\\n", count_calls(), count, marks);
  fflush(stdout);
  pthread_barrier_init(&meet, NULL, 2);
  pthread_t threads[2];
  for (long i = 0; i < 2; i++) pthread_create(&threads[i], NULL, thread, (void *)i);
  for (int i = 0; i < 2; i++) {
    void *line;
    pthread_join(threads[i], &line);
    printf("thread: %s\\n", (char *)line);
  }
  int all = melf_switch_all(1);
  int in_all = work(5);
  int where = melf_current();
  int pinned = melf_switch(0);
  int in_pinned = work(5);
  int freed = melf_switch_all(-1);
  int back = melf_switch(0);
  printf("all: %d, then %d in %d, pinned %d: %d, freed %d %d: %d\\n", all, in_all, where, pinned, in_pinned, freed, back, work(5));
  return 0;
}
`;

const beforeThreads = [
  'init 0 count 2 names quick slow none 1',
  'slow is 1, nothing is -1',
  'start in 0: 20',
  ...Array(3).fill('from 0: 21, from 1: 20, pointer 1'),
  'no such: -1 1',
  // Once at the start, in each round twice and twice through the pointer and the name, and this one. The pipe is open in both.
  'calls 14, written by 0101010',
];
const afterThreads = ['all: 0, then 51 in 1, pinned 1: 51, freed 1 1: 50', ''];

const isas: readonly Isa[] = ['x86-64', 'aarch64'];

for (const isa of isas) describeOn(isa);

function describeOn(isa: Isa): void {
  const canRunNatively = isa === 'x86-64' && process.arch === 'x64' && process.platform === 'linux';

  describe(`libmelf, ${isa}`, function () {
    this.timeout(300_000);
    let folder: string;
    let multivariant: string;
    let ordinary: string;

    before(async () => {
      await ensureEngine();
      folder = mkdtempSync(join(tmpdir(), 'libmelf-'));
      const toolchain = await ensureToolchain(isa);
      const object = compiler(toolchain, folder);
      const [quick, slow] = [object('quick.c', work, '-DVARIANT=0'), object('slow.c', work, '-DVARIANT=1', '-DSLOW')];
      const main = object('main.c', program);
      const libmelf = object('libmelf.c', `#include "${join(import.meta.dirname, 'melf.c')}"`);
      const { crt, libc, libgcc } = toolchain;
      const common = [crt.crt1, crt.crti, main, libmelf, libc, libgcc, crt.crtn].map((path) => ({ path }));
      const linked = (name: string, options: Parameters<typeof link>[0]): string => {
        const path = join(folder, name);
        writeFileSync(path, link(options).bytes, { mode: 0o755 });
        return path;
      };
      multivariant = linked('multivariant', {
        isa,
        inputs: [
          ...common,
          { path: quick, variant: 'quick', unit: 'work' },
          { path: slow, variant: 'slow', unit: 'work' },
        ],
        variants: [{ name: 'quick' }, { name: 'slow' }],
      });
      ordinary = linked('ordinary', { isa, inputs: [...common, { path: slow }] });
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    async function inMachine(
      path: string,
      env: readonly string[] = [],
      personality: Personality = 'mmview',
    ): Promise<{ code: number | undefined; lines: string[]; machine: Machine }> {
      let output = '';
      const machine = await Machine.create({
        description: loadMachine('uniform-2', isa),
        ramBytes: 256 * 2 ** 20,
        console: {
          stdout: (bytes) => {
            output += Buffer.from(bytes).toString();
          },
          stderr: (bytes) => {
            output += Buffer.from(bytes).toString();
          },
        },
        extensions: [personalityExtension(personality)],
      });
      const process = machine.spawn(readFileSync(path), { argv: ['program'], env });
      machine.run({ maxTime: 10e9 });
      return { code: process.exitCode, lines: output.split('\n'), machine };
    }

    for (const personality of personalities) {
      it(`gives each thread its own variant where there are views: ${personality}`, async () => {
        const { code, lines } = await inMachine(multivariant, [], personality);
        assert.deepEqual(lines, [
          ...beforeThreads,
          'thread: wanted 0 inherited 0 switched 0 0 got 10',
          'thread: wanted 1 inherited 0 switched 0 0 got 11',
          ...afterThreads,
        ]);
        assert.equal(code, 0);
      });
    }

    it('switches the process where there are none, and only while it has one thread', function () {
      if (!canRunNatively) skipBecause(this, `this machine does not execute ${isa} programs`);
      assert.deepEqual(execFileSync(multivariant, { encoding: 'utf8' }).split('\n'), [
        ...beforeThreads,
        'thread: wanted 0 inherited 0 switched 0 0 got 10',
        'thread: wanted 1 inherited 0 switched -1 1 got 10',
        ...afterThreads,
      ]);
    });

    it('starts in the variant that the environment names', async () => {
      const { lines } = await inMachine(multivariant, ['MELF_VARIANT=slow']);
      assert.equal(lines[2], 'start in 1: 21');
      if (canRunNatively) {
        const native = execFileSync(multivariant, { encoding: 'utf8', env: { MELF_VARIANT: 'slow' } }).split('\n');
        assert.equal(native[2], 'start in 1: 21');
      }
    });

    it('refuses to start in one that is not there', async () => {
      const { code, lines } = await inMachine(multivariant, ['MELF_VARIANT=fast']);
      assert.equal(code, 64);
      assert.equal(lines[0], 'melf: MELF_VARIANT=fast: no such variant; this program has quick slow');
    });

    it('tells what it does when asked', function () {
      if (!canRunNatively) skipBecause(this, `this machine does not execute ${isa} programs`);
      const { stderr } = spawnSync(multivariant, { encoding: 'utf8', env: { MELF_VERBOSE: '1' } });
      assert.match(stderr, /^melf: 2 variants, window 0x[0-9a-f]+, \d+ bytes, no views on this kernel/);
      assert.match(stderr, /the process executes variant slow/);
    });

    it('finds one variant in a program that was linked without', async () => {
      const { lines } = await inMachine(ordinary);
      assert.equal(lines[0], 'init 0 count 1 names default (null) none 1');
      assert.equal(lines[2], 'start in 0: 21');
    });
  });
}

/** Compiles a source text in `folder`. */
function compiler(toolchain: Toolchain, folder: string): (name: string, text: string, ...flags: string[]) => string {
  return (name, text, ...flags) => {
    const source = join(folder, name);
    const out = source.replace(/\.c$/, '.o');
    writeFileSync(source, text);
    const [cc = '', ...prefix] = toolchain.cc;
    // Nothing of the callees may be known to callers in common code; see memcached's build.
    const common = [
      '-O2',
      '-ffunction-sections',
      '-fdata-sections',
      '-fno-pie',
      '-fno-inline',
      '-fno-ipa-ra',
      '-fcf-protection=none',
    ];
    execFileSync(cc, [...prefix, ...common, ...flags, `-I${import.meta.dirname}`, '-c', source, '-o', out]);
    return out;
  };
}
