import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { readMelf } from '../linker/melf-reader.ts';
import { Workshop } from '../linker/tests/workshop.ts';
import type { Isa } from '../setup/toolchain.ts';
import { runMelf } from './tests/melf.ts';

const melf = (...args: string[]) => {
  const run = runMelf(...args);
  return { status: run.status, out: run.stdout, err: run.stderr };
};

for (const isa of ['x86-64', 'aarch64'] as const) describeOn(isa);

function describeOn(isa: Isa): void {
  describe(`melf link and melf inspect, ${isa}`, function () {
    // Each command is a process of its own, started from sources.
    this.timeout(240_000);
    let shop: Workshop;
    let out: string;
    before(async () => {
      shop = await Workshop.open(isa);
      const source = 'int add(int x) { return x + V; }\nint main(void) { return add(1); }\n';
      shop.compileVariants('unit.c', source, { fast: ['-DV=1'], prof: ['-O0', '-DV=2'] });
      out = join(shop.folder, 'program');
    });
    after(() => shop.close());

    const operands = (): string[] => {
      const { crt, libc, libgcc } = shop.toolchain;
      return [crt.crt1, crt.crti, libc, libgcc, crt.crtn];
    };
    const folder = (name: string): string => join(shop.folder, name);

    it('link folders of objects as variants, with a map, and show what came out', async () => {
      writeFileSync(folder('list'), `"${folder('prof')}/unit.o"\n`);
      const variants = ['--variant', `fast:${folder('fast')}`, '--variant', `prof:@${folder('list')}`];
      const more = ['--gc-sections', '--map', folder('map'), '--variant-flags', 'prof:-O0', '--build-flags', 'a test'];
      const linked = melf('link', '-o', out, ...variants, ...more, ...operands());
      assert.deepEqual(linked, { status: 0, out: '', err: '' });
      assert.equal((await shop.run({ bytes: readFileSync(out) })).status, 2);
      assert.match(readFileSync(folder('map'), 'utf8'), /unit\.o:\(add\) fast \d+, prof \d+/);
      const shown = JSON.parse(melf('inspect', out, '--json').out);
      assert.deepEqual(
        shown.variants.map((v: { name: string; flags: string }) => [v.name, v.flags]),
        [
          ['fast', ''],
          ['prof', '-O0'],
        ],
      );
      assert.equal(shown.buildFlags, 'a test');
      assert.equal(shown.functions, 2);
      const table = melf('inspect', out, '--functions');
      assert.match(table.out, new RegExp(`^${isa}, 2 variants, fast at start; 2 multivariant functions`));
      assert.match(table.out, /│ add +│ unit\.o/);
      const code = melf('inspect', out, '--function', 'add');
      assert.match(code.out, /add at 0x[0-9a-f]+, unit\.o: \d+ of \d+ lines differ/);
      assert.match(code.out, /^ {2}fast, \d+ bytes +prof, \d+ bytes$/m);
      assert.match(code.out, /^ .* ret +[0-9a-f]+ {2}ret$/m);
      const turned = melf('link', '-o', out, '--default', 'prof', ...variants, ...operands());
      assert.equal(turned.status, 0);
      assert.equal((await shop.run({ bytes: readFileSync(out) })).status, 3);
    });

    it('takes a stack size for musl, and refuses what is none', () => {
      const { status, err } = melf('link', '--stack-size', '0x30000', '-o', out, folder('fast/unit.o'), ...operands());
      assert.deepEqual([status, err], [0, '']);
      const headers = spawnSync('readelf', ['-lW', out], { encoding: 'utf8' }).stdout;
      assert.match(headers, /GNU_STACK(\s+0x\S+){4}\s+0x0*30000 /);
      assert.equal(melf('link', '--stack-size', 'much', folder('fast/unit.o')).status, 2);
    });

    it('read compressed debug information, where it runs from a bundle, too', () => {
      const object = shop.compile('packed.c', 'int main(void) { return 0; }\n', ['-g', '-gz=zlib', '-fno-pie']);
      const start = join(import.meta.dirname, '../setup/melf.cjs');
      const words = ['link', '-o', out, object, ...operands()];
      const bundled = spawnSync(process.execPath, [start, ...words], { encoding: 'utf8' });
      assert.deepEqual([bundled.status, bundled.stderr], [0, '']);
      const bytes = readFileSync(out);
      assert.ok(readMelf(bytes).sections.some(({ name, size }) => name === '.debug_info' && size > 0));
      assert.deepEqual(melf(...words), { status: 0, out: '', err: '' });
      assert.ok(bytes.equals(readFileSync(out)));
    });

    it('leave the old output alone when the link fails, and leave nothing behind', () => {
      writeFileSync(out, 'old');
      const failed = melf('link', '-o', out, '--variant', `fast:${folder('fast')}`);
      assert.equal(failed.status, 1);
      assert.match(failed.err, /undefined symbol: _start/);
      const json = melf('link', '-o', out, '--diagnostics', 'json', '--variant', `fast:${folder('fast')}`);
      assert.equal(json.status, 1);
      const told = json.err
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { code: string; severity: string });
      assert.ok(
        told.some((one) => one.severity === 'error' && one.code === 'link.no-entry'),
        json.err,
      );
      assert.equal(readFileSync(out, 'utf8'), 'old');
      assert.deepEqual(
        readdirSync(shop.folder).filter((name) => name.endsWith('.tmp')),
        [],
      );
      assert.ok(!existsSync(`${out}.map`));
    });

    it('tells with --stats what each phase took and what the variants cost', () => {
      const variants = ['--variant', `fast:${folder('fast')}`, '--variant', `prof:${folder('prof')}`];
      const { status, err } = melf('link', '--stats', '-o', out, ...variants, ...operands());
      assert.equal(status, 0, err);
      assert.match(err, /^layout +\d+\.\d ms +\d+ MiB$/m);
      const bytes = (what: string): number => Number(new RegExp(`^${what} +(\\d+) bytes$`, 'm').exec(err)?.[1]);
      assert.equal(bytes('file'), readFileSync(out).length);
      const alone = join(shop.folder, 'alone');
      assert.equal(melf('link', '-o', alone, ...variants.slice(0, 2), ...operands()).status, 0);
      assert.equal(bytes('file growth by variants'), readFileSync(out).length - readFileSync(alone).length);
      assert.ok(bytes('file growth by variants') > 0x1000, err);
      // Each segment but the first begins at a page of its own.
      assert.ok(bytes('padding') > 0x1000 && bytes('padding') < bytes('file'), err);
      assert.ok(bytes('padding of the window, all variants') < 0x2000, err);
      assert.ok(bytes('sections read') > 1000, err);
    });
  });
}

