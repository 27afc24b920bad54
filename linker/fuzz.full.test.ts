// A hundred thousand inputs that are not what they claim: real objects, archives and executables, changed where it hurts. Each must be
// read or refused in our own words, in bounded time and memory.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { findProgram } from '../base/command.ts';
import { MelfError } from '../base/errors.ts';
import { skipBecause } from '../base/tests/skip.ts';
import { ensureToolchain } from '../setup/toolchain.ts';
import { SourceMap } from './debug/source-map.ts';
import { readU64 } from './elf.ts';
import { addExcludedSection, encodeFat, FAT_SECTION } from './fat-object.ts';
import { inspectMelf } from './inspection.ts';
import { link } from './link.ts';
import { readMelf } from './melf-reader.ts';
import type { LinkInput } from './options.ts';
import { Workshop } from './tests/workshop.ts';

/** CPU seconds that one input may take, and bytes by which it may let the process grow. */
const MOST_TIME = 5;
const MOST_GROWTH = 700e6;
const SEED = 20230710;

const C_SOURCE = `
struct node { struct node *next; const char *name; long value; };
static int counter;
__thread int own = 3;
static const char *const names[] = { "alpha", "beta", "gamma", "alpha" };
int shared[4] = { 1, 2, 3, 4 };
int tentative;
extern int nowhere __attribute__((weak));
__attribute__((constructor)) static void begin(void) { counter = 1; }
__attribute__((noinline)) static long walk(const struct node *n) { long s = 0; for (; n; n = n->next) s += n->value; return s; }
int choose(int x) {
  switch (x) { case 0: return 5; case 1: return -7; case 2: return shared[1]; case 3: return counter; case 4: return own; case 5: return 99; default: return x; }
}
void _start(void) {
  struct node n = { 0, names[counter & 3], choose(counter) + VARIANT };
  counter = (int)walk(&n) + (&nowhere ? nowhere : 0) + tentative;
  for (;;) {}
}
`;
const CXX_SOURCE = `
extern "C" { void __gxx_personality_v0() {} void _Unwind_Resume() { for (;;) {} } void *__dso_handle_own; }
struct Base { virtual int f(int x) { return x + VARIANT; } virtual ~Base() {} };
template <class T> struct Box : Base { T t; int f(int x) override { return x + (int)t; } };
void operator delete(void *p, unsigned long) { *(char *)p = 0; }
extern "C" int __cxa_atexit(void (*)(void *), void *, void *) { return 0; }
namespace __cxxabiv1 {
struct __class_type_info { virtual void a(); };
struct __si_class_type_info { virtual void a(); };
void __class_type_info::a() {}
void __si_class_type_info::a() {}
}
struct Guard { int *p; ~Guard() { ++*p; } };
__attribute__((noinline)) int call(Base &b, int x) { return b.f(x); }
inline int counter() { static int n; return ++n; }
int work(int x) { int n = 0; Guard g{&n}; Box<long> box; box.t = x; return call(box, n) + counter(); }
extern "C" void _start() { work(1); for (;;) {} }
`;

type Mutation = (bytes: Uint8Array) => Uint8Array;

const BYTES = [0, 1, 4, 8, 0x7f, 0x80, 0xfe, 0xff];
const WORDS = [0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe, 0x1000, 0x10000, 0xff00];

/** Offsets that a mutation may use: all, or those of some stretches that matter most. */
type Places = readonly (readonly [start: number, end: number])[];

const placeIn = (places: Places, at: number): number => {
  const total = places.reduce((sum, [start, end]) => sum + end - start, 0);
  let rest = at % Math.max(total, 1);
  for (const [start, end] of places) {
    if (rest < end - start) return start + rest;
    rest -= end - start;
  }
  return 0;
};

