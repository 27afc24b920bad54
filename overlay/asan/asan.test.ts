// The runtime in the sandbox: each error that it is to find, with the stacks; and none where there is none.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { skipBecause } from '../../base/tests/skip.ts';
import { Machine } from '../../emulator/machine.ts';
import { loadMachine } from '../../emulator/scheduler/machine-description.ts';
import { readMelf } from '../../linker/melf-reader.ts';
import { ensureEngine } from '../../setup/engine.ts';
import { ensureGlibc, staticCommand } from '../../setup/glibc.ts';
import { ensureToolchain, type Isa } from '../../setup/toolchain.ts';
import { Symboliser } from '../symboliser.ts';
import { asanReports, hasAsanRuntime } from './asan-call.ts';
import type { AsanReport, ErrorKind } from './report-record.ts';
import { callSites, formatReport } from './report-text.ts';

const runtime = join(import.meta.dirname, '../guest/asan');
const tests = join(runtime, 'tests');

/** As docs/guide.md gives them. */
const sanitised = [
  '-fsanitize=kernel-address',
  '--param=asan-instrumentation-with-call-threshold=0',
  '--param=asan-stack=0',
  '--param=asan-globals=0',
  '-U__SANITIZE_ADDRESS__',
  `-include${join(runtime, 'redirect.h')}`,
];

interface Ended {
  readonly code: number | undefined;
  readonly output: string;
  readonly reports: AsanReport[];
  readonly instructions: number;
}

async function runGuest(
  isa: Isa,
  path: string,
  words: readonly string[] = [],
  env: readonly string[] = [],
): Promise<Ended> {
  let output = '';
  const keep = (bytes: Uint8Array): void => {
    output += Buffer.from(bytes).toString('latin1');
  };
  const reports: AsanReport[] = [];
  const events: string[] = [];
  const machine = await Machine.create({
    description: loadMachine('uniform-2', isa),
    ramBytes: 512 * 2 ** 20,
    console: { stdout: keep, stderr: keep },
    extensions: [asanReports((report) => reports.push(report))],
    events: [{ accept: (event) => event.type === 'asan:report' && events.push(event.kind) }],
  });
  const process = machine.spawn(readFileSync(path), { argv: ['program', ...words], env });
  machine.run({ maxInstructions: 400e6, maxTime: 60e9 });
  const { instructionsSoFar: instructions } = machine.kernel.scheduler;
  machine.close();
  assert.deepEqual(
    events,
    reports.map(({ kind }) => kind),
  );
  return { code: process.exitCode, output, reports, instructions };
}

for (const isa of ['x86-64', 'aarch64'] as const) for (const libc of ['musl', 'glibc'] as const) describeOn(isa, libc);