describe('melf link', function () {
  this.timeout(240_000);
  it('say what is wrong with the command line or the file', () => {
    const wrong = (expected: RegExp, status: number, ...args: string[]) => {
      const run = melf(...args);
      assert.match(run.err, expected);
      assert.doesNotMatch(run.err, /internal error|at .*\.ts:/);
      assert.equal(run.status, status);
    };
    wrong(/"fast" is not of the form NAME:LIST/, 2, 'link', '--variant', 'fast');
    wrong(/There is nothing to link/, 2, 'link');
    wrong(/cannot be read/, 1, 'link', '/nonexistent.o');
    wrong(/not an ELF file/, 1, 'inspect', import.meta.filename);
    const large = join(mkdtempSync(join(tmpdir(), 'melf-large-')), 'large');
    try {
      // A hole: it takes no place.
      writeFileSync(large, '');
      truncateSync(large, 3 * 2 ** 30);
      for (const words of [
        ['inspect', large],
        ['addr2line', large, 'main'],
      ])
        wrong(/larger than 2 GiB.*melf\.too-large[\s\S]*hint: /, 1, ...words);
      wrong(/Cannot read [\s\S]*hint: It is larger than 2 GiB/, 2, 'run', large);
    } finally {
      rmSync(dirname(large), { recursive: true });
    }
    wrong(/holds no variants/, 1, 'inspect', process.execPath);
  });

  it('say what is wrong as JSON objects where they are asked for', () => {
    const folder = mkdtempSync(join(tmpdir(), 'melf-json-'));
    try {
      const source = join(folder, 'start.c');
      const names = Array.from({ length: 50 }, (_, i) => `missing_${i}`);
      writeFileSync(
        source,
        `${names.map((n) => `int ${n}(void);`).join('')}\nint _start(void) { return ${names.join('() + ')}(); }\n`,
      );
      const object = join(folder, 'start.o');
      assert.equal(spawnSync('gcc', ['-c', source, '-o', object]).status, 0);
      const told = (status: number, ...args: string[]) => {
        const run = melf('link', ...args);
        assert.equal(run.status, status, run.err);
        return run.err
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as { severity: string; code: string; message: string; places: unknown[] });
      };
      const missing = told(1, '--diagnostics=json', '-o', join(folder, 'out'), object);
      assert.deepEqual(
        missing.map(({ severity }) => severity),
        [...new Array(20).fill('error'), 'note'],
      );
      assert.equal(missing.at(-1)!.message, '30 more of link.undefined-symbol not shown');
      const ends = [`--defsym=${names[0]}=0`, ...names.slice(1).map((name) => `--defsym=${name}=1`)];
      for (const [status, code, ...args] of [
        [1, 'link.no-library', '-l', 'none', object],
        [1, 'link.unwritable', '-o', join(folder, 'none/out'), ...ends, object],
        [1, 'link.unreadable', join(folder, 'none.o')],
        [2, 'cli.unknown-flag', '--no-such-flag', object],
        [2, 'cli.value', '--error-limit', 'many', object],
        [2, 'cli.operand'],
      ] as const) {
        const [first, ...others] = told(status, ...args, '--diagnostics', 'json');
        assert.deepEqual([first!.severity, first!.code, first!.places, others], ['error', code, [], []]);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('is the same when started as users do, where it runs from a bundle', () => {
    const start = join(import.meta.dirname, '../setup/melf.cjs');
    for (const args of [[], ['/nonexistent.o'], ['--no-such-flag'], ['/nonexistent.o', '--debug']]) {
      const user = spawnSync(process.execPath, [start, 'link', ...args], {
        encoding: 'utf8',
        env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined },
      });
      const plain = melf('link', ...args);
      const firstLines = (text: string): string => text.split('\n').slice(0, 2).join('\n');
      assert.equal(user.status, plain.status);
      assert.ok(user.stderr.length > 20);
      assert.equal(firstLines(user.stderr), firstLines(plain.err));
    }
  });
});
