import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { MelfError } from '../base/errors.ts';
import { readArchive } from './archive.ts';
import { readLdCommand } from './cc/ld-command.ts';
import { SHF_ALLOC, SHF_MERGE, SHF_STRINGS, SHF_WRITE, SHT_NOBITS } from './elf.ts';
import type { InputError } from './errors.ts';
import { sourceOf, unreadable } from './input-file.ts';
import { inspectMelf } from './inspection.ts';
import type { LinkResult } from './link.ts';
import { link } from './link.ts';
import { readMelf } from './melf-reader.ts';
import { COMMON, readObject } from './object.ts';
import { makeArchive, makeObject } from './tests/workshop-object.ts';

/** A small object with one of everything that the reader looks at. */
function sample(value: number): Uint8Array {
  const cie = [20, 0, 0, 0, 0, 0, 0, 0, 1, 0x7a, 0x52, 0, 1, 0x78, 0x10, 1, 0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0];
  const fde = [20, 0, 0, 0, 28, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  return makeObject(
    'x86-64',
    [
      {
        name: '.text._start',
        align: 16,
        data: [0xb8, value, 0, 0, 0, 0xe8, 0, 0, 0, 0, 0x48, 0x8b, 0x05, 0, 0, 0, 0, 0xc3],
        relocations: [
          { offset: 6, type: 4, symbol: 'helper', addend: -4 },
          { offset: 13, type: 42, symbol: 'text', addend: -4 },
        ],
      },
      { name: '.text.helper', data: [0xc3, value] },
      {
        name: '.rodata.str1.1',
        flags: SHF_ALLOC | SHF_MERGE | SHF_STRINGS,
        entrySize: 1,
        data: Buffer.from('one\0two\0one\0'),
      },
      {
        name: '.data.x',
        flags: SHF_ALLOC | SHF_WRITE,
        align: 8,
        data: new Uint8Array(8),
        relocations: [{ offset: 0, type: 1, symbol: 'text', addend: 4 }],
      },
      { name: '.bss.y', flags: SHF_ALLOC | SHF_WRITE, type: SHT_NOBITS, size: 64 },
      {
        name: '.eh_frame',
        flags: SHF_ALLOC,
        align: 8,
        data: [...cie, ...fde],
        relocations: [{ offset: 32, type: 2, symbol: '_start' }],
      },
    ],
    [
      { name: 'text', section: '.rodata.str1.1', binding: 0 },
      { name: '_start', section: '.text._start', type: 2, size: 18 },
      { name: 'helper', section: '.text.helper', type: 2, size: 2 },
      { name: 'x', section: '.data.x', type: 1, size: 8 },
      { name: 'y', section: '.bss.y', type: 1, size: 64 },
    ],
  );
}

const linkSample = (bytes: Uint8Array): LinkResult =>
  link({
    inputs: [
      { path: 'fast/a.o', bytes, variant: 'fast' },
      { path: 'prof/a.o', bytes: sample(2), variant: 'prof' },
    ],
    variants: [{ name: 'fast' }, { name: 'prof' }],
    gcSections: true,
  });

/** Everything may fail, but only in our own words. */
function onlyOwnErrors(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    if (error instanceof MelfError) {
      assert.ok(error.code.includes('.') && error.message.length > 0);
      return;
    }
    throw error;
  }
}

interface Mutation {
  readonly changes: readonly (readonly [number, number])[];
  readonly cut: number | undefined;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  changes: fc.array(fc.tuple(fc.nat(), fc.constantFrom(0, 1, 4, 8, 0x7f, 0x80, 0xfe, 0xff)), { maxLength: 6 }),
  cut: fc.option(fc.nat(), { nil: undefined, freq: 4 }),
});

function mutate(bytes: Uint8Array, { changes, cut }: Mutation): Uint8Array {
  const copy = Uint8Array.from(cut === undefined ? bytes : bytes.subarray(0, cut % (bytes.length + 1)));
  for (const [at, value] of changes) if (copy.length > 0) copy[at % copy.length] = value;
  return copy;
}

const identity = { path: 'fuzz.o', variant: COMMON, unit: 'fuzz.o' };
const runs = { numRuns: 3000 };