function describeOn(isa: Isa, libc: 'musl' | 'glibc'): void {
  describe(`AddressSanitizer runtime, ${isa}, ${libc}`, function () {
    this.timeout(120_000);
    let folder: string;
    let compile: (args: readonly string[]) => void;
    let link: (args: readonly string[]) => void;
    let errors: string;

    function build(name: string, source: string, flags: readonly string[] = sanitised): string {
      const object = join(folder, `${name}.o`);
      const path = join(folder, name);
      const common = ['-std=gnu99', '-O2', '-fno-pie', '-fno-optimize-sibling-calls'];
      compile([...common, ...flags, '-c', source, '-o', object]);
      link(['-no-pie', '-pthread', '-Wl,--eh-frame-hdr', object, join(folder, 'asan.o'), '-o', path]);
      return path;
    }

    before(async function () {
      await ensureEngine();
      folder = mkdtempSync(join(tmpdir(), 'melf-asan-'));
      if (libc === 'musl') {
        const { wrapper } = await ensureToolchain(isa);
        compile = (args) => execFileSync(wrapper, args);
        link = (args) => execFileSync(wrapper, ['-static', ...args]);
      } else {
        const glibc = await ensureGlibc(isa);
        if (glibc === undefined) return skipBecause(this, 'glibc for this instruction set is not to be had');
        const [gcc = '', ...fixed] = glibc.cc;
        compile = (args) => execFileSync(gcc, [...fixed, ...args]);
        link = (args) => {
          const [program, ...words] = staticCommand(glibc, args);
          execFileSync(program, words);
        };
      }
      const warnings = ['-Wall', '-Wextra', '-Werror'];
      const flags = ['-std=gnu99', '-O2', '-fno-pie', ...warnings, '-c', join(runtime, 'asan.c')];
      compile([...flags, '-o', join(folder, 'asan.o')]);
      errors = build('errors', join(tests, 'errors.c'));
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    const namesOf = (path: string): Symboliser => new Symboliser(readMelf(readFileSync(path)));
    const functions = (names: Symboliser, stack: readonly number[]): (string | undefined)[] =>
      callSites(stack).map((pc) => names.functionAt(pc));

    /** What is found, by what is done: kind, the innermost functions of the stack, distance from the block's start. */
    const expected: Readonly<
      Record<string, readonly [ErrorKind, AsanReport['access'], readonly string[], number | undefined]>
    > = {
      read: ['heap-buffer-overflow', 'read', ['read_byte', 'main'], 40],
      write: ['heap-buffer-overflow', 'write', ['write_word', 'main'], 40],
      part: ['heap-buffer-overflow', 'read', ['read_long', 'main'], 40],
      before: ['heap-buffer-underflow', 'read', ['read_byte', 'main'], -1],
      wild: ['wild-heap-access', 'read', ['read_byte', 'main'], undefined],
      freed: ['heap-use-after-free', 'read', ['read_byte', 'main'], 3],
      reused: ['heap-use-after-free', 'read', ['read_byte', 'main'], 3],
      double: ['double-free', 'free', ['drop_block', 'main'], 0],
      inner: ['invalid-free', 'free', ['drop_block', 'main'], 16],
      stack: ['invalid-free', 'free', ['drop_block', 'main'], undefined],
      'copy-write': ['heap-buffer-overflow', 'write', ['copy_block', 'main'], 40],
      'copy-read': ['heap-buffer-overflow', 'read', ['copy_block', 'main'], 40],
      overlap: ['memcpy-overlap', 'write', ['copy_block', 'main'], 0],
      text: ['heap-buffer-overflow', 'read', ['measure_text', 'main'], 40],
      thread: ['heap-buffer-overflow', 'read', ['read_byte', 'in_thread'], 40],
      aligned: ['heap-buffer-overflow', 'read', ['read_byte', 'main'], 100],
      realloc: ['heap-use-after-free', 'read', ['read_byte', 'main'], 0],
      // One for each function of redirect.h, and each side.
      'memmove-write': ['heap-buffer-overflow', 'write', ['move_block', 'wrong_call'], 40],
      'memmove-read': ['heap-buffer-overflow', 'read', ['move_block', 'wrong_call'], 40],
      memset: ['heap-buffer-overflow', 'write', ['set_block', 'wrong_call'], 40],
      'memcmp-first': ['heap-buffer-overflow', 'read', ['compare_blocks', 'wrong_call'], 40],
      'memcmp-second': ['heap-buffer-overflow', 'read', ['compare_blocks', 'wrong_call'], 40],
      'strcpy-write': ['heap-buffer-overflow', 'write', ['copy_text', 'wrong_call'], 40],
      'strcpy-read': ['heap-buffer-overflow', 'read', ['copy_text', 'wrong_call'], 40],
      'strncpy-write': ['heap-buffer-overflow', 'write', ['copy_some_text', 'wrong_call'], 40],
      'strncpy-read': ['heap-buffer-overflow', 'read', ['copy_some_text', 'wrong_call'], 40],
      'strcat-write': ['heap-buffer-overflow', 'write', ['append_text', 'wrong_call'], 40],
      'strcat-read': ['heap-buffer-overflow', 'read', ['append_text', 'wrong_call'], 40],
      'strcmp-first': ['heap-buffer-overflow', 'read', ['compare_texts', 'wrong_call'], 40],
      'strcmp-second': ['heap-buffer-overflow', 'read', ['compare_texts', 'wrong_call'], 40],
      'strncmp-first': ['heap-buffer-overflow', 'read', ['compare_some_text', 'wrong_call'], 40],
      'strncmp-second': ['heap-buffer-overflow', 'read', ['compare_some_text', 'wrong_call'], 40],
      strdup: ['heap-buffer-overflow', 'read', ['duplicate_text', 'wrong_call'], 40],
    };

    for (const [what, [kind, access, innermost, distance]] of Object.entries(expected)) {
      it(`finds ${what}`, async () => {
        const { code, output, reports } = await runGuest(isa, errors, [what]);
        assert.equal(code, 1, output);
        assert.equal(output, '', 'the sandbox shows the report, not the guest');
        assert.equal(reports.length, 1);
        const [report] = reports as [AsanReport];
        const names = namesOf(errors);
        assert.deepEqual([report.kind, report.access], [kind, access]);
        assert.deepEqual(functions(names, report.stack).slice(0, 2), innermost);
        const { block } = report;
        assert.equal(block === undefined ? undefined : report.address - block.start, distance);
        if (block !== undefined) {
          const allocated = functions(names, block.allocation);
          assert.deepEqual(allocated.slice(0, 2), what === 'aligned' ? ['main', allocated[1]] : ['make_block', 'main']);
          assert.equal(block.bytes, what === 'aligned' ? 100 : 40);
        }
        const freed = { freed: 'drop_block', reused: 'drop_block', double: 'drop_block', realloc: 'main' }[what];
        assert.equal(block?.freed === undefined ? undefined : functions(names, block.freed.stack)[0], freed);
        assert.match(
          formatReport(report, names),
          new RegExp(`ERROR: ${kind} on address 0x[\\s\\S]*in ${innermost[0]}\\+0x`),
        );
      });
    }

    it('finds them at blocks of all sizes: those that fill their chunk, those in spans of their own, and none at all', async () => {
      // Up to 520 every size: of these 64, 96, 128 and more fill a chunk of the heap to its end.
      const small = Array.from({ length: 521 }, (_, bytes) => bytes);
      const large = [1000, 4096, 28_000, 29_127, 32_704, 32_768, 40_000, 65_536, 262_144, 300_000, 1_048_576];
      const program = build('sizes', join(tests, 'sizes.c'));
      const env = ['MELF_ASAN_OPTIONS=halt_on_error=0:max_reports=100000'];
      // Downwards, too: then those that fill their chunk come first, beside chunks that nobody had yet.
      for (const sizes of [[...small, ...large], [...small, ...large].reverse()]) {
        const { code, output, reports } = await runGuest(isa, program, sizes.map(String), env);
        assert.equal(code, 0, output.slice(-500));
        const blocks = [...output.matchAll(/^(\d+) 0x([0-9a-f]+)$/gm)].map(([, bytes, at]) => [
          Number(bytes),
          Number.parseInt(at!, 16),
        ]);
        assert.deepEqual(
          blocks.map(([bytes]) => bytes),
          sizes,
        );
        const wanted = blocks.flatMap(([bytes, at]) => [
          // A block of no bytes has one that may be touched, as with other sanitisers.
          ['heap-buffer-overflow', bytes, at, at! + Math.max(bytes!, 1)],
          ['heap-buffer-underflow', bytes, at, at! - 1],
          ['heap-use-after-free', bytes, at, at],
          ...(bytes! > 0 ? [['heap-use-after-free', bytes, at, at! + bytes! - 1]] : []),
        ]);
        const found = reports.map(({ kind, block, address }) => [kind, block?.bytes, block?.start, address]);
        assert.deepEqual(found, wanted);
      }
    });

    it('finds nothing in plain code, which shares the heap', async () => {
      const plain = build('plain', join(tests, 'errors.c'), []);
      for (const what of ['read', 'write', 'before', 'freed', 'copy-write', 'text']) {
        const { code, output, reports } = await runGuest(isa, plain, [what]);
        assert.deepEqual([code, output, reports.length], [0, 'went on\n', 0], what);
      }
    });

    it('goes on after a report when asked to', async () => {
      const { code, output, reports } = await runGuest(isa, errors, ['double'], ['MELF_ASAN_OPTIONS=halt_on_error=0']);
      assert.deepEqual([code, output, reports.map(({ kind }) => kind)], [0, 'went on\n', ['double-free']]);
    });

    const isNative = process.arch === (isa === 'x86-64' ? 'x64' : 'arm64');
    const native = isNative ? it : () => undefined;
    native('writes the report itself where no sandbox takes it', async () => {
      const { status, stderr } = spawnSync(errors, ['freed'], { encoding: 'utf8' });
      assert.equal(status, 1);
      assert.match(
        stderr,
        /ERROR: heap-use-after-free on address 0x1000[\s\S]*#1 0x[\s\S]*freed by thread[\s\S]*allocated by thread/,
      );
    });

    it('reports nothing where there is no error: threads, all sizes, small quarantine', async () => {
      const clean = build('clean', join(tests, 'clean.c'), [...sanitised, '-DROUNDS=300']);
      assert.ok(hasAsanRuntime(readFileSync(clean)));
      const { code, output, reports } = await runGuest(isa, clean, [], ['MELF_ASAN_OPTIONS=quarantine_kb=64']);
      assert.deepEqual([code, output, reports.length], [0, 'wrong 0 abc 3\n', 0]);
      const slip = await runGuest(isa, clean, [], ['MELF_ASAN_OPTIONS=quarantine_mb=1:stack_depth=3']);
      assert.match(slip.output, /^melf-asan: MELF_ASAN_OPTIONS has an option that is not known: quarantine_mb=1$/m);
    });
  });
}
