// How melf-cc tells what is wrong with a link.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureToolchain } from '../../setup/toolchain.ts';

interface Told {
  readonly severity: string;
  readonly code: string;
  readonly message: string;
  readonly places: readonly { readonly role: string; readonly where: string }[];
  readonly hint?: string;
  readonly facts?: Readonly<Record<string, unknown>>;
}

describe("melf-cc's reports", function () {
  this.timeout(120_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'melf-report-'));
    file(
      'melf.toml',
      '[[variant]]\nname = "fast"\nflags = "-O2"\n[[variant]]\nname = "slow"\nflags = "-O0 -DSLOW=1"\n',
    );
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  const call = (driver: 'melf-cc' | 'melf-c++', ...args: string[]) => {
    const words = [join(import.meta.dirname, `${driver}.cjs`), ...args];
    const { status, stderr } = spawnSync(process.execPath, words, { cwd: folder, encoding: 'utf8' });
    return { status, text: stderr };
  };
  /** What a link that goes wrong says, as text and as objects. */
  const wrong = (...args: string[]): { text: string; told: Told[] } => {
    const { status, text } = call('melf-cc', ...args, '-o', 'out');
    assert.equal(status, 1, text);
    const json = call('melf-cc', ...args, '-o', 'out', '-Wl,--diagnostics=json');
    assert.equal(json.status, 1);
    return {
      text,
      told: json.text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Told),
    };
  };

  it('names the source of an object that is gone with the call', () => {
    file('cfg.c', '#ifndef SLOW\n#define SLOW 0\n#endif\nint limit = 4 + SLOW;\nint main(void) { return limit++; }\n');
    const { text } = wrong('-g', 'cfg.c');
    assert.match(text, />>> 4 bytes in \S*\/cfg\.c:4 in cfg\.c \[variant fast\]:\(\.data\.limit\)\n/);
    assert.doesNotMatch(text, /melf-cc-/);
  });

  it('says where the target of a relocation that does not fit was defined', () => {
    file(
      'far.c',
      'int target;\nvoid there(void) { __asm__(".byte target"); }\nint main(void) { there(); return target; }\n',
    );
    const { text } = wrong('-g', 'far.c');
    assert.match(
      text,
      /R_X86_64_8 to target: the value 0x\w+ does not fit.*\n>>> referenced by \S*\/far\.c:2 in far\.c/,
    );
    assert.match(text, />>> defined in \S*\/far\.c:1 in far\.c \[variant fast\]:\(\.bss\.target\)/);
    // Assemblers name the section of what no other file can see.
    file(
      'own.c',
      'static int target;\nvoid there(void) { __asm__(".byte target"); }\nint main(void) { there(); return target++; }\n',
    );
    const own = wrong('-g', 'own.c');
    assert.match(
      own.text,
      /R_X86_64_8 to \.bss\.target: [^\n]*\n[^\n]*\n>>> defined in \S*\/own\.c:1 in own\.c \[variant fast\]/,
    );
  });

  it('--stats, with what the variants cost in the file', () => {
    file('sum.c', 'int sum(int x) { return x + 1; }\nint main(int n, char **v) { return sum(n) - 2; }\n');
    const { status, text } = call('melf-cc', '-g', 'sum.c', '-o', 'both', '-Wl,--stats');
    assert.equal(status, 0, text);
    mkdirSync(join(folder, 'alone'), { recursive: true });
    file('alone/melf.toml', '[[variant]]\nname = "fast"\nflags = "-O2"\n');
    const words = [join(import.meta.dirname, 'melf-cc.cjs'), '-g', 'sum.c', '-o', 'one'];
    const env = { ...process.env, MELF_CONFIG: join(folder, 'alone/melf.toml') };
    assert.equal(spawnSync(process.execPath, words, { cwd: folder, env }).status, 0);
    const [both, one] = ['both', 'one'].map((name) => statSync(join(folder, name)).size) as [number, number];
    assert.equal(Number(/^file growth by variants +(\d+) bytes$/m.exec(text)![1]), both - one);
    assert.match(text, /^layout +\d+\.\d ms +\d+ MiB$/m);
  });

  it('says how many more there are, as an object, too', () => {
    const names = Array.from({ length: 25 }, (_, i) => `missing_${i}`);
    file(
      'many.c',
      `${names.map((n) => `int ${n}(void);`).join('')}\nint main(void) { return ${names.join('() + ')}(); }\n`,
    );
    const { text, told } = wrong('many.c', '-Wl,--error-limit=3');
    assert.match(text, /^melf-cc: note: 22 more of link\.undefined-symbol not shown$/m);
    assert.equal(told.length, 4);
    const { severity, code, message, facts } = told.at(-1)!;
    assert.deepEqual(
      [severity, code, message, facts],
      ['note', 'link.undefined-symbol', '22 more of link.undefined-symbol not shown', { more: 22 }],
    );
  });

  it('shows names of C++ as their programmer wrote them, and keeps the others among the facts', () => {
    file('twice.cc', 'int ns(int); namespace n { int two(long, char *) { return 1; } }\n');
    file(
      'user.cc',
      'namespace n { int two(long, char *) { return 2; } }\nint ns(int);\nint main() { return ns(1) + n::two(1, 0); }\n',
    );
    assert.equal(call('melf-c++', '-c', 'twice.cc', 'user.cc').status, 0);
    const twice = wrong('twice.o', 'user.o');
    assert.match(twice.text, /^melf-cc: error: duplicate symbol: n::two\(long, char\*\) \[/m);
    const missing = wrong('user.o');
    assert.match(missing.text, /^melf-cc: error: undefined symbol: ns\(int\) \[link\.undefined-symbol\]$/m);
    const [{ message, facts }] = missing.told as [Told];
    assert.deepEqual([message, facts], ['undefined symbol: ns(int)', { symbol: '_Z2nsi' }]);
  });

  it('asks whether extern "C" was meant, both ways', () => {
    file('plain.c', 'int cxxfun(int x) { return x; }\nint cfun(int);\nint use(void) { return cfun(1); }\n');
    file(
      'plus.cc',
      'int cxxfun(int); extern "C" int use(void);\nint cfun(int x) { return x; }\nint main() { return use() + cxxfun(1); }\n',
    );
    assert.equal(call('melf-c++', '-g', '-c', 'plus.cc').status, 0);
    const { text } = wrong('-g', 'plain.c', 'plus.o');
    assert.match(
      text,
      /undefined symbol: cfun .*\n(?:>>> referenced.*\n)+>>> hint: did you mean cfun\(int\) of C\+\+\? It is defined in .*plus\.cc:2 in .*: declare it extern "C" there, too/,
    );
    assert.match(
      text,
      /undefined symbol: cxxfun\(int\) .*\n(?:>>> referenced.*\n)+>>> hint: did you mean extern "C" cxxfun\? It is so in .*plain\.c:1 in .*: declare it extern "C" here, too/,
    );
  });

  it('tells of what is missing beside what is there twice', () => {
    file('a.c', 'int missing(void); int f(int x) { return x; }\nint main(void) { return f(missing()); }\n');
    file('b.c', 'int gone(void); int f(int x) { return -x; }\nint *p = (int *)&gone;\n');
    const { told } = wrong('a.c', 'b.c');
    assert.deepEqual(told.map(({ message }) => message).sort(), [
      'duplicate symbol: f',
      'duplicate symbol: f',
      'undefined symbol: gone',
      'undefined symbol: missing',
    ]);
  });

  it('says that the compiler chose the instruction set, not an object of its own', async () => {
    file('here.c', 'int main(void) { return 0; }\n');
    mkdirSync(join(folder, 'arm'), { recursive: true });
    assert.equal(spawnSync('gcc', ['-c', 'here.c', '-o', 'arm/there.o'], { cwd: folder }).status, 0);
    const { wrapper } = await ensureToolchain(process.arch === 'arm64' ? 'x86-64' : 'aarch64');
    file('arm/melf.toml', `[compiler]\nc = "${wrapper}"\n[[variant]]\nname = "fast"\nflags = "-O2"\n`);
    const words = [join(import.meta.dirname, 'melf-cc.cjs'), 'there.o', '-o', 'out'];
    const { status, stderr } = spawnSync(process.execPath, words, { cwd: join(folder, 'arm'), encoding: 'utf8' });
    assert.equal(status, 1);
    assert.match(
      stderr,
      /object in a link for .*\n>>> defined in there\.o\n>>> instruction set chosen by the compiler\n/,
    );
  });
});
