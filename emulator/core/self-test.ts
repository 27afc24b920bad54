import { ensureEntry, Pte, setEntry } from '../memory/page-table.ts';
import { PhysicalMemory } from '../memory/physical.ts';
import { ExitReason, type NativeBinding } from '../native/binding.ts';
import { Core, makeBootRoot } from './core.ts';

const CODE_VA = 0x10000;
const DATA_VA = 0x20000;
const UNMAPPED_VA = 0x30000;
const RAX = 35;

/** inc eax; mov [DATA], eax; mov [UNMAPPED], eax; inc eax; jmp . */
const FAULTING = [0xff, 0xc0, 0x89, 0x04, 0x25, 0, 0, 2, 0, 0x89, 0x04, 0x25, 0, 0, 3, 0, 0xff, 0xc0, 0xeb, 0xfe];
const FAULT_OFFSET = 9;

/**
 * Is this addon exact? A store that faults in the middle of a block must stop with its own PC and with what came before it
 * done and nothing after; an endless loop must stop at its limit. Guards the cheap exit check (native/exit-check.cc).
 */
export function selfTest(native: NativeBinding): boolean {
  const physical = new PhysicalMemory(native, 64 * 4096);
  const core = new Core({
    native,
    physical,
    isa: 'x86-64',
    cpuModel: -1,
    bootRoot: makeBootRoot('x86-64', physical),
    accounting: true,
  });
  const root = physical.allocate();
  const code = physical.allocate();
  physical.frameBytes(code).set(FAULTING);
  const data = physical.allocate();
  setEntry(physical, ensureEntry(physical, root, CODE_VA), Pte.present | Pte.read | Pte.exec, code);
  setEntry(physical, ensureEntry(physical, root, DATA_VA), Pte.present | Pte.read | Pte.write, data);
  native.setSpace(core.handle, root, 0, 0, 0);
  core.callbacks = {
    onPageFault: (va) => {
      if (va !== UNMAPPED_VA) return false;
      faults++;
      return false;
    },
    onBlock: () => new Float64Array([1, 1, -1]),
    onPort: () => {},
  };
  let faults = 0;
  core.setReg(RAX, 0n);
  core.pc = CODE_VA;
  core.limit = 1000;
  const stoppedAtFault =
    core.run() === ExitReason.pageFault &&
    core.exitPc === CODE_VA + FAULT_OFFSET &&
    core.faultVa === UNMAPPED_VA &&
    core.reg(RAX) === 1n &&
    physical.u32[data * 1024] === 1 &&
    faults === 1;
  core.pc = CODE_VA + FAULTING.length - 2;
  const stoppedAtLimit = core.run() === ExitReason.budget && core.cycles === 1000;
  return stoppedAtFault && stoppedAtLimit;
}