function mutations(places: Places): fc.Arbitrary<Mutation> {
  const at = fc.nat(0x7fffffff);
  const oneByte = fc.tuple(at, fc.oneof(fc.constantFrom(...BYTES), fc.nat(255))).map(
    ([where, value]): Mutation =>
      (bytes) => {
        bytes[placeIn(places, where)] = value;
        return bytes;
      },
  );
  const word = fc.tuple(at, fc.oneof(fc.constantFrom(...WORDS), fc.nat(0xffff))).map(
    ([where, value]): Mutation =>
      (bytes) => {
        const offset = placeIn(places, where) & ~3;
        if (offset + 4 <= bytes.length) new DataView(bytes.buffer).setUint32(offset, value, true);
        return bytes;
      },
  );
  const copied = fc.tuple(at, at, fc.integer({ min: 1, max: 64 })).map(
    ([from, to, length]): Mutation =>
      (bytes) => {
        const [source, target] = [placeIn(places, from), placeIn(places, to)];
        bytes.copyWithin(target, source, Math.min(source + length, bytes.length));
        return bytes;
      },
  );
  const cut = at.map(
    (length): Mutation =>
      (bytes) =>
        bytes.slice(0, length % (bytes.length + 1)),
  );
  const step = fc.oneof(
    { arbitrary: oneByte, weight: 5 },
    { arbitrary: word, weight: 5 },
    { arbitrary: copied, weight: 2 },
    { arbitrary: cut, weight: 1 },
  );
  return fc.array(step, { minLength: 1, maxLength: 4 }).map(
    (steps): Mutation =>
      (bytes) => {
        let now: Uint8Array = Uint8Array.from(bytes);
        for (const one of steps) if (now.length > 0) now = one(now);
        return now;
      },
  );
}

/** Section headers and the contents of some kinds of sections: where one changed byte changes most. */
function sensitivePlaces(bytes: Uint8Array): Places {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shoff = readU64(view, 40);
  const count = view.getUint16(60, true);
  const places: [number, number][] = [
    [0, 64],
    [shoff, shoff + count * 64],
  ];
  for (let i = 0; i < count; i++) {
    const at = shoff + i * 64;
    // Symbols, names, relocations, groups.
    if (![2, 3, 4, 17].includes(view.getUint32(at + 4, true))) continue;
    const offset = readU64(view, at + 24);
    places.push([offset, offset + readU64(view, at + 32)]);
  }
  return places.filter(([start, end]) => start < end && end <= bytes.length);
}

const sectionPlaces = (bytes: Uint8Array, wanted: RegExp): Places =>
  readSectionTable(bytes)
    .filter(({ name }) => wanted.test(name))
    .map(({ offset, size }) => [offset, offset + size] as const);

function readSectionTable(bytes: Uint8Array): { name: string; offset: number; size: number }[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shoff = readU64(view, 40);
  const names = readU64(view, shoff + view.getUint16(62, true) * 64 + 24);
  return Array.from({ length: view.getUint16(60, true) }, (_, i) => {
    const at = shoff + i * 64;
    const start = names + view.getUint32(at, true);
    const name = Buffer.from(bytes.subarray(start, bytes.indexOf(0, start))).toString('latin1');
    return { name, offset: readU64(view, at + 24), size: readU64(view, at + 32) };
  });
}

/** What became of the inputs: a run in which none is good, or all, tried nothing. */
interface Tally {
  good: number;
  refused: number;
}

function tryInput(run: () => unknown, tally: Tally): void {
  const before = process.cpuUsage();
  const memory = process.memoryUsage.rss();
  try {
    run();
    tally.good++;
  } catch (error) {
    if (!(error instanceof MelfError)) throw error;
    assert.ok(/^[a-z]+\.[a-z0-9-]+$/.test(error.code) && error.message.length > 0, `${error.code}: ${error.message}`);
    tally.refused++;
  }
  const { user, system } = process.cpuUsage(before);
  assert.ok((user + system) / 1e6 < MOST_TIME, `it took ${(user + system) / 1e6} s`);
  const growth = process.memoryUsage.rss() - memory;
  assert.ok(growth < MOST_GROWTH, `the process grew by ${growth} bytes`);
}

