import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeFat, FAT_SECTION, sectionNamed } from '../fat-object.ts';
import { readMelf } from '../melf-reader.ts';

const here = import.meta.dirname;
const CONFIGURATION = `
[compiler]
c = "gcc"
[[variant]]
name = "plain"
flags = "-O2"
[[variant]]
name = "loud"
flags = "-O1 -DLOUD"
[[variant]]
name = "small"
flags = "-Os"
[common]
sources = ["kept.c"]
`;
const SAY = `
#include <stdio.h>
#ifdef LOUD
#include "loud.h"
const char *only_loud(void);
#endif
static int calls;
int say(const char *what) {
  calls++;
#ifdef LOUD
  printf("%s: %s%s %d\\n", only_loud(), what, MARK, calls);
#else
  printf("%s %d\\n", what, calls);
#endif
  return calls;
}
`;
const ONLY =
  '#ifdef LOUD\nconst char *only_loud(void) { return "LOUD"; }\n#endif\nint twice(int x) { return 2 * x; }\n';
const MAIN =
  'int say(const char *); int twice(int); int kept(void);\nint main(void) { say("one"); return twice(say("two")) + kept() - 4; }\n';

interface Result {
  readonly status: number | null;
  readonly output: string;
}

describe('melf-cc in the place of a compiler', function () {
  this.timeout(600_000);
  let folder: string;
  const call = (program: string, args: readonly string[], env: Record<string, string> = {}, input?: string): Result => {
    const { status, stdout, stderr } = spawnSync(program, args, {
      cwd: folder,
      env: { ...process.env, ...env },
      input,
      encoding: 'utf8',
    });
    return { status, output: `${stdout}${stderr}` };
  };
  const cc = (...args: string[]): Result => call(process.execPath, [join(here, 'melf-cc.cjs'), ...args]);
  const good = (result: Result): string => {
    assert.equal(result.status, 0, result.output);
    return result.output;
  };
  const file = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  const variantsOf = (object: string) => {
    const fat = sectionNamed(readFileSync(join(folder, object)), FAT_SECTION);
    return fat === undefined
      ? undefined
      : decodeFat(fat, object)[0]!.map((v) => (v.object === undefined ? `${v.name}=` : v.name));
  };
  const runAll = (program: string): string[] =>
    ['plain', 'loud', 'small'].map((name) => good(call(program, [], { MELF_VARIANT: name })));

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'melf-cc-test-'));
    mkdirSync(join(folder, 'lib'));
    file('melf.toml', CONFIGURATION);
    file('say.c', SAY);
    file('only.c', ONLY);
    file('main.c', MAIN);
    file(
      'kept.c',
      '#ifdef LOUD\n#error common sources are compiled once, without the flags of other variants\n#endif\nint kept(void) { return 0; }\n',
    );
    file('loud.h', '#define MARK "!"\n');
    for (const name of ['say', 'only', 'main', 'kept']) good(cc('-c', `${name}.c`, '-o', `lib/${name}.o`));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const expected = ['one 1\ntwo 2\n', 'LOUD: one! 1\nLOUD: two! 2\n', 'one 1\ntwo 2\n'];

  it('puts every variant into the one object; a common source, and one without differences, has none', () => {
    assert.deepEqual(variantsOf('lib/say.o'), ['plain=', 'loud', 'small']);
    assert.equal(variantsOf('lib/kept.o'), undefined);
    good(call('gcc', ['-c', '-O2', '-ffunction-sections', '-fdata-sections', '-fno-ipa-ra', 'say.c', '-o', 'plain.o']));
    const strip = (name: string): Buffer => {
      good(call('objcopy', ['-R', FAT_SECTION, '-R', '.comment', name, 'bare.o']));
      return readFileSync(join(folder, 'bare.o'));
    };
    assert.ok(strip('lib/say.o').equals(strip('plain.o')), 'the default variant is what the compiler alone makes');
  });

  it('links them with the flags of the command line; MELF_VARIANT chooses', () => {
    good(cc('lib/main.o', 'lib/say.o', 'lib/only.o', 'lib/kept.o', '-o', 'program', '-Wl,-Map=program.map'));
    assert.deepEqual(runAll('./program'), expected);
    assert.ok(existsSync(join(folder, 'program.map')));
    const { melf } = readMelf(readFileSync(join(folder, 'program')), 'program');
    assert.deepEqual(
      melf?.variants.map((v) => v.name),
      ['plain', 'loud', 'small'],
    );
    assert.ok(melf?.functions.some((f) => f.name === 'say'));
    assert.ok(!melf?.functions.some((f) => f.name === 'kept'));
  });

  it('compiles and links several sources in one call, from a response file', () => {
    file('words', 'main.c say.c only.c\n"kept.c" -o joined');
    good(cc('@words'));
    assert.deepEqual(runAll('./joined'), expected);
    assert.ok(!existsSync(join(folder, 'main.o')));
  });

  it('ar, ranlib, nm, strip -g and objcopy --add-section treat them as objects; a member for a function of one variant alone is found', () => {
    good(
      call('sh', [
        '-c',
        'strip -g lib/say.o && objcopy --add-section note=melf.toml lib/only.o && ar rc lib/liball.a lib/say.o lib/only.o lib/kept.o && ranlib lib/liball.a && nm lib/say.o',
      ]),
    );
    good(cc('main.c', '-Llib', '-lall', '-o', 'archived'));
    assert.deepEqual(runAll('./archived'), expected);
  });

  it('thin archives, as Meson makes them: files from the archive’s folder, and members of archives', () => {
    const make =
      'mkdir -p thin && cd thin && ar rc inner.a ../lib/say.o ../lib/kept.o && ar rcsDT libthin.a ../lib/only.o inner.a';
    good(call('sh', ['-c', make]));
    good(cc('main.c', '-Lthin', '-lthin', '-o', 'from-thin'));
    assert.deepEqual(runAll('./from-thin'), expected);
    rmSync(join(folder, 'thin/inner.a'));
    const { status, output } = cc('main.c', '-Lthin', '-lthin', '-o', 'from-thin');
    assert.equal(status, 1);
    assert.match(output, /libthin\.a: its member inner\.a is the file \S+thin\/inner\.a, which cannot be read/);
  });

  it('strip and objcopy may take debug information and labels; without its statics’ names an object is refused', () => {
    const tool = (words: string, out: string): void => {
      good(call('cp', ['kept-apart.o', out]));
      good(call(words.split(' ')[0]!, [...words.split(' ').slice(1), out]));
    };
    good(cc('-g', '-c', 'say.c', '-o', 'kept-apart.o'));
    for (const words of ['strip -g', 'strip -X', 'objcopy --strip-debug', 'objcopy --globalize-symbol=calls']) {
      tool(words, 'less.o');
      good(cc('lib/main.o', 'less.o', 'lib/only.o', 'lib/kept.o', '-o', 'less'));
      assert.deepEqual(runAll('./less'), expected, words);
    }
    for (const words of ['strip -x', 'strip --strip-unneeded', 'objcopy -x', 'objcopy --strip-unneeded']) {
      tool(words, 'stripped.o');
      good(call('ar', ['rcs', 'libstripped.a', 'stripped.o']));
      for (const inputs of [['stripped.o'], ['libstripped.a']]) {
        const { status, output } = cc('lib/main.o', ...inputs, 'lib/only.o', 'lib/kept.o', '-o', 'none');
        assert.equal(status, 1, words);
        assert.match(output, /stripped\.(o|a\(stripped\.o\)): it was stripped of local symbols \(\d of \d names/);
        assert.match(output, /strip objects with -g or -X only .*or strip the executable/);
        assert.ok(!existsSync(join(folder, 'none')));
      }
      assert.match(cc('-r', 'stripped.o', '-o', 'none.o').output, /it was stripped of local symbols/);
    }
  });

  it('objects whose symbols were renamed or rebound are refused in words', () => {
    for (const [words, message] of [
      ['--prefix-symbols=pre_', /symbols of it were renamed/],
      ['--redefine-sym say=tell', /symbols of it were renamed/],
      ['--redefine-sym printf=print', /symbols of it were renamed/],
      ['--weaken', /1 of its 1 global symbols were made local or weak/],
      ['--localize-symbol=say', /1 of its 1 global symbols were made local or weak/],
    ] as const) {
      good(
        call('sh', [
          '-c',
          `objcopy ${words} lib/say.o changed.o && rm -f libchanged.a && ar rcs libchanged.a changed.o`,
        ]),
      );
      for (const input of ['changed.o', 'libchanged.a']) {
        const flags = input.endsWith('.a') ? ['-Wl,--whole-archive', input, '-Wl,--no-whole-archive'] : [input];
        const { status, output } = cc('lib/main.o', ...flags, 'lib/only.o', 'lib/kept.o', '-o', 'none');
        assert.equal(status, 1, words);
        assert.match(output, message);
        assert.match(output, /under \[common\] in melf\.toml/);
      }
    }
    good(call('objcopy', ['--add-symbol', 'more=.text:0,global,function', 'lib/say.o', 'more.o']));
    good(cc('lib/main.o', 'more.o', 'lib/only.o', 'lib/kept.o', '-o', 'more'));
    assert.deepEqual(runAll('./more'), expected);
  });

  it('a stock linker links the default variant and leaves nothing of the others', () => {
    good(call('gcc', ['lib/main.o', 'lib/say.o', 'lib/only.o', 'lib/kept.o', '-o', 'stock']));
    assert.equal(good(call('./stock', [])), expected[0]);
    assert.equal(sectionNamed(readFileSync(join(folder, 'stock')), FAT_SECTION), undefined);
  });

  it('exceptions pass through every variant, found by the unwinder after a switch', () => {
    const work = `
      #include <cstdio>
      #include <stdexcept>
      #include <string>
      struct Guard { std::string name; int *count; ~Guard() { ++*count; } };
      template <class T> __attribute__((noinline)) T deep(int n, T x, int *count) {
        Guard guard{"g" + std::to_string(n), count};
        volatile char frame[FRAME]; frame[n] = (char)n;
        if (n == 0) throw std::runtime_error("deep " + std::to_string(x) + NAME);
        return deep(n - 1, x + frame[n], count) + 1;
      }
      __attribute__((noinline)) int work(int x) {
        int count = 0;
        try { return deep<long>(4, x, &count); } catch (const std::exception &e) { std::printf("%s %d\\n", e.what(), count); return count; }
      }`;
    file('work.cc', work.replaceAll('FRAME', 'FRAME_BYTES').replace('NAME', 'VARIANT_NAME'));
    file('work-main.cc', 'int work(int);\nint main(void) { return work(3) + work(4) - 10; }\n');
    mkdirSync(join(folder, 'cxx'));
    const variant = (name: string, flags: string): string =>
      `[[variant]]\nname = "${name}"\nflags = '${flags} -DVARIANT_NAME="\\" ${name}\\""'\n`;
    const all =
      variant('plain', '-O2 -DFRAME_BYTES=16') +
      variant('large', '-O1 -DFRAME_BYTES=400 -fno-omit-frame-pointer') +
      variant('zero', '-O0 -DFRAME_BYTES=64');
    file('cxx/melf.toml', all);
    const env = { MELF_CONFIG: 'cxx/melf.toml' };
    good(call(process.execPath, [join(here, 'melf-c++.cjs'), 'work.cc', 'work-main.cc', '-o', 'thrower'], env));
    for (const [name, sum] of [
      ['plain', 13],
      ['large', 13],
      ['zero', 13],
    ] as const) {
      const result = call('./thrower', [], { MELF_VARIANT: name });
      assert.equal(result.status, 0, `${name}: ${result.status} ${result.output}`);
      assert.equal(result.output, `deep ${sum} ${name} 5\ndeep ${sum + 1} ${name} 5\n`);
    }
  });

  it('-r combines each variant for itself; a foreign ld -r is noticed', () => {
    good(cc('-r', '-nostdlib', 'lib/say.o', 'lib/only.o', '-o', 'both.o'));
    good(cc('lib/main.o', 'both.o', 'lib/kept.o', '-o', 'combined'));
    assert.deepEqual(runAll('./combined'), expected);
    good(call('ld', ['-r', 'lib/say.o', 'lib/only.o', '-o', 'foreign.o']));
    const refused = cc('lib/main.o', 'foreign.o', 'lib/kept.o', '-o', 'none');
    assert.equal(refused.status, 1);
    assert.match(refused.output, /2 objects of melf-cc were combined without it[\s\S]*melf-cc -r/);
  });

  it('-MD lists what any variant includes', () => {
    good(cc('-MD', '-MF', 'say.d', '-c', 'say.c', '-o', 'dep.o'));
    const rules = readFileSync(join(folder, 'say.d'), 'utf8');
    assert.match(rules, /^dep\.o: say\.c/);
    assert.match(rules, /^dep\.o:.* loud\.h/m);
  });

  it('-E, -S, standard input, /dev/null and questions behave as with the compiler', () => {
    assert.match(good(cc('-E', 'say.c')), /int say\(const char \*what\)/);
    good(cc('-S', 'only.c', '-o', 'only.s'));
    assert.match(readFileSync(join(folder, 'only.s'), 'utf8'), /twice:/);
    good(
      call(
        process.execPath,
        [join(here, 'melf-cc.cjs'), '-x', 'c', '-c', '-', '-o', 'in.o'],
        {},
        'int f(int x) {\n#ifdef LOUD\nx++;\n#endif\nreturn x; }',
      ),
    );
    assert.equal(variantsOf('in.o')?.length, 3);
    good(cc('-c', 'only.c', '-o', '/dev/null'));
    assert.equal(good(cc('-dumpmachine')), good(call('gcc', ['-dumpmachine'])));
  });

  it('-S keeps the variants for the -c that follows; any other assembler takes the default one', () => {
    good(cc('-O1', '-S', 'say.c', '-o', 'say.s'));
    good(cc('-c', 'say.s', '-o', 'by-assembly.o'));
    assert.deepEqual(variantsOf('by-assembly.o'), variantsOf('lib/say.o'));
    good(cc('lib/main.o', 'by-assembly.o', 'lib/only.o', 'lib/kept.o', '-o', 'by-assembly'));
    assert.deepEqual(runAll('./by-assembly'), expected);
    good(call('as', ['say.s', '-o', 'stock.o']));
    assert.equal(variantsOf('stock.o'), undefined);
    assert.match(good(cc('-S', 'say.c', '-o', '-')), /^say:/m);
    good(cc('-S', 'kept.c', '-o', 'kept.s'));
    assert.ok(!readFileSync(join(folder, 'kept.s'), 'utf8').includes('melf-cc'));
  });

  it('assembly that was edited is compiled as it is, in a warning’s words without the variants of the old text', () => {
    good(cc('-S', 'say.c', '-o', 'edited.s'));
    const text = readFileSync(join(folder, 'edited.s'), 'utf8');
    for (const changed of [text.replace('say:', 'say:\n\tnop'), `${text}\t.globl late\nlate:\n`]) {
      file('edited.s', changed);
      assert.match(good(cc('-c', 'edited.s')), /^melf-cc: warning: edited\.s was edited after melf-cc -S .*\n$/);
      assert.equal(variantsOf('edited.o'), undefined);
    }
  });

  /** A compiler that notes when it begins and ends and lasts a while. */
  const slowCompiler = (seconds: number): string => {
    const path = join(folder, `slow-${seconds}`);
    writeFileSync(
      path,
      `#!/bin/sh\necho begin >> times\nsleep ${seconds} & echo $! >> pids\nwait\ngcc "$@"; code=$?\necho end >> times\nexit $code\n`,
    );
    chmodSync(path, 0o755);
    return path;
  };
  const melfCc = join(here, 'melf-cc.cjs');

  it('compiles the variants side by side, as many as MELF_JOBS allows', () => {
    mkdirSync(join(folder, 'tmp'));
    for (const [jobs, most] of [
      ['1', 1],
      ['2', 2],
      ['8', 3],
    ] as const) {
      rmSync(join(folder, 'times'), { force: true });
      // A temporary folder of its own: compilers of others are counted, too.
      const env = { MELF_CC: slowCompiler(0.4), MELF_JOBS: jobs, TMPDIR: join(folder, 'tmp') };
      good(call(process.execPath, [melfCc, '-c', 'say.c', '-o', 'slow.o'], env));
      assert.equal(variantsOf('slow.o')?.length, 3);
      let now = 0;
      let peak = 0;
      for (const line of readFileSync(join(folder, 'times'), 'utf8').trim().split('\n')) {
        now += line === 'begin' ? 1 : -1;
        peak = Math.max(peak, now);
      }
      assert.equal(peak, most, `MELF_JOBS=${jobs}`);
    }
    assert.deepEqual(readdirSync(join(folder, 'tmp', `melf-cc-jobs-${process.getuid?.()}`)), []);
  });

  it('a signal ends the compilers and all they started, and leaves no output', async () => {
    rmSync(join(folder, 'pids'), { force: true });
    const tmp = mkdtempSync(join(folder, 'tmp-'));
    const env = { ...process.env, MELF_CC: slowCompiler(60), MELF_JOBS: '2', TMPDIR: tmp };
    file('ended.o', 'of the last build');
    const child = spawn(process.execPath, [melfCc, '-c', 'say.c', '-o', 'ended.o'], { cwd: folder, env });
    const ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve(signal ?? code)));
    const pids = (): number[] =>
      existsSync(join(folder, 'pids')) ? readFileSync(join(folder, 'pids'), 'utf8').trim().split('\n').map(Number) : [];
    const alive = (pid: number): boolean =>
      existsSync(`/proc/${pid}`) && !/ Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    const until = async (what: string, is: () => boolean): Promise<void> => {
      for (let i = 0; !is(); i++) {
        assert.ok(i < 200, what);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    await until('two compilers start', () => pids().length === 2);
    assert.ok(pids().every(alive));
    child.kill('SIGTERM');
    assert.equal(await ended, 'SIGTERM');
    await until('all have ended', () => !pids().some(alive));
    assert.ok(!existsSync(join(folder, 'ended.o')));
    assert.deepEqual(
      readdirSync(tmp).filter((name) => !name.startsWith('melf-cc-jobs')),
      [],
    );
  });

  it('errors are the compiler’s, told once, with its exit code; nothing is left', () => {
    file('bad.c', 'int f(void) { return nothing; }\n');
    const result = cc('-c', 'bad.c', '-o', 'bad.o');
    assert.equal(result.status, call('gcc', ['-c', 'bad.c']).status);
    assert.equal(result.output.match(/error:/g)?.length, 1);
    file('half.c', '#ifdef LOUD\n#error not loud\n#endif\nint f;\n');
    const half = cc('-c', 'half.c', '-o', 'half.o');
    assert.equal(half.status, 1);
    assert.match(half.output, /half.c compiles as variant plain, but not as loud/);
    assert.ok(!existsSync(join(folder, 'half.o')));
  });

  it('tells what the linker finds wrong, as text or as JSON, up to a limit', () => {
    file(
      'wrong.c',
      'int say(const char *), twice_(int), absent(void); int main(void) { return twice_(say("x")) + absent(); }\n',
    );
    const objects = ['wrong.c', 'lib/say.o', 'lib/only.o', '-o', 'wrong'];
    const text = cc(...objects);
    assert.equal(text.status, 1);
    assert.match(
      text.output,
      /^melf-cc: error: undefined symbol: twice_ \[link\.undefined-symbol\]\n>>> referenced by .*\n(?:>>> .*\n)*>>> hint: did you mean twice\? It is defined in \S*only\.o/m,
    );
    const json = cc(...objects, '-Wl,--diagnostics=json');
    assert.equal(json.status, 1);
    const told = json.output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { code: string; message: string; places: { role: string; where: string }[] });
    assert.ok(told.every((one) => one.code === 'link.undefined-symbol' && one.places[0]!.role === 'referenced by'));
    assert.ok(told.some((one) => one.message.includes('absent')));
    assert.match(cc(...objects, '-Wl,--error-limit=1').output, /more of link\.undefined-symbol not shown/);
  });

  it('says what it cannot do', () => {
    assert.match(cc('-flto', '-c', 'say.c').output, /-flto cannot be used/);
    assert.match(cc('main.c', '-Wl,--frobnicate').output, /--frobnicate is not known/);
    assert.match(
      call(process.execPath, [join(here, 'melf-cc.cjs'), '-c', 'say.c'], { MELF_CONFIG: 'none.toml' }).output,
      /none.toml cannot be read/,
    );
  });
});
