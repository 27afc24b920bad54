import assert from 'node:assert/strict';
import fc from 'fast-check';
import { assemble } from '../isa/assembler.ts';
import type { Isa } from '../isa/isa.ts';
import { AddressSpace } from '../memory/address-space.ts';
import { PAGE_SIZE, PhysicalMemory } from '../memory/physical.ts';
import { Prot } from '../memory/vma.ts';
import { ExitReason, type NativeCallbacks } from '../native/binding.ts';
import { Core, makeBootRoot } from './core.ts';
import { loadEngine } from './engine-loader.ts';

const CODE = 0x40_0000;
const STORE = 0x50_0000;

/** Code that gives a number and ends the run by a system call, in words that can be rewritten; and code that rewrites it. */
interface Program {
  readonly result: number;
  readonly argument: number;
  /** Where the number stands, and what stands there for it. */
  readonly place: number;
  readonly wordFor: (value: number) => number;
  readonly give: string;
  /** Stores the argument's low 32 bits at the place. */
  readonly store: string;
}

const programs: Readonly<Record<Isa, Program>> = {
  'x86-64': {
    result: 35, // rax
    argument: 39, // rdi
    place: CODE + 1,
    wordFor: (value) => value,
    give: 'mov eax, 0; syscall',
    store: `mov dword ptr [0x${(CODE + 1).toString(16)}], edi; syscall`,
  },
  aarch64: {
    result: 199, // x0
    argument: 200, // x1
    place: CODE,
    wordFor: (value) => 0x52800000 + value * 32, // movz w0, #value
    give: 'movz w0, #0; svc #0',
    store: `movz x2, #0x${(CODE >>> 16).toString(16)}, lsl #16; str w1, [x2]; svc #0`,
  },
};

for (const isa of ['x86-64', 'aarch64'] as const) {
  describe(`a core (${isa})`, () => {
    const native = loadEngine({ isa });
    const physical = new PhysicalMemory(native, 1024 * PAGE_SIZE);
    const bootRoot = makeBootRoot(isa, physical);
    const { result, argument, place, wordFor, ...text } = programs[isa];
    let give: Uint8Array;
    let store: Uint8Array;
    before(async () => {
      give = await assemble(isa, text.give, CODE);
      store = await assemble(isa, text.store, STORE);
    });

    const newCore = (space: AddressSpace, seed = 0): Core => {
      const core = new Core({ native, physical, isa, cpuModel: -1, bootRoot, accounting: true, seed });
      const callbacks: NativeCallbacks = {
        onPageFault: (va, access) => space.fault(0, va, access) >= 0,
        onBlock: () => new Float64Array([1, 1, -1]),
        onPort: () => {},
      };
      core.callbacks = callbacks;
      core.enter(space, 0);
      return core;
    };
    const mapCode = (space: AddressSpace, address: number): void => {
      space.map({ address, length: PAGE_SIZE, prot: Prot.read | Prot.write | Prot.exec, fixed: true });
    };
    const runAt = (core: Core, va: number): number => {
      core.pc = va;
      assert.equal(core.run(), ExitReason.syscall);
      return Number(core.reg(result));
    };

    /** A number behind which a syscall ends the run: rewritten by the host or by a guest store, executed by any core. */
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
          mapCode(space, CODE);
          mapCode(space, STORE);
          const memory = space.userMemory(0);
          memory.write(CODE, give);
          memory.write(STORE, store);
          const cores = [newCore(space), newCore(space)];
          let value = 0;
          for (const { writer, by, value: next, on } of steps) {
            if (writer === 'host') memory.setU32(place, wordFor(next));
            if (writer === 'guest') {
              cores[by]!.setReg(argument, BigInt(wordFor(next)));
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

    if (isa === 'x86-64') {
      it('draws rdrand from its seed', async () => {
        const space = new AddressSpace(physical);
        mapCode(space, CODE);
        space.userMemory(0).write(CODE, await assemble(isa, 'rdrand rax; syscall', CODE));
        const drawn = [7, 7, 8].map((seed) => runAt(newCore(space, seed), CODE));
        assert.equal(drawn[0], drawn[1]);
        assert.notEqual(drawn[0], drawn[2]);
        space.destroy();
      });
    }
  });
}