describe('100,000 inputs that are not what they claim', function () {
  this.timeout(3_600_000);
  let shop: Workshop;
  const made = new Map<string, Uint8Array>();
  let tried = 0;

  const compile = (name: string, command: readonly string[], source: string, flags: readonly string[]): Uint8Array => {
    const [input, output] = [join(shop.folder, `${name}.src`), join(shop.folder, `${name}.o`)];
    writeFileSync(input, source);
    const { status, stderr } = spawnSync(command[0]!, [...command.slice(1), ...flags, input, '-o', output], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    return Uint8Array.from(readFileSync(output));
  };

  before(async () => {
    shop = await Workshop.open();
    const base = ['-w', '-ffunction-sections', '-fdata-sections', '-fno-pic', '-fno-stack-protector', '-c'];
    const c = [...base, '-x', 'c', '-fcommon'];
    made.set('c', compile('c', shop.toolchain.cc, C_SOURCE, [...c, '-O2', '-DVARIANT=1']));
    made.set('c-other', compile('c-other', shop.toolchain.cc, C_SOURCE, [...c, '-O1', '-DVARIANT=2']));
    made.set('debug', compile('debug', shop.toolchain.cc, C_SOURCE, [...c, '-O1', '-g', '-DVARIANT=1']));
    made.set('debug-other', compile('debug-other', shop.toolchain.cc, C_SOURCE, [...c, '-O2', '-g', '-DVARIANT=2']));
    if (findProgram('g++') !== undefined) {
      const cxx = [...base, '-x', 'c++', '-fno-threadsafe-statics'];
      made.set('c++', compile('c++', ['g++'], CXX_SOURCE, [...cxx, '-O1', '-DVARIANT=1']));
      made.set('c++-other', compile('c++-other', ['g++'], CXX_SOURCE, [...cxx, '-O2', '-DVARIANT=2']));
    }
    const arm = await ensureToolchain('aarch64');
    made.set('aarch64', compile('aarch64', arm.cc, C_SOURCE, [...c, '-O2', '-DVARIANT=1']));
    made.set('aarch64-other', compile('aarch64-other', arm.cc, C_SOURCE, [...c, '-O1', '-DVARIANT=2']));
  });
  after(() => shop.close());

  const two = (bytes: Uint8Array, other: Uint8Array): LinkInput[] => [
    { path: 'fast/a.o', bytes, variant: 'fast' },
    { path: 'slow/a.o', bytes: other, variant: 'slow' },
  ];
  const variants = [{ name: 'fast' }, { name: 'slow' }];
  const linkTwo = (bytes: Uint8Array, other: Uint8Array, gcSections = true): Uint8Array =>
    link({ inputs: two(bytes, other), variants, gcSections }).bytes;

  const fuzz = (bytes: Uint8Array, places: Places, numRuns: number, run: (bytes: Uint8Array) => unknown): void => {
    const tally: Tally = { good: 0, refused: 0 };
    tryInput(() => run(Uint8Array.from(bytes)), tally);
    assert.equal(tally.good, 1, 'the unchanged input is good');
    fc.assert(
      fc.property(mutations(places), (mutate) => tryInput(() => run(mutate(bytes)), tally)),
      { numRuns, seed: SEED, endOnFailure: true },
    );
    tried += numRuns;
    process.stdout.write(`      ${tally.good - 1} were read, ${tally.refused} refused\n`);
    assert.ok(tally.refused > 0 && tally.good > 1);
  };

  const whole = (bytes: Uint8Array): Places => [[0, bytes.length]];
  const objectOf = (what: string, runs: number): void => {
    it(`${what}: ${runs} objects of one variant beside a good one`, function () {
      const bytes = made.get(what);
      const other = made.get(`${what}-other`)!;
      if (bytes === undefined) skipBecause(this, 'there is no compiler to make it with');
      fuzz(bytes, sensitivePlaces(bytes), runs * 0.7, (one) => linkTwo(one, other));
      fuzz(bytes, whole(bytes), runs * 0.3, (one) => linkTwo(other, one, false));
    });
  };
  objectOf('c', 20_000);
  objectOf('c++', 15_000);
  // Without g++ the share of C++ goes to AArch64's.
  objectOf('aarch64', findProgram('g++') === undefined ? 25_000 : 10_000);

  it('10,000 objects whose debug information is changed: types are compared', () => {
    const bytes = made.get('debug')!;
    const debug = sectionPlaces(bytes, /^\.debug_(info|abbrev|str|line_str)$/);
    fuzz(bytes, debug, 10_000, (one) => linkTwo(one, made.get('debug-other')!));
  });

  it('10,000 executables whose debug information is changed: functions and lines are looked up', () => {
    const bytes = linkTwo(made.get('debug')!, made.get('debug-other')!);
    const places = sectionPlaces(bytes, /^\.(debug|slow\.debug|melf\.debug)|debug_/);
    assert.ok(places.length > 4);
    const { melf } = readMelf(bytes);
    const addresses = melf!.functions.flatMap(({ va }) => [va, va + 5]);
    fuzz(bytes, places, 10_000, (one) => {
      const map = new SourceMap(readMelf(one), 'fuzz');
      for (const address of addresses) for (const v of [0, 1]) map.frames(address, v);
    });
  });

  it('15,000 archives', () => {
    const members = ['c', 'c-other'].map((name) => join(shop.folder, `${name}.o`));
    const path = join(shop.folder, 'lib.a');
    const long = join(shop.folder, 'a-member-with-a-rather-long-name.o');
    writeFileSync(long, made.get('debug')!);
    assert.equal(spawnSync('ar', ['rcs', path, ...members, long]).status, 0);
    const bytes = Uint8Array.from(readFileSync(path));
    const text = Buffer.from(bytes).toString('latin1');
    const headers = [...text.matchAll(/`\n/g)].map(({ index }): [number, number] => [
      Math.max(index - 58, 0),
      index + 2,
    ]);
    const symbols: [number, number] = [8, 400];
    fuzz(bytes, [...headers, symbols], 10_000, (one) => link({ inputs: [{ path: 'lib.a', bytes: one }] }));
    const good = made.get('c')!;
    fuzz(bytes, whole(bytes), 5000, (one) =>
      link({
        inputs: [
          { path: 'c.o', bytes: good },
          { path: 'lib.a', bytes: one, wholeArchive: true },
        ],
        multipleDefinitions: true,
      }),
    );
  });

  it('10,000 fat objects', () => {
    const record = encodeFat([
      { name: 'fast', flags: '-O2', object: undefined },
      { name: 'slow', flags: '-O1', object: made.get('c-other')! },
    ]);
    const bytes = addExcludedSection(made.get('c')!, FAT_SECTION, record, 'a.o');
    const [start = 0] = sectionPlaces(bytes, /^\.melf\.objects$/)[0]!;
    const places: Places = [[start, start + 120], ...sensitivePlaces(bytes)];
    fuzz(bytes, places, 10_000, (one) => link({ inputs: [{ path: 'a.o', bytes: one }] }));
  });

  it('10,000 multivariant executables', () => {
    const bytes = linkTwo(made.get('c')!, made.get('c-other')!);
    const own = sectionPlaces(bytes, /^\.(melf|genmeta)$/);
    const places: Places = [[0, 64 + 56 * 8], ...own, ...own, ...sensitivePlaces(bytes)];
    fuzz(bytes, places, 10_000, (one) => {
      const file = readMelf(one);
      file.symbols();
      inspectMelf(file);
    });
  });

  it('these were all', () => {
    const wanted = 100_000;
    assert.ok(tried >= wanted, `${tried}`);
  });
});
