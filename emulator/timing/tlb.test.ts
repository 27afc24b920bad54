// Which changes of page tables cost a program the translations that it has: Linux invalidates a few pages one by one, and all where there are many.

import assert from 'node:assert/strict';
import type { Isa } from '../isa/isa.ts';
import { Machine } from '../machine.ts';
import { loadMachine } from '../scheduler/machine-description.ts';
import { TINY_DATA, tinyProgram } from '../tests/tiny-program.ts';

const NOTE = 1999;
const PAGE = 4096;
const touched = 8;
/** Behind what the program touches again and again. */
const other = TINY_DATA + touched * PAGE;
const many = 64;

const numbers = {
  'x86-64': { mmap: 9, mprotect: 10, munmap: 11, madvise: 28, exit: 231 },
  aarch64: { mmap: 222, mprotect: 226, munmap: 215, madvise: 233, exit: 94 },
} as const;

const call: Record<Isa, (number: number, ...args: number[]) => string> = {
  'x86-64': (number, ...args) =>
    [
      ...args.map((value, i) => `mov ${['rdi', 'rsi', 'rdx', 'r10', 'r8', 'r9'][i]}, ${value}`),
      `mov rax, ${number}`,
      'syscall',
    ].join('\n'),
  aarch64: (number, ...args) =>
    [
      ...args.map((value, i) => `movz x${i}, #${value & 0xffff}\nmovk x${i}, #${value >>> 16}, lsl #16`),
      `mov x8, #${number}`,
      'svc #0',
    ].join('\n'),
};
const store: Record<Isa, (address: number) => string> = {
  'x86-64': (address) => `mov rbx, ${address}\nmov byte ptr [rbx], 1`,
  aarch64: (address) => `movz x9, #${address & 0xffff}\nmovk x9, #${address >>> 16}, lsl #16\nstrb w9, [x9]`,
};

for (const isa of ['x86-64', 'aarch64'] as const) {
  describe(`the modelled TLB (${isa})`, () => {
    const n = numbers[isa];
    const note = call[isa](NOTE);
    const pages = (from: number, count: number): string =>
      Array.from({ length: count }, (_, page) => store[isa](from + page * PAGE)).join('\n');
    const work = pages(TINY_DATA, touched);
    const fixedPrivateAnonymous = 0x32;
    const map = (count: number): string => call[isa](n.mmap, 0x10000000, count * PAGE, 3, fixedPrivateAnonymous, 0, 0);
    const mapped = (count: number): string => `${map(count)}\n${pages(0x10000000, count)}`;

    /** Misses of `work` after it has run once and `change` has happened. */
    async function missesAfter(change: string, before = ''): Promise<number> {
      const counts: number[] = [];
      const machine = await Machine.create({
        description: loadMachine('uniform-1', isa),
        ramBytes: 64 * 2 ** 20,
        extensions: [
          (kernel) =>
            kernel.registerSyscall(NOTE, 'note', {
              handler: ({ core }) => {
                counts.push(core.tlbMisses);
                return 0;
              },
              note: 'notes misses',
            }),
        ],
      });
      const text = [before, work, change, note, work, note, call[isa](n.exit, 0)].join('\n');
      const process = machine.spawn(await tinyProgram(isa, text), { argv: ['p'] });
      machine.run();
      assert.equal(process.exitCode, 0);
      machine.close();
      assert.equal(counts.length, 2);
      return counts[1]! - counts[0]!;
    }

    it('keeps what it knows when nothing changes', async () => {
      assert.equal(await missesAfter(''), 0);
    });

    it('keeps all other pages when a few are unmapped, discarded or lose rights', async () => {
      const few = mapped(4);
      assert.equal(await missesAfter(call[isa](n.munmap, 0x10000000, 4 * PAGE), few), 0);
      assert.equal(await missesAfter(call[isa](n.madvise, 0x10000000, 4 * PAGE, 4), few), 0);
      assert.equal(await missesAfter(call[isa](n.mprotect, 0x10000000, 4 * PAGE, 1), few), 0);
    });

    it('keeps everything when what is unmapped was never touched, however large', async () => {
      assert.equal(await missesAfter(call[isa](n.munmap, 0x10000000, many * PAGE), map(many)), 0);
      assert.equal(await missesAfter(call[isa](n.mprotect, 0x10000000, many * PAGE, 1), map(many)), 0);
    });

    it('is empty when many pages are unmapped or lose rights: each page misses once more, code among them', async () => {
      for (const change of [
        call[isa](n.munmap, 0x10000000, many * PAGE),
        call[isa](n.mprotect, 0x10000000, many * PAGE, 1),
      ])
        assert.ok((await missesAfter(change, mapped(many))) >= touched);
    });

    it('finds a page that was mapped anew only by a fault', async () => {
      const remap = call[isa](n.mmap, other, PAGE, 3, fixedPrivateAnonymous, 0, 0);
      const zero =
        isa === 'x86-64'
          ? `mov rbx, ${other}\nmovzx edi, byte ptr [rbx]`
          : `movz x9, #${other & 0xffff}\nmovk x9, #${other >>> 16}, lsl #16\nldrb w0, [x9]`;
      const exit = isa === 'x86-64' ? 'mov rax, 231\nsyscall' : 'mov x8, #94\nsvc #0';
      const machine = await Machine.create({ description: loadMachine('uniform-1', isa), ramBytes: 64 * 2 ** 20 });
      const text = [store[isa](other), remap, zero, exit].join('\n');
      const process = machine.spawn(await tinyProgram(isa, text), { argv: ['p'] });
      machine.run();
      assert.equal(process.exitCode, 0, 'the old page was still there');
      machine.close();
    });
  });
}
