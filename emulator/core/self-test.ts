import { X } from '../isa/aarch64/registers.ts';
import type { Isa } from '../isa/isa.ts';
import { X86 } from '../isa/x86-64/registers.ts';
import { ensureEntry, Pte, setEntry } from '../memory/page-table.ts';
import { PhysicalMemory } from '../memory/physical.ts';
import { ExitReason, type NativeBinding } from '../native/binding.ts';
import { Core, makeBootRoot } from './core.ts';

const CODE_VA = 0x10000;
/** On another page than its callers: calls and returns look their target up. */
const FUNCTION_VA = 0x11000;
const DATA_VA = 0x20000;
const UNMAPPED_VA = 0x30000;

interface Program {
  readonly code: Uint8Array;
  /** Adds one to the counter and returns. */
  readonly function: Uint8Array;
  /** Of the store to UNMAPPED, in the middle of a block. */
  readonly faultOffset: number;
  /** Of a jump to itself. */
  readonly loopOffset: number;
  readonly counter: number;
  /** What the registers must hold. */
  readonly registers: readonly (readonly [id: number, value: number])[];
}

const words = (...list: number[]): Uint8Array => new Uint8Array(Uint32Array.from(list).buffer);

/** call FUNCTION, twice; store the counter to DATA, then to UNMAPPED; count; jump to itself. */
const programs: Readonly<Record<Isa, Program>> = {
  'x86-64': {
    // call rdi; call rdi; mov [rsi], eax; mov [rdx], eax; inc eax; jmp .
    code: Uint8Array.of(0xff, 0xd7, 0xff, 0xd7, 0x89, 0x06, 0x89, 0x02, 0xff, 0xc0, 0xeb, 0xfe),
    function: Uint8Array.of(0xff, 0xc0, 0xc3), // inc eax; ret
    faultOffset: 6,
    loopOffset: 10,
    counter: X86.rax,
    registers: [
      [X86.rdi, FUNCTION_VA],
      [X86.rsi, DATA_VA],
      [X86.rdx, UNMAPPED_VA],
    ],
  },
  aarch64: {
    // blr x1; blr x1; str w0, [x2]; str w0, [x3]; add w0, w0, 1; b .
    code: words(0xd63f0020, 0xd63f0020, 0xb9000040, 0xb9000060, 0x11000400, 0x14000000),
    function: words(0x11000400, 0xd65f03c0), // add w0, w0, 1; ret
    faultOffset: 12,
    loopOffset: 20,
    counter: X[0]!,
    registers: [
      [X[1]!, FUNCTION_VA],
      [X[2]!, DATA_VA],
      [X[3]!, UNMAPPED_VA],
    ],
  },
};

/**
 * Is this addon exact? Calls across pages must arrive, blocks must be charged once each, a store that faults in the middle of a block must stop with its own
 * PC and with what came before it done and nothing after, an endless loop must stop at its limit. Guards what belongs to one version of the engine
 * (native/exit-check.cc, inline-accounting.cc, jump-lookup.cc).
 */
export function selfTest(native: NativeBinding, isa: Isa): boolean {
  const program = programs[isa];
  const physical = new PhysicalMemory(native, 64 * 4096);
  const bootRoot = makeBootRoot(isa, physical);
  const core = new Core({ native, physical, isa, cpuModel: -1, bootRoot, accounting: true });
  const root = physical.allocate();
  const map = (va: number, rights: number, contents: Uint8Array): number => {
    const frame = physical.allocate();
    physical.frameBytes(frame).set(contents);
    setEntry(physical, ensureEntry(physical, root, va), Pte.present | Pte.read | rights, frame);
    return frame;
  };
  map(CODE_VA, Pte.exec, program.code);
  map(FUNCTION_VA, Pte.exec, program.function);
  const data = map(DATA_VA, Pte.write, new Uint8Array(0));
  native.setSpace(core.handle, root, 0, 0, 0);
  let faults = 0;
  core.callbacks = {
    onPageFault: (va) => {
      if (va === UNMAPPED_VA) faults++;
      return false;
    },
    onBlock: () => new Float64Array([1, 1, -1]),
    onPort: () => {},
  };
  for (const [id, value] of program.registers) core.setReg(id, BigInt(value));
  const attempt = (rounds: number): boolean => {
    core.setReg(program.counter, 0n);
    core.sp = DATA_VA + 4096;
    core.pc = CODE_VA;
    core.cycles = 0;
    core.limit = 1000;
    return (
      core.run() === ExitReason.pageFault &&
      core.exitPc === CODE_VA + program.faultOffset &&
      core.faultVa === UNMAPPED_VA &&
      core.reg(program.counter) === 2n &&
      core.cycles === 5 && // three blocks of the caller, the function twice
      physical.u32[data * 1024] === 2 &&
      faults === rounds
    );
  };
  // The second time all blocks are known, and are found without the engine's slow path.
  const exact = attempt(1) && attempt(2);
  core.pc = CODE_VA + program.loopOffset;
  return exact && core.run() === ExitReason.budget && core.cycles === 1000;
}
