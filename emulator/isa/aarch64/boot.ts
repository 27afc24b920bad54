import { ensureEntry, Pte, setEntry } from '../../memory/page-table.ts';
import type { PhysicalMemory } from '../../memory/physical.ts';
import type { RegisterFile } from '../isa.ts';

/** Unicorn's register numbers (unicorn/arm64.h) that only the start of a core needs. */
const Reg = { pc: 260, cpacrEl1: 261, elrEl1: 267, cpReg: 290 } as const;
const BOOT_VA = 0x1000;
/** `eret`, then `svc #0` where it returns to; boot.test.ts has it assembled by Keystone, which no start needs to load. */
export const BOOT_CODE = Uint8Array.of(0xe0, 0x03, 0x9f, 0xd6, 0x01, 0x00, 0x00, 0xd4);

/** A page-table root with the two instructions that bring a core to EL0. */
export function bootRoot(physical: PhysicalMemory): number {
  const root = physical.allocate();
  const page = physical.allocate();
  physical.frameBytes(page).set(BOOT_CODE);
  physical.markExecuted(page);
  setEntry(physical, ensureEntry(physical, root, BOOT_VA), Pte.present | Pte.read | Pte.exec, page);
  return root;
}

/** A system register by its encoding (Arm ARM, C5.3): crn, crm, op0, op1, op2, as Unicorn's `uc_arm64_cp_reg` has them. */
const systemRegister = (crn: number, crm: number, op0: number, op1: number, op2: number, value: bigint): bigint[] => [
  BigInt(crn) | (BigInt(crm) << 32n),
  BigInt(op0) | (BigInt(op1) << 32n),
  BigInt(op2),
  value,
];

/**
 * Brings a new core from EL1 to EL0. Writing PSTATE does not rebuild the flags that Unicorn caches, so the core runs one
 * `eret` with SPSR_EL1 = 0x3c0 (EL0t, interrupts masked) and stops at the `svc` behind it. Its space must be {@link bootRoot}.
 */
export function enterUserMode(core: RegisterFile & { run(): number }): void {
  core.setReg(Reg.cpacrEl1, 3n << 20n); // FP and SIMD at EL0
  core.setWide(Reg.cpReg, systemRegister(4, 0, 3, 0, 0, 0x3c0n)); // SPSR_EL1
  core.setReg(Reg.elrEl1, BigInt(BOOT_VA + 4));
  // SCTLR_EL1: UCI, UCT, DZE: user code may use cache maintenance, CTR_EL0 and DC ZVA, as under Linux; nTWE, nTWI: also WFE and WFI (the engine
  // stops at an address as if there were a WFI).
  core.setWide(
    Reg.cpReg,
    systemRegister(1, 0, 3, 0, 0, (1n << 26n) | (1n << 18n) | (1n << 16n) | (1n << 15n) | (1n << 14n) | 0x30d00800n),
  );
  // CNTKCTL_EL1: reading the counters at EL0 traps, so that they show virtual time instead of the host's.
  core.setWide(Reg.cpReg, systemRegister(14, 1, 3, 0, 0, 0n));
  core.setReg(Reg.pc, BigInt(BOOT_VA));
  core.run();
}
