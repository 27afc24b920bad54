// The signal frame of AArch64: struct rt_sigframe { siginfo, ucontext } and a frame record above it
// (arch/arm64/kernel/signal.c, arch/arm64/include/uapi/asm/{ucontext,sigcontext}.h).

import type { Core } from '../../../core/core.ts';
import { Arm, V, X } from '../../../isa/aarch64/registers.ts';
import { UserFault, type UserMemory } from '../../../memory/user-memory.ts';
import { SigActionFlag } from '../../signals.ts';
import { encodeSigInfo, type FrameRequest, type RestoredFrame, SIGINFO_SIZE } from '../abi.ts';

const UCONTEXT = SIGINFO_SIZE;
const STACK = UCONTEXT + 16;
const MASK = UCONTEXT + 40;
const SIGCONTEXT = UCONTEXT + 176;
const REGISTERS = SIGCONTEXT + 8;
const SP = SIGCONTEXT + 256;
const PC = SIGCONTEXT + 264;
const PSTATE = SIGCONTEXT + 272;
const RESERVED = SIGCONTEXT + 288;
const RESERVED_SIZE = 4096;
const FRAME_SIZE = RESERVED + RESERVED_SIZE;
const FPSIMD_MAGIC = 0x46508001;
const ESR_MAGIC = 0x45535201;
const FPSIMD_SIZE = 528;
const ESR_SIZE = 16;
const FRAME_RECORD = 16;
const NZCV_BITS = 0xf000_0000n;

const general = Int32Array.from([...X, Arm.sp, Arm.pc, Arm.nzcv]);
const simd = Int32Array.from([Arm.fpsr, Arm.fpcr, ...V]);

/** ESR_EL1 of an abort from EL0 (Arm ARM D17.2.37): class, WnR, and a translation or permission fault at level 3. */
const syndrome = (fault: { write: boolean; exec: boolean; present: boolean }): bigint =>
  (fault.exec ? 0x82000000n : 0x92000000n) | (fault.write ? 0x40n : 0n) | (fault.present ? 0x0fn : 0x07n);

/** Writes the frame and lets the core go on in the handler. Throws UserFault when the stack cannot take it. */
export function writeFrame(request: FrameRequest): void {
  const { core, memory, info, action, fault } = request;
  const values = new BigUint64Array(general.length * 2);
  core.readRegisters(general, values);
  const word = (index: number): bigint => values[2 * index]!;
  const top = request.stackTop ?? Number(word(31));
  const record = Math.floor((top - FRAME_RECORD) / 16) * 16;
  const frame = record - FRAME_SIZE;
  const bytes = new Uint8Array(FRAME_SIZE + FRAME_RECORD);
  const view = new DataView(bytes.buffer);
  encodeSigInfo(view, 0, info);
  view.setBigUint64(STACK, BigInt(request.alternateStack.address), true);
  view.setUint32(STACK + 8, request.alternateStack.flags, true);
  view.setBigUint64(STACK + 16, BigInt(request.alternateStack.size), true);
  view.setBigUint64(MASK, request.mask, true);
  view.setBigUint64(SIGCONTEXT, BigInt(fault?.address ?? 0), true);
  for (let index = 0; index < 31; index++) view.setBigUint64(REGISTERS + 8 * index, word(index), true);
  view.setBigUint64(SP, word(31), true);
  view.setBigUint64(PC, word(32), true);
  view.setBigUint64(PSTATE, word(33) & NZCV_BITS, true);
  const vectors = new BigUint64Array(simd.length * 2);
  core.readRegisters(simd, vectors);
  view.setUint32(RESERVED, FPSIMD_MAGIC, true);
  view.setUint32(RESERVED + 4, FPSIMD_SIZE, true);
  view.setUint32(RESERVED + 8, Number(vectors[0]! & 0xffff_ffffn), true);
  view.setUint32(RESERVED + 12, Number(vectors[2]! & 0xffff_ffffn), true);
  for (let half = 0; half < 64; half++) view.setBigUint64(RESERVED + 16 + 8 * half, vectors[4 + half]!, true);
  if (fault !== undefined) {
    view.setUint32(RESERVED + FPSIMD_SIZE, ESR_MAGIC, true);
    view.setUint32(RESERVED + FPSIMD_SIZE + 4, ESR_SIZE, true);
    view.setBigUint64(RESERVED + FPSIMD_SIZE + 8, syndrome(fault), true);
  }
  view.setBigUint64(FRAME_SIZE, word(29), true);
  view.setBigUint64(FRAME_SIZE + 8, word(30), true);
  memory.write(frame, bytes);

  core.setReg(Arm.x0, BigInt(info.signo));
  core.setReg(Arm.x0 + 1, BigInt(frame));
  core.setReg(Arm.x0 + 2, BigInt(frame + UCONTEXT));
  core.setReg(Arm.x29, BigInt(record));
  // glibc gives no restorer and leaves its field as it happens to be: the flag decides (setup_return in arch/arm64/kernel/signal.c).
  const hasRestorer = (action.flags & SigActionFlag.SA_RESTORER) !== 0;
  core.setReg(Arm.x30, BigInt(hasRestorer ? action.restorer : request.trampoline));
  core.sp = frame;
  core.pc = action.handler;
}

/** rt_sigreturn: the stack pointer is at the frame. */
export function restoreFrame(core: Core, memory: UserMemory): RestoredFrame {
  const frame = core.sp;
  if (frame % 16 !== 0) throw new UserFault(frame, 0);
  const bytes = memory.read(frame, FRAME_SIZE);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new BigUint64Array(general.length * 2);
  for (let index = 0; index < 33; index++) values[2 * index] = view.getBigUint64(REGISTERS + 8 * index, true);
  values[66] = view.getBigUint64(PSTATE, true) & NZCV_BITS;
  core.writeRegisters(general, values);
  for (let at = RESERVED; at + 8 <= FRAME_SIZE; ) {
    const magic = view.getUint32(at, true);
    const size = view.getUint32(at + 4, true);
    if (magic === 0) break;
    if (size < 8 || size % 16 !== 0 || at + size > FRAME_SIZE) throw new UserFault(frame + at, 0);
    if (magic === FPSIMD_MAGIC && size === FPSIMD_SIZE) restoreVectors(core, view, at);
    at += size;
  }
  return {
    mask: view.getBigUint64(MASK, true),
    alternateStack: {
      address: Number(view.getBigUint64(STACK, true)),
      size: Number(view.getBigUint64(STACK + 16, true)),
      flags: view.getUint32(STACK + 8, true),
    },
  };
}

function restoreVectors(core: Core, view: DataView, at: number): void {
  const vectors = new BigUint64Array(simd.length * 2);
  vectors[0] = BigInt(view.getUint32(at + 8, true));
  vectors[2] = BigInt(view.getUint32(at + 12, true));
  for (let half = 0; half < 64; half++) vectors[4 + half] = view.getBigUint64(at + 16 + 8 * half, true);
  core.writeRegisters(simd, vectors);
}
