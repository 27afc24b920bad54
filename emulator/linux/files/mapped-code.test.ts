// Code in a file that is mapped executable and rewritten by write(2): what is called next is what was written last.

import assert from 'node:assert/strict';
import { assemble } from '../../isa/assembler.ts';
import type { Isa } from '../../isa/isa.ts';
import { Machine } from '../../machine.ts';
import { loadMachine } from '../../scheduler/machine-description.ts';
import { TINY_DATA, tinyProgram } from '../../tests/tiny-program.ts';

const mapped = 0x10000000;
const values = [1, 2, 4, 8];

/** A function that returns a number, two instructions each. */
const routine: Record<Isa, (value: number) => string> = {
  'x86-64': (value) => `mov eax, ${value}\nret`,
  aarch64: (value) => `mov w0, #${value}\nret`,
};

function words(bytes: Uint8Array): number[] {
  const padded = new Uint8Array(8);
  padded.set(bytes);
  return [...new Uint32Array(padded.buffer)];
}

/** memfd_create, ftruncate, mmap(RX, shared); then for each body pwrite and a call; the sum of what the calls returned is the exit code. */
const programs: Record<Isa, (bodies: readonly Uint8Array[]) => string> = {
  'x86-64': (bodies) =>
    [
      `mov rdi, ${TINY_DATA}\nxor esi, esi\nmov eax, 319\nsyscall\nmov r15, rax`,
      'mov rdi, r15\nmov esi, 4096\nmov eax, 77\nsyscall',
      `mov rdi, ${mapped}\nmov esi, 4096\nmov edx, 5\nmov r10d, 0x11\nmov r8, r15\nxor r9d, r9d\nmov eax, 9\nsyscall`,
      'xor r14d, r14d',
      ...bodies.map((body) => {
        const [low, high] = words(body);
        return [
          `mov rbx, ${TINY_DATA + 64}\nmov dword ptr [rbx], ${low}\nmov dword ptr [rbx + 4], ${high}`,
          'mov rdi, r15\nmov rsi, rbx\nmov edx, 8\nxor r10d, r10d\nmov eax, 18\nsyscall',
          `mov rax, ${mapped}\ncall rax\nadd r14d, eax`,
        ].join('\n');
      }),
      'mov edi, r14d\nmov eax, 231\nsyscall',
    ].join('\n'),
  aarch64: (bodies) => {
    const set = (register: string, value: number): string =>
      `movz ${register}, #${value & 0xffff}\nmovk ${register}, #${value >>> 16}, lsl #16`;
    const call = (number: number): string => `mov x8, #${number}\nsvc #0`;
    return [
      `${set('x0', TINY_DATA)}\nmov x1, #0\n${call(279)}\nmov x19, x0`,
      `mov x0, x19\nmov x1, #4096\n${call(46)}`,
      `${set('x0', mapped)}\nmov x1, #4096\nmov x2, #5\nmov x3, #0x11\nmov x4, x19\nmov x5, #0\n${call(222)}`,
      `mov x20, #0\n${set('x21', TINY_DATA + 64)}`,
      ...bodies.map((body) => {
        const [low, high] = words(body);
        return [
          `${set('w9', low!)}\nstr w9, [x21]\n${set('w9', high!)}\nstr w9, [x21, #4]`,
          `mov x0, x19\nmov x1, x21\nmov x2, #8\nmov x3, #0\n${call(68)}`,
          `${set('x9', mapped)}\nblr x9\nadd x20, x20, x0`,
        ].join('\n');
      }),
      `mov x0, x20\n${call(94)}`,
    ].join('\n');
  },
};

for (const isa of ['x86-64', 'aarch64'] as const) {
  describe(`a file of code (${isa})`, () => {
    it('executes what was written last, however often', async () => {
      const bodies = await Promise.all(values.map((value) => assemble(isa, routine[isa](value))));
      const machine = await Machine.create({ description: loadMachine('uniform-1', isa), ramBytes: 64 * 2 ** 20 });
      const process = machine.spawn(await tinyProgram(isa, programs[isa](bodies)), { argv: ['p'] });
      machine.run({ maxInstructions: 10_000 });
      machine.close();
      assert.equal(process.exitCode, 15);
    });
  });
}
