import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Decoder } from '../isa/decoder.ts';
import { type CostModel, classify, loadCostModel } from './cost-model.ts';
import type { InstructionClass } from './instruction-class.ts';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

/** Encoding, class, loads, stores. */
type Row = readonly [hex: string, text: string, found: InstructionClass, memory: '' | 'l' | 's' | 'ls'];

const x86Rows: readonly Row[] = [
  ['90', 'nop', 'nop', ''],
  ['f3 0f 1e fa', 'endbr64', 'nop', ''],
  ['0f 1f 44 00 00', 'nop dword ptr [rax+rax]', 'nop', ''],
  ['48 89 e5', 'mov rbp, rsp', 'move', ''],
  ['48 8b 03', 'mov rax, [rbx]', 'move', 'l'],
  ['48 89 03', 'mov [rbx], rax', 'move', 's'],
  ['48 8d 44 24 08', 'lea rax, [rsp+8]', 'alu', ''],
  ['48 01 d8', 'add rax, rbx', 'alu', ''],
  ['48 03 03', 'add rax, [rbx]', 'alu', 'l'],
  ['48 01 03', 'add [rbx], rax', 'alu', 'ls'],
  ['48 3b 03', 'cmp rax, [rbx]', 'alu', 'l'],
  ['50', 'push rax', 'move', 's'],
  ['58', 'pop rax', 'move', 'l'],
  ['c9', 'leave', 'alu', 'l'],
  ['48 0f af c3', 'imul rax, rbx', 'multiply', ''],
  ['f7 f3', 'div ebx', 'divide', ''],
  ['48 f7 fb', 'idiv rbx', 'divide-64', ''],
  ['f3 48 0f b8 c3', 'popcnt rax, rbx', 'bit-count', ''],
  ['f2 48 0f 38 f1 c3', 'crc32 rax, rbx', 'bit-count', ''],
  ['eb 00', 'jmp', 'branch', ''],
  ['74 00', 'je', 'branch', ''],
  ['ff e0', 'jmp rax', 'indirect-branch', ''],
  ['ff 24 c5 00 10 00 00', 'jmp [rax*8+0x1000]', 'indirect-branch', 'l'],
  ['e8 00 00 00 00', 'call', 'call', 's'],
  ['ff 13', 'call [rbx]', 'call', 'ls'],
  ['c3', 'ret', 'return', 'l'],
  ['f2 0f 58 c1', 'addsd xmm0, xmm1', 'float-add', ''],
  ['f2 0f 59 03', 'mulsd xmm0, [rbx]', 'float-multiply', 'l'],
  ['f3 0f 5e c1', 'divss xmm0, xmm1', 'float-divide', ''],
  ['f2 0f 5e c1', 'divsd xmm0, xmm1', 'float-divide-64', ''],
  ['f2 0f 51 c1', 'sqrtsd xmm0, xmm1', 'float-sqrt-64', ''],
  ['f2 48 0f 2a c0', 'cvtsi2sd xmm0, rax', 'convert', ''],
  ['66 0f 2f c1', 'comisd xmm0, xmm1', 'float-compare', ''],
  ['f2 0f 10 03', 'movsd xmm0, [rbx]', 'float-move', 'l'],
  ['d9 03', 'fld dword ptr [rbx]', 'float-move', 'l'],
  ['66 0f fe c1', 'paddd xmm0, xmm1', 'simd', ''],
  ['66 0f ef c0', 'pxor xmm0, xmm0', 'simd', ''],
  ['66 0f f4 c1', 'pmuludq xmm0, xmm1', 'simd-multiply', ''],
  ['66 0f 38 dc c1', 'aesenc xmm0, xmm1', 'crypto', ''],
  ['f0 48 0f b1 0b', 'lock cmpxchg [rbx], rcx', 'atomic', 'ls'],
  ['48 87 03', 'xchg [rbx], rax', 'atomic', 'ls'],
  ['48 87 d8', 'xchg rax, rbx', 'alu', ''],
  ['f3 a4', 'rep movsb', 'string', 'ls'],
  ['a5', 'movsd (string)', 'string', 'ls'],
  ['f3 48 ab', 'rep stosq', 'string', 's'],
  ['0f ae f0', 'mfence', 'fence', ''],
  ['0f a2', 'cpuid', 'system', ''],
  ['0f 31', 'rdtsc', 'system', ''],
  ['0f 05', 'syscall', 'syscall', ''],
  ['f3 90', 'pause', 'nop', ''],
];

