import assert from 'node:assert/strict';
import { expectedResult, fastKernels, kernelNames, kernels, makeInputs } from './kernels.ts';

const zeros = new Uint8Array(4096);
const bytes = (text: string): Uint8Array => {
  const all = new Uint8Array(4096);
  all.set(Buffer.from(text));
  return all;
};

describe('the pool’s kernels on the host', () => {
  it('make the same inputs for the same number', () => {
    assert.deepEqual(makeInputs(3), makeInputs(3));
    assert.notDeepEqual(makeInputs(3).a, makeInputs(4).a);
    assert.equal(makeInputs(0).b.length, 4096 + 64);
  });

  it('give what can be worked out by hand', () => {
    const ones = new Uint8Array(4096).fill(1);
    const minusOnes = new Uint8Array(4096).fill(0xff);
    assert.equal(kernels.dot8.reference(ones, minusOnes), 2 ** 32 - 4096);
    assert.equal(kernels.hamming.reference(zeros, minusOnes), 4096 * 8);
    assert.equal(kernels.anyof.reference(zeros, bytes('a man, a plan')), 6 + 2);
    assert.equal(kernels.histogram.reference(ones, ones), 4097);
    assert.equal(kernels.fib.reference(zeros, zeros), 144);
    const identity = new Uint8Array(4096);
    for (let i = 0; i < 16; i++) identity[4 * (i * 16 + i)] = 1;
    let weighted = 0;
    for (let i = 1; i <= 16; i++) weighted += i;
    assert.equal(kernels.matrix.reference(identity, identity), weighted);
  });

  it('follow the rounds of a job', () => {
    for (const name of kernelNames) {
      const one = expectedResult(name, 1, 7);
      const { a, b } = makeInputs(7);
      assert.equal(one, kernels[name].reference(a, b));
      const second = kernels[name].reference(a, b.subarray(1));
      assert.equal(expectedResult(name, 2, 7), (((one << 1) | (one >>> 31)) ^ second) >>> 0);
    }
  });

  it('are known to an ISA where their compiles differ', () => {
    assert.ok(fastKernels('x86-64').includes('anyof') && !fastKernels('aarch64').includes('anyof'));
    assert.ok(fastKernels('aarch64').includes('histogram'));
    assert.ok(!fastKernels('x86-64').includes('fib'));
  });
});
