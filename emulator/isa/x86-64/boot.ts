import { ensureEntry, Pte, setEntry } from '../../memory/page-table.ts';
import { PAGE_SIZE, type PhysicalMemory } from '../../memory/physical.ts';
import type { RegisterFile } from '../isa.ts';

/** Unicorn's register numbers (unicorn/x86.h) that only the start of a core needs. */
const Reg = { rip: 41, rsp: 44, gdtr: 243, cr0: 50, cr4: 54, mxcsr: 249, fpcw: 246 } as const;
const USER_CODE = 0x2b; // selectors as Linux has them (arch/x86/include/asm/segment.h)
const USER_DATA = 0x23;
const DATA_VA = 0x1000; // descriptor table, and the frame for iretq further up
const FRAME = 0x800;
const CODE_VA = 0x2000;
/** `iretq`, then `syscall` where it returns to; boot.test.ts has it assembled by Keystone, which no start needs to load. */
export const BOOT_CODE = Uint8Array.of(0x48, 0xcf, 0x0f, 0x05);
const USER_FLAGS = 0x202;

/** A page-table root with the two pages that a core needs while it enters ring 3. */
export function bootRoot(physical: PhysicalMemory): number {
  const root = physical.allocate();
  const data = physical.allocate();
  const table = new DataView(physical.u8.buffer, data * PAGE_SIZE, PAGE_SIZE);
  // Flat user descriptors: present, DPL 3, accessed; data read/write, code execute/read with the L bit (Intel SDM vol. 3, 3.4.5).
  table.setBigUint64(USER_DATA & ~7, 0x00cff3000000ffffn, true);
  table.setBigUint64(USER_CODE & ~7, 0x00affb000000ffffn, true);
  const frame = [CODE_VA + 2, USER_CODE, USER_FLAGS, DATA_VA + FRAME, USER_DATA]; // rip, cs, rflags, rsp, ss
  for (const [index, word] of frame.entries()) table.setBigUint64(FRAME + 8 * index, BigInt(word), true);
  const code = physical.allocate();
  physical.frameBytes(code).set(BOOT_CODE);
  physical.markExecuted(code);
  setEntry(physical, ensureEntry(physical, root, DATA_VA), Pte.present | Pte.read | Pte.write, data);
  setEntry(physical, ensureEntry(physical, root, CODE_VA), Pte.present | Pte.read | Pte.exec, code);
  return root;
}

/**
 * Brings a new core from ring 0 to ring 3 with SSE enabled. Writing the segment registers changes no more than the selectors in 64-bit mode,
 * so the core runs one `iretq` and stops at the `syscall` behind it. Its space must be {@link bootRoot}; the descriptors stay cached.
 */
export function enterUserMode(core: RegisterFile & { run(): number }): void {
  core.setWide(Reg.gdtr, [0n, BigInt(DATA_VA), 0xffn, 0n]);
  core.setReg(Reg.cr0, core.reg(Reg.cr0) | 0x2n); // MP
  core.setReg(Reg.cr4, core.reg(Reg.cr4) | 0x10600n); // OSFXSR, OSXMMEXCPT, FSGSBASE
  core.setReg(Reg.mxcsr, 0x1f80n);
  core.setReg(Reg.fpcw, 0x37fn);
  core.setReg(Reg.rsp, BigInt(DATA_VA + FRAME));
  core.setReg(Reg.rip, BigInt(CODE_VA));
  core.run();
}