const aarch64Rows: readonly Row[] = [
  ['1f 20 03 d5', 'nop', 'nop', ''],
  ['00 04 00 91', 'add x0, x0, #1', 'alu', ''],
  ['e0 03 01 aa', 'mov x0, x1', 'alu', ''],
  ['00 7c 01 9b', 'mul x0, x0, x1', 'multiply', ''],
  ['00 08 c1 9a', 'udiv x0, x0, x1', 'divide', ''],
  ['20 00 40 f9', 'ldr x0, [x1]', 'load', ''],
  ['20 00 00 f9', 'str x0, [x1]', 'store', ''],
  ['fd 7b bf a9', 'stp x29, x30, [sp, #-16]!', 'store-pair', ''],
  ['fd 7b c1 a8', 'ldp x29, x30, [sp], #16', 'load-pair', ''],
  ['00 00 00 14', 'b', 'branch', ''],
  ['00 00 00 54', 'b.eq', 'branch', ''],
  ['00 00 00 b4', 'cbz x0', 'branch', ''],
  ['00 00 00 94', 'bl', 'call', ''],
  ['20 00 3f d6', 'blr x1', 'call', ''],
  ['20 00 1f d6', 'br x1', 'indirect-branch', ''],
  ['c0 03 5f d6', 'ret', 'return', ''],
  ['00 28 61 1e', 'fadd d0, d0, d1', 'float-add', ''],
  ['00 08 61 1e', 'fmul d0, d0, d1', 'float-multiply', ''],
  ['00 18 61 1e', 'fdiv d0, d0, d1', 'float-divide', ''],
  ['00 c0 61 1e', 'fsqrt d0, d0', 'float-sqrt', ''],
  ['00 00 62 9e', 'scvtf d0, x0', 'convert', ''],
  ['00 20 61 1e', 'fcmp d0, d1', 'float-compare', ''],
  ['20 cc 21 4e', 'fmla v0.4s, v1.4s, v1.4s', 'float-multiply', ''],
  ['20 7c 5f c8', 'ldxr x0, [x1]', 'load-exclusive', ''],
  ['20 7c 02 c8', 'stxr w2, x0, [x1]', 'store-exclusive', ''],
  ['20 00 20 f8', 'ldadd x0, x0, [x1]', 'atomic', ''],
  ['bf 3b 03 d5', 'dmb ish', 'fence', ''],
  ['40 d0 3b d5', 'mrs x0, tpidr_el0', 'system', ''],
  ['01 00 00 d4', 'svc #0', 'syscall', ''],
];

