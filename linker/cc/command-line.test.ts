import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import fc from 'fast-check';
import { expandResponseFiles, readCommandLine } from './command-line.ts';
import { parseConfiguration, placeOf } from './configuration-file.ts';
import { readLdCommand } from './ld-command.ts';
import { IGNORED_VALUES } from './ld-ignored.ts';
import { readLibraryScript } from './library-script.ts';
import { splitWords } from './words.ts';

const inputsOf = (words: string[]) =>
  readCommandLine(words).arguments.flatMap((one) => (one.kind === 'input' ? [[one.path, one.language]] : []));

describe('melf-cc reads a command line as gcc does', () => {
  it('sources, objects and what belongs to a flag', () => {
    const words = '-DX -I inc -include pre.h a.c -x c++ b.c -x none lib.a c.o -L lib -lm -Wl,-z,now -MF a.d -'.split(
      ' ',
    );
    assert.deepEqual(inputsOf(words), [
      ['a.c', 'c'],
      ['b.c', 'c++'],
      ['lib.a', undefined],
      ['c.o', undefined],
      ['-', 'c'],
    ]);
  });

  it('the goal: the flag that stops earliest wins, wherever it stands', () => {
    const goal = (text: string) => readCommandLine(text.split(' ')).goal;
    assert.equal(goal('a.c -o a'), 'executable');
    assert.equal(goal('a.c -c'), 'object');
    assert.equal(goal('-shared -c a.c'), 'object');
    assert.equal(goal('-c -E a.c'), 'other');
    assert.equal(goal('-r a.o b.o'), 'relocatable');
    assert.equal(goal('-shared a.o'), 'shared');
    assert.equal(goal('-print-prog-name=ld'), 'other');
  });

  it('output in one word or two', () => {
    assert.equal(readCommandLine(['-o', 'x', 'a.c']).output, 'x');
    assert.equal(readCommandLine(['-ox', 'a.c']).output, 'x');
    assert.equal(readCommandLine(['a.c']).output, undefined);
  });

  it('response files, one in the other, quoted as gcc quotes', () => {
    const folder = mkdtempSync(join(tmpdir(), 'melf-words-'));
    try {
      writeFileSync(join(folder, 'inner'), `-DA="1 2" 'b c.c'`);
      writeFileSync(join(folder, 'outer'), `-c\n@${join(folder, 'inner')} x\\ y.c`);
      assert.deepEqual(expandResponseFiles([`@${join(folder, 'outer')}`, '@absent']), [
        '-c',
        '-DA=1 2',
        'b c.c',
        'x y.c',
        '@absent',
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('any word survives quoting', () => {
    const quoted = (word: string) => `"${word.replace(/["\\]/g, '\\$&')}"`;
    fc.assert(
      fc.property(fc.array(fc.string()), (words) => assert.deepEqual(splitWords(words.map(quoted).join(' ')), words)),
    );
  });
});

describe('melf-cc reads the flags of ld', () => {
  it('what has an effect', () => {
    const text =
      '-m elf_x86_64 --hash-style=gnu -static -z relro -o out --gc-sections --defsym=a=b+4 --wrap malloc -u extra --build-id -Map=m.txt -S -e go';
    const { options, output, map, ignored } = readLdCommand(text.split(' '));
    assert.equal(output, 'out');
    assert.equal(map, 'm.txt');
    const { isa, gcSections, defsyms, wrap, undefinedSymbols, buildId, stripDebug, entry } = options;
    assert.deepEqual(
      { isa, gcSections, defsyms, wrap, undefinedSymbols, buildId, stripDebug, entry },
      {
        isa: 'x86-64',
        gcSections: true,
        defsyms: { a: 'b+4' },
        wrap: ['malloc'],
        undefinedSymbols: ['extra'],
        buildId: 'sha1',
        stripDebug: true,
        entry: 'go',
      },
    );
    assert.ok(ignored.some((one) => one.startsWith('--hash-style')));
  });

  it('flags without an effect take the next word exactly where GNU ld does', () => {
    const folder = mkdtempSync(join(tmpdir(), 'melf-ld-'));
    try {
      const objects = ['a.a', 'b.a'].map((name) => join(folder, name));
      for (const path of objects) writeFileSync(path, '!<arch>\n');
      const { options } = readLdCommand(['--sort-common', objects[0]!, '--sort-common=descending', objects[1]!]);
      assert.deepEqual(
        options.inputs.map(({ path }) => path),
        objects,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
    // That is how it tells of a flag at the end whose value is missing.
    const needsValue = (flag: string): boolean =>
      /missing argument|unrecognized option|requires an argument/.test(
        spawnSync('ld', [flag], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } }).stderr,
      );
    // A flag of gold.
    const foreign = new Set(['--thread-count']);
    assert.deepEqual(
      Object.keys(IGNORED_VALUES).filter((flag) => !foreign.has(flag) && !needsValue(flag)),
      [],
    );
  });

  it('whole archives by position, libraries in the folders of the whole line, texts in their place', () => {
    const folder = mkdtempSync(join(tmpdir(), 'melf-ld-'));
    try {
      writeFileSync(join(folder, 'libone.a'), '!<arch>\n');
      writeFileSync(join(folder, 'libtwo.a'), `/* a script */ GROUP ( libone.a AS_NEEDED ( ${folder}/libone.a ) )`);
      const { options } = readLdCommand(['--whole-archive', '-lone', '--no-whole-archive', '-ltwo', '-L', folder]);
      assert.deepEqual(
        options.inputs.map((input) => input.wholeArchive),
        [true, false, false],
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('the last of --gc-sections and --no-gc-sections and of -z relro and norelro; states that come back', () => {
    const read = (text: string) => readLdCommand(text.split(' '));
    assert.equal(read('--gc-sections --no-gc-sections').options.gcSections, false);
    assert.equal(read('--no-gc-sections --gc-sections').options.gcSections, true);
    assert.equal(read('-z norelro -z relro').options.relro, true);
    assert.equal(read('-z relro -z norelro').options.relro, false);
    assert.deepEqual(read('--push-state --as-needed --pop-state').ignored, ['--as-needed: the executable is static']);
    assert.throws(() => read('--diagnostics=loud'), { code: 'cc.ld-value' });
  });

  it('lists of symbols only if they are there, which ld looks for in the folders of libraries, too', () => {
    for (const flag of ['--version-script', '--dynamic-list']) {
      const [path, folder] = [import.meta.filename, import.meta.dirname];
      for (const words of [[`${flag}=/nowhere/list`], [flag, '/nowhere/list'], [`${flag}=${basename(path)}`]])
        assert.throws(() => readLdCommand(words), { code: 'link.unreadable' });
      for (const words of [[`${flag}=${path}`], [flag, basename(path), '-L', folder]])
        assert.equal(readLdCommand(words).ignored.length, 1);
    }
  });

  it('every kind of build id, of which the last counts, and nothing that is none', () => {
    const read = (text: string) => readLdCommand(text.split(' ')).options.buildId;
    for (const kind of ['sha1', 'md5', 'uuid']) assert.equal(read(`--build-id=${kind}`), kind);
    assert.equal(read('--build-id=md5 --build-id'), 'sha1');
    assert.equal(read('--build-id=md5 --build-id=none'), undefined);
    assert.deepEqual(read('--build-id=0x01ABcd'), Buffer.of(1, 0xab, 0xcd));
    assert.deepEqual(read('--build-id=0xde-ad:be-ef'), Buffer.of(0xde, 0xad, 0xbe, 0xef));
    for (const kind of ['0x', '0xabc', '0xgg', '0x-ab', 'crc', ''])
      assert.throws(() => read(`--build-id=${kind}`), { code: 'cc.ld-value', message: /is no kind of build id/ });
  });

  it('a system root: for folders that begin with = and for the paths in scripts that lie in it', () => {
    const root = mkdtempSync(join(tmpdir(), 'melf-ld-'));
    try {
      mkdirSync(join(root, 'lib'));
      writeFileSync(join(root, 'lib/libone.a'), '!<arch>\n');
      writeFileSync(join(root, 'lib/libtwo.a'), 'GROUP ( /lib/libone.a =/lib/libone.a )');
      const { options } = readLdCommand([`--sysroot=${root}`, '-L=/lib', '-lone', '-ltwo']);
      assert.deepEqual(
        options.inputs.map(({ path }) => path),
        Array.from({ length: 3 }, () => join(root, 'lib/libone.a')),
      );
    } finally {
      rmSync(root, { recursive: true });
    }
  });

  for (const [flag, code] of [
    ['--frobnicate', 'cc.ld-option'],
    ['-zfrobnicate', 'cc.ld-option'],
    ['-Tscript.ld', 'cc.ld-script'],
    ['-shared', 'cc.ld-shared'],
    ['-melf_i386', 'cc.ld-emulation'],
    ['-lnone-of-that-name', 'link.no-library'],
  ] as const) {
    it(`refuses ${flag}`, () => assert.throws(() => readLdCommand([flag]), { code }));
  }

  it('a text that is no script of that kind is refused', () => {
    for (const text of ['hello', 'SECTIONS { }', 'GROUP ( a', 'PHDRS ( x )'])
      assert.throws(() => readLibraryScript(text, 'x.a'), { code: 'link.not-elf' });
  });
});

describe('melf.toml', () => {
  const read = (text: string) => parseConfiguration(text, 'melf.toml');
  const two = '[[variant]]\nname = "a"\nflags = "-O2 -DX=\'1 2\'"\n[[variant]]\nname = "b"\ndefault = true\n';

  it('variants, the default first, flags as text or list', () => {
    assert.deepEqual(read(two).variants, [
      { name: 'b', flags: [] },
      { name: 'a', flags: ['-O2', '-DX=1 2'] },
    ]);
  });

  for (const [what, text, place, message] of [
    ['broken TOML', '[[variant]\n', '1:', 'melf.toml:1'],
    ['an unknown key', `${two}colour = 1\n`, '7:1', 'variant.1.colour is not known'],
    ['a wrong type', '[[variant]]\n  name = 3\n', '2:3', 'variant.0.name must be a text'],
    ['no variant', '[compiler]\nc = "gcc"\n', '1:1', 'variant'],
    ['a name twice', `${two}[[variant]]\nname = "a"\n`, '8:1', 'the variant a exists twice'],
    ['two defaults', `${two}[[variant]]\nname = "c"\ndefault = true\n`, '9:1', 'a second default'],
  ] as const) {
    it(`says where: ${what}`, () =>
      assert.throws(
        () => read(text),
        (error: Error) => error.message.startsWith(`melf.toml:${place}`) && error.message.includes(message),
      ));
  }

  it('a place is found for every key, also where tables repeat', () => {
    assert.deepEqual(placeOf(two, ['variant', 1, 'default']), { line: 6, column: 1 });
    assert.deepEqual(placeOf(two, ['nothing']), { line: 1, column: 1 });
  });
});
