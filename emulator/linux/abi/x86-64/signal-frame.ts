// The signal frame of x86-64: struct rt_sigframe (arch/x86/include/asm/sigframe.h), ucontext and sigcontext
// (arch/x86/include/uapi/asm/{ucontext,sigcontext}.h), and the 512-byte FXSAVE image (Intel SDM vol. 1, 10.5.1).

import type { Core } from '../../../core/core.ts';
import { X86, X87_STACK, XMM } from '../../../isa/x86-64/registers.ts';
import type { UserMemory } from '../../../memory/user-memory.ts';
import { NO_ALTERNATE_STACK } from '../../alternate-stack.ts';
import { encodeSigInfo, type FrameRequest, type RestoredFrame, SIGINFO_SIZE } from '../abi.ts';

const RED_ZONE = 128;
const FXSAVE_SIZE = 512;
const UCONTEXT = 8; // behind the return address
const STACK = UCONTEXT + 16;
const SIGCONTEXT = UCONTEXT + 40;
const SELECTORS = SIGCONTEXT + 144;
const ERROR_CODE = SIGCONTEXT + 152;
const FPSTATE = SIGCONTEXT + 184;
const MASK = SIGCONTEXT + 256;
const SIGINFO = MASK + 8;
const FRAME_SIZE = SIGINFO + SIGINFO_SIZE;
const UC_SIGCONTEXT_SS = 2n;
const UC_STRICT_RESTORE_SS = 4n;
const USER_CODE = 0x2b;
const USER_DATA = 0x23;
const PAGE_FAULT_TRAP = 14n;

/** In the order of struct sigcontext. */
const general = Int32Array.of(
  X86.r8,
  X86.r9,
  X86.r10,
  X86.r11,
  X86.r12,
  X86.r13,
  X86.r14,
  X86.r15,
  X86.rdi,
  X86.rsi,
  X86.rbp,
  X86.rbx,
  X86.rdx,
  X86.rax,
  X86.rcx,
  X86.rsp,
  X86.rip,
  X86.rflags,
);
const RSP = 15;
const RFLAGS = 17;
/** What user code may change: CF PF AF ZF SF TF DF OF RF NT AC. */
const FLAGS_OF_USER = 0x50dd5n | 0x4000n;
const FLAGS_CLEARED_FOR_HANDLER = 0x400n | 0x100n | 0x10000n; // DF, TF, RF

const fp = Int32Array.from([X86.fpcw, X86.fpsw, X86.fptag, X86.mxcsr, ...X87_STACK, ...XMM]);
const MXCSR_MASK = 0xffff;

/** The 8-bit tag word of FXSAVE (1 = in use) from the full one (3 = empty). */
function abridgedTags(full: number): number {
  let tags = 0;
  for (let register = 0; register < 8; register++) if (((full >> (2 * register)) & 3) !== 3) tags |= 1 << register;
  return tags;
}

/** Valid (0) or empty (3): the engine derives the rest from the contents. */
function fullTags(abridged: number): number {
  let tags = 0;
  for (let register = 0; register < 8; register++) if ((abridged & (1 << register)) === 0) tags |= 3 << (2 * register);
  return tags;
}

function encodeFxsave(core: Core, view: DataView, at: number): void {
  const values = new BigUint64Array(fp.length * 2);
  core.readRegisters(fp, values);
  const word = (index: number): number => Number(values[2 * index]! & 0xffff_ffffn);
  const status = word(1) & 0xffff;
  view.setUint16(at, word(0), true);
  view.setUint16(at + 2, status, true);
  view.setUint8(at + 4, abridgedTags(word(2)));
  view.setUint32(at + 24, word(3), true);
  view.setUint32(at + 28, MXCSR_MASK, true);
  const top = (status >> 11) & 7;
  for (let index = 0; index < 8; index++) {
    const register = 4 + ((top + index) & 7);
    view.setBigUint64(at + 32 + 16 * index, values[2 * register]!, true);
    view.setUint16(at + 40 + 16 * index, Number(values[2 * register + 1]! & 0xffffn), true);
  }
  for (let index = 0; index < 16; index++) {
    view.setBigUint64(at + 160 + 16 * index, values[2 * (12 + index)]!, true);
    view.setBigUint64(at + 168 + 16 * index, values[2 * (12 + index) + 1]!, true);
  }
}

