import { ensureEntry, Pte, setEntry } from '../../memory/page-table.ts';
import { PAGE_SIZE, type PhysicalMemory } from '../../memory/physical.ts';
import type { RegisterFile } from '../isa.ts';

/** Unicorn's register numbers (unicorn/x86.h) that only the start of a core needs. */
const Reg = { cs: 11, ss: 49, gdtr: 243, cr0: 50, cr4: 54, mxcsr: 249, fpcw: 246 } as const;
const USER_CODE = 0x2b; // selectors as Linux has them (arch/x86/include/asm/segment.h)
const USER_DATA = 0x23;
const BOOT_VA = 0x1000;

/** A page-table root with the one page that a core needs while it enters ring 3: its descriptor table. */
export function bootRoot(physical: PhysicalMemory): number {
  const root = physical.allocate();
  const page = physical.allocate();
  const table = new DataView(physical.u8.buffer, page * PAGE_SIZE, PAGE_SIZE);
  // Flat user descriptors: present, DPL 3, accessed; data read/write, code execute/read with the L bit (Intel SDM vol. 3, 3.4.5).
  table.setBigUint64(USER_DATA & ~7, 0x00cff3000000ffffn, true);
  table.setBigUint64(USER_CODE & ~7, 0x00affb000000ffffn, true);
  setEntry(physical, ensureEntry(physical, root, BOOT_VA), Pte.present | Pte.read | Pte.write, page);
  return root;
}

/** Puts a new core into ring 3 with SSE enabled. Its space must be {@link bootRoot}; the descriptors stay cached afterwards. */
export function enterUserMode(core: RegisterFile): void {
  core.setWide(Reg.gdtr, [0n, BigInt(BOOT_VA), 0xffn, 0n]);
  core.setReg(Reg.cr0, core.reg(Reg.cr0) | 0x2n); // MP
  core.setReg(Reg.cr4, core.reg(Reg.cr4) | 0x10604n); // OSFXSR, OSXMMEXCPT, FSGSBASE; TSD: rdtsc traps and gets virtual time
  core.setReg(Reg.ss, BigInt(USER_DATA));
  core.setReg(Reg.cs, BigInt(USER_CODE));
  core.setReg(Reg.mxcsr, 0x1f80n);
  core.setReg(Reg.fpcw, 0x37fn);
}
