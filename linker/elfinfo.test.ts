// The linker's output through the eyes of a reader that is not ours: the npm package elfinfo.

import assert from 'node:assert/strict';
import { type ELF, getSymbolsByName, ISA, ObjectType, open, SymbolType } from 'elfinfo';
import { PT_LOAD, PT_MVS } from './elf.ts';
import { readMelf } from './melf-reader.ts';
import { Workshop } from './tests/workshop.ts';

const SOURCE = `
int counter;
int ask(int x) { counter += WEIGHT; return x * WEIGHT; }
int answer(int x) { return ask(x) + 1; }
`;
const MAIN = 'extern int answer(int); int main(void) { return answer(1) - 2; }';

describe('a multivariant file, read by elfinfo', () => {
  let shop: Workshop;
  let elf: ELF;
  let bytes: Uint8Array;
  before(async () => {
    shop = await Workshop.open();
    const objects = shop.compileVariants('subject.c', SOURCE, { fast: ['-DWEIGHT=1'], prof: ['-DWEIGHT=1', '-O0'] });
    ({ bytes } = shop.variants(objects, [shop.compile('main.c', MAIN)]));
    const result = await open(bytes);
    assert.deepEqual([result.success, result.errors, result.warnings], [true, [], []]);
    elf = result.elf!;
  });
  after(() => shop.close());

  it('is an x86-64 executable', () => {
    assert.equal(elf.isa, ISA.X86_64);
    assert.equal(elf.type, ObjectType.Executable);
    assert.equal(Number(elf.entryPoint), readMelf(bytes).entry);
  });

  it('has the default variant in a segment that is loaded and the other one at the same address in one of its own kind', () => {
    const { windowVa, windowSize } = readMelf(bytes).melf!;
    const there = elf.segments.filter(({ vaddr }) => Number(vaddr) === windowVa);
    assert.deepEqual(
      there.map(({ type, filesz }) => [Number(type), Number(filesz)]),
      [
        [PT_LOAD, windowSize],
        [PT_MVS, windowSize],
      ],
    );
  });

  it('has no segment that is writable and executable', () => {
    const [WRITE, EXECUTE] = [2, 1];
    for (const { flags } of elf.segments) assert.notEqual(Number(flags) & (WRITE | EXECUTE), WRITE | EXECUTE);
  });

  it('has its functions where our reader says, once each', () => {
    for (const { name, va } of readMelf(bytes).melf!.functions) {
      const found = getSymbolsByName(elf, name).filter(({ type }) => type === SymbolType.Function);
      assert.ok(found.length >= 1, name);
      for (const { value } of found) assert.equal(Number(value), va);
    }
  });
});
