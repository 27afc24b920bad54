import { BASELINE_EDX } from '../../../isa/x86-64/cpuid.ts';
import { X86, x86Context, x86Registers } from '../../../isa/x86-64/registers.ts';
import type { Abi } from '../abi.ts';
import { restoreFrame, writeFrame } from './signal-frame.ts';
import { x86SyscallNumbers } from './syscall-numbers.ts';

const HWCAP2_FSGSBASE = 2;

/** System V x86-64 as Linux uses it (psABI 3.4 and A.2, syscall(2), arch/x86/entry). */
export const x86Abi: Abi = {
  isa: 'x86-64',
  elfMachine: 62,
  machineName: 'x86_64',
  syscalls: x86SyscallNumbers,
  registers: x86Registers,
  context: x86Context,
  initialRegisters: [
    [X86.rflags, 0x202n],
    [X86.mxcsr, 0x1f80n],
    [X86.fpcw, 0x37fn],
    [X86.fptag, 0xffffn],
  ],
  reg: { pc: X86.rip, sp: X86.rsp, tls: X86.fsBase, result: X86.rax },
  syscallSize: 2,
  sigreturnCode: Uint8Array.of(0xb8, 15, 0, 0, 0, 0x0f, 0x05), // mov eax, 15; syscall
  hwcaps: (features) => [BASELINE_EDX, features.includes('fsgsbase') ? HWCAP2_FSGSBASE : 0],
  cloneArguments: (a3, a4) => [a4, a3],
  restartSyscall(core) {
    core.setReg(X86.rax, BigInt(core.sysno));
    core.pc = core.pc - 2;
  },
  writeFrame,
  restoreFrame,
};
