// One heap, two variants: what a thread in the sanitised one does wrong is found, the same in the plain one is not. Built by melf-cc.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../../setup/project.ts';
import { ensureToolchain } from '../../setup/toolchain.ts';

const tests = join(import.meta.dirname, '../guest/asan/tests');
const configuration = `
[compiler]
flags = "-O2 -fno-inline -fno-optimize-sibling-calls"
[[variant]]
name = "plain"
[[variant]]
name = "asan"
asan = true
[common]
sources = ["*contexts.c"]
`;

for (const isa of ['x86-64', 'aarch64'] as const) {
  describe(`AddressSanitizer for chosen threads, ${isa}`, function () {
    this.timeout(120_000);
    let folder: string;
    let program: string;
    let build: (output: string, ...flags: string[]) => void;

    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'melf-contexts-'));
      const { wrapper } = await ensureToolchain(isa);
      const file = join(folder, 'melf.toml');
      writeFileSync(file, configuration);
      program = join(folder, 'contexts');
      const driver = join(projectRoot, 'linker/cc/melf-cc.cjs');
      const sources = ['contexts.c', 'sessions.c'].map((name) => join(tests, name));
      const include = `-I${join(projectRoot, 'overlay/guest/libmelf')}`;
      const env = { ...process.env, MELF_CONFIG: file, MELF_CC: wrapper };
      build = (output, ...flags) =>
        void execFileSync(process.execPath, [driver, ...sources, include, ...flags, '-o', output], { env });
      build(program);
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    const melf = (...words: string[]) =>
      spawnSync(process.execPath, ['--import', 'tsx', join(projectRoot, 'cli/main.ts'), 'run', ...words], {
        encoding: 'utf8',
        env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined },
      });
    const errors = (text: string): string[] =>
      [...text.matchAll(/ERROR: (\S+) on[^\n]*\n(\S+) .*variant (\S+)\n.* in (\w+)\+/g)].map((match) =>
        match.slice(1).join(' '),
      );
    const session = [
      'heap-buffer-overflow READ asan read_behind',
      'heap-use-after-free WRITE asan write_freed',
      'double-free free asan free_block',
    ];

    it('finds errors in sanitised threads alone', () => {
      const { stdout, stderr, status } = melf('--env', 'MELF_ASAN_OPTIONS=halt_on_error=0', program);
      assert.equal(stdout, 'plain\nasan\nplain\nasan\n', stderr);
      assert.equal(status, 0);
      assert.deepEqual(errors(stderr), [...session, ...session]);
      // What the plain variant allocated is known by its caller alone, unless one asks for more.
      assert.match(stderr, /allocated by thread 1000\n.*#0 .* in allocate_block\+0x\w+\n\n/);
      const more = melf('--env', 'MELF_ASAN_OPTIONS=halt_on_error=0:plain_stack_depth=3', program).stderr;
      assert.match(more, /allocated by thread 1000\n.*#0 .* in allocate_block\+.*\n.*#1 .* in main\+/);
    });

    it('shows files and lines where there is debug information', () => {
      const debugged = join(folder, 'debugged');
      build(debugged, '-g');
      const { stderr } = melf('--asan', debugged);
      const line = (file: string, text: string): number =>
        readFileSync(join(tests, file), 'utf8')
          .split('\n')
          .findIndex((one) => one.includes(text)) + 1;
      const access = line('sessions.c', 'void read_behind');
      const call = line('contexts.c', 'allocate_block(');
      assert.ok(access > 0 && call > 0);
      assert.match(stderr, new RegExp(`#0 .* in read_behind\\+0x\\w+ sessions\\.c:${access}\\n`));
      // In the window the line depends on the variant, which is recorded for the access alone.
      assert.match(stderr, /allocated by thread 1000\n.* in allocate_block\+0x\w+\n/);
      assert.match(stderr, new RegExp(`allocated by[^]* in main\\+0x\\w+ contexts\\.c:${call}\\n`));
    });

    it('melf run --asan starts in the sanitised variant, and the first error ends the program', () => {
      const { stdout, stderr, status } = melf('--asan', program);
      assert.equal(stdout, 'plain\n');
      assert.equal(status, 1);
      assert.deepEqual(errors(stderr), session.slice(0, 1));
      assert.match(stderr, /1 error found by the AddressSanitizer runtime/);
    });

    it('melf run --variant leaves a program able to switch by itself, and knows its variants', () => {
      const { stdout, stderr, status } = melf(
        '--env',
        'MELF_ASAN_OPTIONS=halt_on_error=0',
        '--variant',
        'asan',
        program,
      );
      assert.deepEqual([stdout, status], ['plain\nasan\nplain\nasan\n', 0], stderr);
      const unknown = melf('--variant', 'fast', program);
      assert.equal(unknown.status, 1);
      assert.match(unknown.stderr, /no variant "fast"[\s\S]*hint: it has: plain, asan/);
    });

    it('melf run --asan refuses a program that cannot find errors', async () => {
      const source = join(folder, 'other.c');
      writeFileSync(source, 'int main(void) { return 0; }');
      const other = join(folder, 'other');
      execFileSync((await ensureToolchain(isa)).wrapper, ['-static', '-o', other, source]);
      const { stderr, status } = melf('--asan', other);
      assert.equal(status, 2);
      assert.match(stderr, /not linked with the AddressSanitizer runtime[\s\S]*hint: docs\/guide.md/);
      assert.ok(readFileSync(other).length > 0);
    });
  });
}