for (const [isa, rows] of [
  ['x86-64', x86Rows],
  ['aarch64', aarch64Rows],
] as const) {
  describe(`cost model, ${isa}`, () => {
    let count: CostModel;
    let inorder: CostModel;
    let decoder: Decoder;
    before(async () => {
      count = await loadCostModel('count', isa);
      inorder = await loadCostModel('inorder', isa);
      decoder = await Decoder.load(isa);
    });

    for (const [hex, text, found, memory] of rows) {
      it(`${text}: ${found}`, async () => {
        const list = await classify(isa, bytes(hex));
        assert.equal(list.length, 1);
        const [only] = list;
        assert.equal(only?.class, found);
        assert.equal(`${only?.loads ? 'l' : ''}${only?.stores ? 's' : ''}`, memory);
        assert.equal(only?.size, bytes(hex).length);
      });
    }

    const blocks = fc
      .array(fc.constantFrom(...rows), { minLength: 1, maxLength: 30 })
      .map((list) => list.map(([hex]) => bytes(hex)));

    it('counts as many instructions as there are, and charges the sum of their costs', () => {
      fc.assert(
        fc.property(blocks, (parts) => {
          const code = Uint8Array.from(Buffer.concat(parts));
          assert.deepEqual(count.block(code, 0x401000), { cycles: parts.length, instructions: parts.length });
          const sum = parts.reduce((cycles, part) => cycles + inorder.block(part, 0x401000).cycles, 0);
          assert.deepEqual(inorder.block(code, 0x401000), { cycles: sum, instructions: parts.length });
        }),
      );
    });

    it('takes back exactly the tail of a block', () => {
      fc.assert(
        fc.property(blocks, fc.nat(29), (parts, at) => {
          const cut = Math.min(at, parts.length);
          const va = 0x7f00_0000_1000;
          const code = Uint8Array.from(Buffer.concat(parts));
          const head = Buffer.concat(parts.slice(0, cut));
          const tail = inorder.uncharge(code, va, va + head.length);
          const whole = inorder.block(code, va);
          const kept = head.length === 0 ? { cycles: 0, instructions: 0 } : inorder.block(Uint8Array.from(head), va);
          assert.equal(kept.cycles + tail.cycles, whole.cycles);
          assert.equal(tail.instructions, parts.length - cut);
        }),
      );
    });

    it('is deterministic and total over any bytes', () => {
      fc.assert(
        fc.property(fc.uint8Array({ minLength: 4, maxLength: 64 }), (code) => {
          const first = inorder.block(code, 0x1000);
          assert.deepEqual(inorder.block(code, 0x1000), first);
          assert.ok(first.instructions >= 1 && first.cycles >= first.instructions);
          if (isa === 'aarch64' && code.length % 4 === 0) assert.equal(first.instructions, code.length / 4);
        }),
      );
    });

    it('disassembles for people', () => {
      const [hex, text] = rows[rows.length - 2]!;
      const [line] = decoder.disassemble(bytes(hex), 0x1000);
      assert.equal(line?.address, 0x1000);
      assert.equal(line?.mnemonic, text.split(' ')[0]);
    });
  });
}

describe('cost models', () => {
  it('a plain move costs its memory access, arithmetic on memory both', async () => {
    const model = await loadCostModel('inorder', 'x86-64');
    const cycles = (hex: string): number => model.block(bytes(hex), 0).cycles;
    assert.equal(cycles('48 8b 03'), 1); // load
    assert.equal(cycles('48 01 03'), 3); // load, add, store
    assert.equal(cycles('c3'), 2); // load, jump
    assert.equal(cycles('f0 48 0f b1 0b'), 18);
  });

  it('refuses an unknown name', () => {
    assert.throws(() => loadCostModel('fast' as 'count', 'x86-64'), { code: 'timing.unknown-model' });
  });

  it('charges every kernel service something', async () => {
    const { costs } = await loadCostModel('count', 'x86-64');
    for (const [name, cycles] of Object.entries(costs)) if (typeof cycles === 'number') assert.ok(cycles > 0, name);
    assert.ok(costs.viewSwitch < costs.contextSwitch);
    assert.ok(costs.pageFaultMinor < costs.pageFaultCow);
  });

  it('view creation costs its own tables, or every mapped page as in linux-mmview', async () => {
    const work = { ownTables: () => 3, mappedPages: () => 262_144 };
    const subtree = await loadCostModel('count', 'x86-64');
    const entries = await loadCostModel('count', 'x86-64', 'mmview-5.15');
    assert.equal(subtree.costs.viewCreate({ ...work, mappedPages: () => assert.fail('not asked for') }), 3 * 512);
    assert.equal(entries.costs.viewCreate(work), 262_144 * 96); // 32 ns at 3 GHz
  });

  it('a kind of CPU may have cycles of its own; counting does not care', async () => {
    const code = Uint8Array.of(0x48, 0x01, 0xd8, 0x0f, 0x28, 0xc1, 0x0f, 0x54, 0xc1); // add rax, rbx; movaps xmm0, xmm1; andps xmm0, xmm1
    const model = await loadCostModel('inorder', 'x86-64');
    const slow = model.withCycles({ simd: 7 });
    assert.equal(slow.block(code, 0).cycles - model.block(code, 0).cycles, 6);
    assert.equal(slow.uncharge(code, 0, 6).cycles, 7);
    assert.equal(slow.block(code, 0).instructions, 3);
    const count = await loadCostModel('count', 'x86-64');
    assert.equal(count.withCycles({ simd: 7 }).block(code, 0).cycles, 3);
  });
});
