// Reads of AArch64 system registers that trap in user mode and that the kernel answers. The virtual counter would show the host's clock: it gets virtual time,
// so that runs stay reproducible (on x86-64 the engine asks before it executes rdtsc: native/core.cc); the random numbers would be the host's: they get the
// seed's. The ID registers tell of the CPU, as Linux lets programs read them.

import { idRegister } from '../isa/aarch64/id-registers.ts';
import { Arm, X } from '../isa/aarch64/registers.ts';
import { UserFault } from '../memory/user-memory.ts';
import type { Thread } from './thread.ts';

/** Frequency of AArch64's virtual counter as CNTFRQ_EL0 says it: what Arm's Base FVP and QEMU's virt board use. */
const COUNTER_HZ = 62_500_000;
const CNTVCT_EL0 = 0xd53be040; // mrs x0, cntvct_el0
const CNTFRQ_EL0 = 0xd53be000;
const ID_REGISTER = 0xd5380000; // mrs x0, s3_0_c0_c0_0
const ID_REGISTER_MASK = 0xfffff000;
const RNDR = 0xd53b2400;
const RNDRRS = 0xd53b2420;

function registerValue(thread: Thread, instruction: number): bigint | undefined {
  if (instruction === CNTVCT_EL0) return BigInt(Math.floor((thread.now() * COUNTER_HZ) / 1e9));
  if (instruction === CNTFRQ_EL0) return BigInt(COUNTER_HZ);
  if ((instruction === RNDR || instruction === RNDRRS) && thread.kind?.guard.features.has('rng') === true) {
    thread.core.setReg(Arm.nzcv, 0n); // Z would tell that no number was ready in time (Arm ARM, C5.2, RNDR)
    return thread.kernel.random.u64();
  }
  if ((instruction & ID_REGISTER_MASK) >>> 0 !== ID_REGISTER || thread.kind === undefined) return undefined;
  const { model, guard } = thread.kind;
  return idRegister((instruction >>> 8) & 0xf, (instruction >>> 5) & 7, {
    id: thread.cpu.id,
    model,
    features: guard.features,
  });
}

/** Executes the instruction that the thread's core stopped at, if it reads such a register. Returns whether it did. */
export function emulateRegisterRead(thread: Thread): boolean {
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
  const value = registerValue(thread, (word & ~0x1f) >>> 0);
  if (value === undefined) return false;
  const target = word & 0x1f;
  if (target < X.length) core.setReg(X[target]!, value);
  core.pc = pc + 4;
  return true;
}