function decodeFxsave(core: Core, view: DataView): void {
  const values = new BigUint64Array(fp.length * 2);
  const status = view.getUint16(2, true);
  const top = (status >> 11) & 7;
  for (let index = 0; index < 8; index++) {
    const register = 4 + ((top + index) & 7);
    values[2 * register] = view.getBigUint64(32 + 16 * index, true);
    values[2 * register + 1] = BigInt(view.getUint16(40 + 16 * index, true));
  }
  for (let index = 0; index < 16; index++) {
    values[2 * (12 + index)] = view.getBigUint64(160 + 16 * index, true);
    values[2 * (12 + index) + 1] = view.getBigUint64(168 + 16 * index, true);
  }
  values[0] = BigInt(view.getUint16(0, true));
  values[2] = BigInt(status);
  values[4] = BigInt(fullTags(view.getUint8(4)));
  values[6] = BigInt(view.getUint32(24, true) & MXCSR_MASK);
  core.writeRegisters(fp, values);
  core.setReg(X86.fptag, values[4]!); // again: writing an x87 register may have marked it valid
}

/** Writes the frame and lets the core go on in the handler. Throws UserFault when the stack cannot take it. */
export function writeFrame(request: FrameRequest): void {
  const { core, memory, info, action, fault } = request;
  const values = new BigUint64Array(general.length * 2);
  core.readRegisters(general, values);
  const top = request.stackTop ?? Number(values[2 * RSP]!) - RED_ZONE;
  const fpstate = Math.floor((top - FXSAVE_SIZE) / 64) * 64;
  const frame = Math.floor((fpstate - FRAME_SIZE) / 16) * 16 - 8; // as after a call: 8 modulo 16
  const bytes = new Uint8Array(FRAME_SIZE);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(action.restorer), true);
  view.setBigUint64(UCONTEXT, UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS, true);
  view.setBigUint64(STACK, BigInt(request.alternateStack.address), true);
  view.setUint32(STACK + 8, request.alternateStack.flags, true);
  view.setBigUint64(STACK + 16, BigInt(request.alternateStack.size), true);
  for (let index = 0; index < general.length; index++)
    view.setBigUint64(SIGCONTEXT + 8 * index, values[2 * index]!, true);
  view.setUint16(SELECTORS, USER_CODE, true);
  view.setUint16(SELECTORS + 6, USER_DATA, true);
  if (fault !== undefined) {
    const code = 4 | (fault.present ? 1 : 0) | (fault.write ? 2 : 0) | (fault.exec ? 16 : 0); // Intel SDM vol. 3, 4.7
    view.setBigUint64(ERROR_CODE, BigInt(code), true);
    view.setBigUint64(ERROR_CODE + 8, PAGE_FAULT_TRAP, true);
    view.setBigUint64(ERROR_CODE + 24, BigInt(fault.address), true);
  }
  view.setBigUint64(ERROR_CODE + 16, request.mask, true); // oldmask
  view.setBigUint64(FPSTATE, BigInt(fpstate), true);
  view.setBigUint64(MASK, request.mask, true);
  encodeSigInfo(view, SIGINFO, info);
  const fpBytes = new Uint8Array(FXSAVE_SIZE);
  encodeFxsave(core, new DataView(fpBytes.buffer), 0);
  memory.write(fpstate, fpBytes);
  memory.write(frame, bytes);

  core.setReg(X86.rdi, BigInt(info.signo));
  core.setReg(X86.rsi, BigInt(frame + SIGINFO));
  core.setReg(X86.rdx, BigInt(frame + UCONTEXT));
  core.setReg(X86.rax, 0n);
  core.setReg(X86.rsp, BigInt(frame));
  core.setReg(X86.rflags, values[2 * RFLAGS]! & ~FLAGS_CLEARED_FOR_HANDLER);
  core.setReg(X86.rip, BigInt(action.handler));
}

/** rt_sigreturn: the handler has returned through the restorer, which popped the return address. */
export function restoreFrame(core: Core, memory: UserMemory): RestoredFrame {
  const frame = core.sp - 8;
  const bytes = memory.read(frame, FRAME_SIZE);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fpstate = memory.pointer(frame + FPSTATE);
  const fpBytes = fpstate === 0 ? undefined : memory.read(fpstate, FXSAVE_SIZE);
  const values = new BigUint64Array(general.length * 2);
  for (let index = 0; index < general.length; index++)
    values[2 * index] = view.getBigUint64(SIGCONTEXT + 8 * index, true);
  const kept = core.reg(X86.rflags) & ~FLAGS_OF_USER;
  values[2 * RFLAGS] = (values[2 * RFLAGS]! & FLAGS_OF_USER) | kept;
  core.writeRegisters(general, values);
  if (fpBytes !== undefined) decodeFxsave(core, new DataView(fpBytes.buffer, fpBytes.byteOffset, FXSAVE_SIZE));
  const flags = view.getUint32(STACK + 8, true);
  return {
    mask: view.getBigUint64(MASK, true),
    alternateStack:
      flags === NO_ALTERNATE_STACK.flags
        ? NO_ALTERNATE_STACK
        : {
            address: Number(view.getBigUint64(STACK, true)),
            size: Number(view.getBigUint64(STACK + 16, true)),
            flags,
          },
  };
}
