import { Arm, aarch64Context, aarch64Registers } from '../../../isa/aarch64/registers.ts';
import type { Abi } from '../abi.ts';
import { restoreFrame, writeFrame } from './signal-frame.ts';
import { aarch64SyscallNumbers } from './syscall-numbers.ts';

/** Bits of AT_HWCAP (arch/arm64/include/uapi/asm/hwcap.h) by the feature names of machine descriptions. */
const HWCAP: Readonly<Record<string, number>> = {
  fp: 0,
  asimd: 1,
  aes: 3,
  pmull: 4,
  sha1: 5,
  sha2: 6,
  crc32: 7,
  atomics: 8,
  fphp: 9,
  asimdhp: 10,
  asimdrdm: 12,
  jscvt: 13,
  fcma: 14,
  lrcpc: 15,
  dcpop: 16,
  sha3: 17,
  sm3: 18,
  sm4: 19,
  asimddp: 20,
  sha512: 21,
  asimdfhm: 23,
  ilrcpc: 26,
  flagm: 27,
  sb: 29,
  paca: 30,
};

/** Bits of AT_HWCAP2. */
const HWCAP2: Readonly<Record<string, number>> = { dcpodp: 0, flagm2: 7, frint: 8, rng: 16 };

const bitsOf = (bits: Readonly<Record<string, number>>, features: readonly string[]): number =>
  features.reduce((sum, feature) => (bits[feature] === undefined ? sum : sum | (1 << bits[feature])), 0);

/** ID registers can be read, see system-registers.ts. */
const HWCAP_CPUID = 1 << 11;

/** AAPCS64 as Linux uses it (arch/arm64). */
export const aarch64Abi: Abi = {
  isa: 'aarch64',
  elfMachine: 183,
  machineName: 'aarch64',
  syscalls: aarch64SyscallNumbers,
  registers: aarch64Registers,
  context: aarch64Context,
  initialRegisters: [],
  reg: { pc: Arm.pc, sp: Arm.sp, tls: Arm.tpidrEl0, result: Arm.x0 },
  syscallSize: 4,
  sigreturnCode: Uint8Array.of(0x68, 0x11, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4), // mov x8, #139; svc #0
  hwcaps: (features) => [bitsOf(HWCAP, features) | HWCAP_CPUID, bitsOf(HWCAP2, features)],
  cloneArguments: (a3, a4) => [a3, a4],
  restartSyscall(core) {
    core.setReg(Arm.x0, BigInt(core.arg(0)));
    core.pc = core.pc - 4;
  },
  writeFrame,
  restoreFrame,
};
