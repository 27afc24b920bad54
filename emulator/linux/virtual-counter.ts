// AArch64's virtual counter would show the host's clock: reading it traps in user mode and gets virtual time, so that runs stay reproducible.
// (On x86-64 the engine asks before it executes rdtsc: native/core.cc.)

import { X } from '../isa/aarch64/registers.ts';
import { UserFault } from '../memory/user-memory.ts';
import type { Thread } from './thread.ts';

/** Frequency of AArch64's virtual counter as CNTFRQ_EL0 says it: what Arm's Base FVP and QEMU's virt board use. */
const COUNTER_HZ = 62_500_000;
const CNTVCT_EL0 = 0xd53be040; // mrs x0, cntvct_el0
const CNTFRQ_EL0 = 0xd53be000;

/** Executes the instruction that the thread's core stopped at, if it reads the counter or its frequency. Returns whether it did. */
export function emulateCounterRead(thread: Thread): boolean {
  if (thread.kernel.isa !== 'aarch64') return false;
  const { core, memory } = thread;
  const pc = core.pc;
  let word: number;
  try {
    word = memory.u32(pc);
  } catch (error) {
    if (error instanceof UserFault) return false;
    throw error;
  }
  const instruction = (word & ~0x1f) >>> 0;
  const target = word & 0x1f;
  if (instruction !== CNTVCT_EL0 && instruction !== CNTFRQ_EL0) return false;
  const value = instruction === CNTFRQ_EL0 ? COUNTER_HZ : Math.floor((thread.now() * COUNTER_HZ) / 1e9);
  if (target < X.length) core.setReg(X[target]!, BigInt(value));
  core.pc = pc + 4;
  return true;
}
