import assert from 'node:assert/strict';
import fc from 'fast-check';
import { TINY_CODE, tinyElf } from '../tests/tiny-program.ts';
import { BadExecutable, parseElf, SymbolTable } from './elf-image.ts';

const X86 = 62;
const good = () => tinyElf('x86-64', Uint8Array.of(0x0f, 0x05, 0xc3));
const change = (at: number, value: bigint, bytes = 8): Uint8Array => {
  const elf = good();
  for (let i = 0; i < bytes; i++) elf[at + i] = Number((value >> BigInt(8 * i)) & 0xffn);
  return elf;
};
const FIRST = 64;
const SECOND = 64 + 56;

describe('parseElf', () => {
  it('reads a program', () => {
    const image = parseElf('tiny', good(), X86);
    assert.equal(image.entry, TINY_CODE);
    assert.equal(image.segments.length, 2);
    assert.equal(image.relocatable, false);
  });

  const refused: [what: string, elf: Uint8Array, message: RegExp][] = [
    ['nothing', new Uint8Array(0), /empty/],
    ['text', new TextEncoder().encode('#!/bin/sh\n'.repeat(20)), /not an ELF/],
    ['a 32-bit file', change(4, 1n, 1), /64-bit/],
    ['a big-endian file', change(5, 2n, 1), /big-endian/],
    ['another processor', change(18, 183n, 2), /another processor/],
    ['an object file', change(16, 1n, 2), /object file/],
    ['no program headers', change(56, 0n, 2), /program headers/],
    ['program headers of another size', change(54, 32n, 2), /program headers/],
    ['program headers beyond the end', change(32, 1n << 20n), /truncated/],
    ['an offset beyond 2^53', change(32, 1n << 60n), /out of range/],
    ['a segment beyond the end', change(FIRST + 8, 0x9000n), /truncated/],
    ['more in the file than in memory', change(FIRST + 40, 1n), /larger in the file/],
    ['a skewed segment', change(FIRST + 16, BigInt(TINY_CODE + 16)), /not aligned/],
    ['a segment in the kernel', change(SECOND + 16, 0x7fff_ffff_f000n), /outside user memory/],
    ['a segment at 0', change(FIRST + 16, 0n), /lowest user address|entry/],
    ['overlapping segments', change(SECOND + 16, BigInt(TINY_CODE)), /overlap/],
    ['an entry in data', change(24, 0x600000n), /entry point/],
    ['a dynamic program', change(SECOND, 3n, 4), /dynamically linked/],
  ];
  for (const [what, elf, message] of refused) {
    it(`refuses ${what}`, () => {
      assert.throws(() => parseElf('x', elf, X86), { constructor: BadExecutable, message });
    });
  }

  it('never fails in any other way, whatever is damaged', () => {
    const damage = fc.array(fc.tuple(fc.nat(0x1002), fc.nat(255)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(damage, fc.nat(0x1003), fc.boolean(), (changes, length, cut) => {
        const elf = good();
        for (const [at, value] of changes) elf[at < 0x300 ? at : at % 200] = value;
        const bytes = cut ? elf.subarray(0, length) : elf;
        try {
          parseElf('x', bytes, X86);
        } catch (error) {
          assert.ok(error instanceof BadExecutable, String(error));
        }
        new SymbolTable(bytes, 0).functionAt(TINY_CODE);
      }),
      { numRuns: 2000 },
    );
  });
});
