import assert from 'node:assert/strict';
import { aarch64Prologue } from '../safety/prologue.ts';

const code = (...words: number[]): Uint8Array => new Uint8Array(Uint32Array.from(words).buffer);
const placeBefore = (offset: number): { offset: number; isReturnAddress: boolean } => ({
  offset,
  isReturnAddress: false,
});

/** Words of AArch64 instructions (Arm ARM, C6.2). */
const [cmpImmediate, cmpExtended, ret] = [0xf10010bf, 0xeb2063ff, 0xd65f03c0] as const; // cmp x5, #4; cmp sp, x0; ret
const [subSp, movSp] = [0xd10043ff, 0x910003bf] as const; // sub sp, sp, #16; mov sp, x29

describe('frame rules read from AArch64 code', () => {
  it('take comparisons for what they are: they write the zero register, not the stack pointer', () => {
    for (const compare of [cmpImmediate, cmpExtended])
      assert.deepEqual(aarch64Prologue(code(subSp, compare, ret), placeBefore(8))?.cfa, { register: 31, offset: 16 });
  });

  it('end where the stack pointer becomes something unknown', () => {
    assert.equal(aarch64Prologue(code(movSp, ret), placeBefore(4)), undefined);
  });
});