describe('reading files that are not what they claim', function () {
  // Thousands of links: on a busy machine they take minutes.
  this.timeout(600_000);
  const good = sample(1);
  const members = [
    { name: 'a.o', bytes: good, symbols: ['_start', 'helper', 'x', 'y'] },
    { name: 'a_member_with_a_long_name.o', bytes: sample(3), symbols: ['other'] },
  ];
  const archive = makeArchive(members);
  const linked = linkSample(good).bytes;

  it('the samples themselves are good', () => {
    assert.equal(readObject(good, identity).symbols.length, 6);
    const read = readArchive(sourceOf(archive), 'lib.a');
    assert.deepEqual(
      read.list().map((m) => m.name),
      ['a.o', 'a_member_with_a_long_name.o'],
    );
    assert.equal(read.index.get('other'), read.list()[1]?.offset);
    assert.deepEqual(
      readMelf(linked).melf?.functions.map((f) => f.name),
      ['_start', 'helper'],
    );
  });

  it('an object has the addends that it says, of whatever width and at whatever address it lies', () => {
    const addends = [4, -4, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, -(2 ** 31) - 1, 2 ** 40 + 1, -(2 ** 52), 8];
    const object = makeObject(
      'x86-64',
      addends.map((addend, i) => ({
        name: `.data.${i}`,
        flags: SHF_ALLOC | SHF_WRITE,
        data: new Uint8Array(8),
        relocations: [{ offset: 0, type: 1, symbol: 'x', addend }],
      })),
      [{ name: 'x', section: '.data.0', type: 1, size: 8 }],
    );
    for (let shift = 0; shift < 4; shift++) {
      const bytes = new Uint8Array(object.length + shift).subarray(shift);
      bytes.set(object);
      const { sections, symbols } = readObject(bytes, identity);
      const read = sections.flatMap((s) => s?.relocations.rows().map((i) => s.relocations.addends[i]) ?? []);
      assert.deepEqual(read, addends);
      assert.deepEqual(
        symbols.map(({ name, size }) => [name, size]),
        [
          ['', 0],
          ['x', 8],
        ],
      );
    }
  });

  it('an object, mutated anywhere: read, linked or refused', () => {
    fc.assert(
      fc.property(mutation, (m) => onlyOwnErrors(() => linkSample(mutate(good, m)))),
      runs,
    );
  });

  it('an object, mutated in its headers', () => {
    const view = new DataView(good.buffer);
    const shoff = view.getUint32(40, true);
    const inHeaders = fc.array(fc.tuple(fc.nat(good.length - shoff - 1), fc.constantFrom(0, 1, 2, 3, 8, 0x7f, 0xff)), {
      minLength: 1,
      maxLength: 3,
    });
    const property = fc.property(inHeaders, (list) => {
      const changes = list.map(([at, value]) => [shoff + at, value] as const);
      onlyOwnErrors(() => linkSample(mutate(good, { changes, cut: undefined })));
    });
    fc.assert(property, runs);
  });

  it('an object, cut at every length', () => {
    for (let length = 0; length < good.length; length++) {
      assert.throws(() => readObject(good.subarray(0, length), identity), MelfError);
    }
  });

  it('an archive, mutated and cut', () => {
    fc.assert(
      fc.property(mutation, (m) =>
        onlyOwnErrors(() => link({ inputs: [{ path: 'lib.a', bytes: mutate(archive, m) }] })),
      ),
      runs,
    );
  });

  it('a thin archive, mutated and cut; its files are looked for in its folder', () => {
    const thin = makeArchive(members, true);
    const asked: string[] = [];
    const readFile = (path: string): Uint8Array => {
      asked.push(path);
      const found = members.find(({ name }) => path === `/lib/${name}`);
      if (found === undefined) throw unreadable(path, undefined);
      return found.bytes;
    };
    const read = (bytes: Uint8Array): Uint8Array[] =>
      readArchive(sourceOf(bytes), '/lib/lib.a', readFile)
        .list()
        .map((member) => member.bytes);
    assert.deepEqual(
      read(thin),
      members.map(({ bytes }) => bytes),
    );
    assert.deepEqual(asked, ['/lib/a.o', '/lib/a_member_with_a_long_name.o']);
    fc.assert(
      fc.property(mutation, (m) => onlyOwnErrors(() => read(mutate(thin, m)))),
      runs,
    );
  });

  it('a MELF file, mutated and cut', () => {
    const read = (bytes: Uint8Array) => {
      const file = readMelf(bytes);
      file.symbols();
      inspectMelf(file);
    };
    fc.assert(
      fc.property(mutation, (m) => onlyOwnErrors(() => read(mutate(linked, m)))),
      runs,
    );
    const melf = readMelf(linked).sections.find((s) => s.name === '.melf')!;
    const inMetadata = fc.array(fc.tuple(fc.nat(melf.size - 1), fc.constantFrom(0, 1, 0x7f, 0xff)), {
      minLength: 1,
      maxLength: 3,
    });
    const property = fc.property(inMetadata, (list) => {
      const changes = list.map(([at, value]) => [melf.offset + at, value] as const);
      onlyOwnErrors(() => read(mutate(linked, { changes, cut: undefined })));
    });
    fc.assert(property, runs);
  });

  it('foreign kinds of files, each with a reason', () => {
    const refused = (bytes: Uint8Array, code: string) =>
      assert.throws(() => link({ inputs: [{ path: 'f', bytes }] }), { code });
    refused(Buffer.from('hello'), 'link.not-elf');
    refused(new Uint8Array(0), 'link.not-elf');
    refused(Buffer.from('!<thin>\n/               '), 'link.truncated');
    refused(linked, 'link.not-relocatable');
    const patched = (at: number, value: number) => mutate(good, { changes: [[at, value]], cut: undefined });
    refused(patched(4, 1), 'link.unsupported-class');
    refused(patched(5, 2), 'link.unsupported-endian');
    refused(patched(18, 3), 'link.unsupported-machine');
    assert.throws(() => link({ inputs: [{ path: '/nonexistent/x.o' }] }), { code: 'link.unreadable' });
  });

  it('a file of more than 2 GiB: says so, and what to do', () => {
    const folder = mkdtempSync(join(tmpdir(), 'melf-large-'));
    try {
      const path = join(folder, 'large.o');
      writeFileSync(path, good);
      // Sparse: it takes no room on the disk.
      truncateSync(path, 2 ** 31);
      // What ld would be told, and what melf link is.
      for (const inputs of [[{ path }], readLdCommand([path]).options.inputs])
        assert.throws(
          () => link({ inputs }),
          (error: InputError) => {
            assert.equal(error.code, 'link.unreadable');
            assert.match(error.message, /large\.o: is larger than 2 GiB$/);
            assert.match(error.hint!, /objects up to 2 GiB can be read: .*--strip-debug/);
            return true;
          },
        );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('absolute symbols: negative numbers are exact, those of more than 53 bits are refused', () => {
    const withNumber = (value: bigint): Uint8Array => {
      const bytes = makeObject(
        'x86-64',
        [
          { name: '.text', data: [0xc3] },
          {
            name: '.data',
            flags: SHF_ALLOC | SHF_WRITE,
            data: new Uint8Array(8),
            relocations: [{ offset: 0, type: 1, symbol: 'number' }],
          },
        ],
        [
          { name: '_start', section: '.text' },
          { name: 'number', section: '*ABS*', value: 0x55aa },
        ],
      );
      const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      view.writeBigInt64LE(value, view.indexOf(Uint8Array.of(0xaa, 0x55, 0, 0, 0, 0, 0, 0)));
      return bytes;
    };
    for (const value of [-5n, -(2n ** 31n), 2n ** 52n]) {
      const { bytes } = link({ inputs: [{ path: 'number.o', bytes: withNumber(value) }] });
      const data = readMelf(bytes, 'number').sections.find((s) => s.name === '.data')!;
      assert.equal(Buffer.from(bytes).readBigInt64LE(data.offset), value);
    }
    assert.throws(() => link({ inputs: [{ path: 'number.o', bytes: withNumber(0x1234_5678_9abc_def1n) }] }), {
      code: 'link.too-large',
    });
    assert.throws(() => link({ inputs: [] }), { code: 'link.no-inputs' });
  });

  it('objects of two instruction sets', () => {
    const arm = makeObject(
      'aarch64',
      [{ name: '.text', data: [0xc0, 3, 0x5f, 0xd6] }],
      [{ name: 'f', section: '.text' }],
    );
    assert.throws(
      () =>
        link({
          inputs: [
            { path: 'a.o', bytes: good },
            { path: 'b.o', bytes: arm },
          ],
        }),
      { code: 'link.mixed-isa' },
    );
  });
});
