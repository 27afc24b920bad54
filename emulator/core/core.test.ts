import assert from 'node:assert/strict';
import fc from 'fast-check';
import { assemble } from '../isa/assembler.ts';
import { AddressSpace } from '../memory/address-space.ts';
import { PAGE_SIZE, PhysicalMemory } from '../memory/physical.ts';
import { Prot } from '../memory/vma.ts';
import { ExitReason, type NativeCallbacks } from '../native/binding.ts';
import { Core, makeBootRoot } from './core.ts';
import { loadEngine } from './engine-loader.ts';

const CODE = 0x40_0000;
const STORE = 0x50_0000;
const RAX = 35;
const RDI = 39;

describe('a core', () => {
  const native = loadEngine();
  const physical = new PhysicalMemory(native, 1024 * PAGE_SIZE);
  const bootRoot = makeBootRoot('x86-64', physical);
  let setEax: Uint8Array;
  let store: Uint8Array;
  let rdrand: Uint8Array;
  before(async () => {
    setEax = await assemble('x86-64', 'mov eax, 0; syscall', CODE);
    store = await assemble('x86-64', `mov dword ptr [0x${(CODE + 1).toString(16)}], edi; syscall`, STORE);
    rdrand = await assemble('x86-64', 'rdrand rax; syscall', CODE);
  });

  const newCore = (space: AddressSpace, seed = 0): Core => {
    const core = new Core({ native, physical, isa: 'x86-64', cpuModel: -1, bootRoot, accounting: true, seed });
    const callbacks: NativeCallbacks = {
      onPageFault: (va, access) => space.fault(0, va, access) >= 0,
      onBlock: () => new Float64Array([1, 1, -1]),
      onPort: () => {},
    };
    core.callbacks = callbacks;
    core.enter(space, 0);
    return core;
  };
  const runAt = (core: Core, va: number): number => {
    core.pc = va;
    assert.equal(core.run(), ExitReason.syscall);
    return Number(core.reg(RAX));
  };

  /** `mov eax, number` behind which a syscall ends the run: rewritten by the host or by a guest store, executed by any core. */
  it('executes the bytes that were written last, whoever wrote them and wherever they were translated', () => {
    const step = fc.record({
      writer: fc.constantFrom('host', 'guest', 'nobody'),
      by: fc.nat(1),
      value: fc.nat(0xffff),
      on: fc.nat(1),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 2, maxLength: 30, size: 'max' }), (steps) => {
        const space = new AddressSpace(physical);
        space.map({ address: CODE, length: PAGE_SIZE, prot: Prot.read | Prot.write | Prot.exec, fixed: true });
        space.map({ address: STORE, length: PAGE_SIZE, prot: Prot.read | Prot.write | Prot.exec, fixed: true });
        const memory = space.userMemory(0);
        memory.write(CODE, setEax);
        memory.write(STORE, store);
        const cores = [newCore(space), newCore(space)];
        let value = 0;
        for (const { writer, by, value: next, on } of steps) {
          if (writer === 'host') memory.setU32(CODE + 1, next);
          if (writer === 'guest') {
            cores[by]!.setReg(RDI, BigInt(next));
            runAt(cores[by]!, STORE);
          }
          if (writer !== 'nobody') value = next;
          assert.equal(runAt(cores[on]!, CODE), value);
        }
        space.destroy();
      }),
      { numRuns: 60 },
    );
  }).timeout(60_000);

  it('draws rdrand from its seed', () => {
    const space = new AddressSpace(physical);
    space.map({ address: CODE, length: PAGE_SIZE, prot: Prot.read | Prot.write | Prot.exec, fixed: true });
    space.userMemory(0).write(CODE, rdrand);
    const drawn = [7, 7, 8].map((seed) => runAt(newCore(space, seed), CODE));
    assert.equal(drawn[0], drawn[1]);
    assert.notEqual(drawn[0], drawn[2]);
    space.destroy();
  });
});
