// CPU models that the engine enforces: an instruction that a model lacks is an illegal one there. Numbers are those of
// unicorn/x86.h and unicorn/arm64.h, version 2.1.4. isa/instruction-features.test.ts executes instructions of each feature on each model. (tzcnt and
// lzcnt never trap: a CPU without them takes them for bsf and bsr.)
import type { Isa } from '../../isa/isa.ts';

export interface CpuModel {
  /** `UC_CPU_X86_*` or `UC_CPU_ARM64_*`. */
  readonly number: number;
  /** As Linux names them in /proc/cpuinfo. */
  readonly features: readonly string[];
}

const x86Baseline = ['fpu', 'tsc', 'cx8', 'cmov', 'mmx', 'fxsr', 'sse', 'sse2', 'pni', 'syscall', 'nx', 'lm'];
const conroe = [...x86Baseline, 'ssse3'];
const nehalem = [...conroe, 'cx16', 'sse4_1', 'sse4_2', 'popcnt'];
const westmere = [...nehalem, 'aes', 'pclmulqdq'];
const haswell = [...westmere, 'abm', 'bmi1', 'bmi2', 'movbe', 'xsave', 'rdrand', 'fsgsbase'];
const icelake = [...haswell, 'adx'];

const armBaseline = ['fp', 'asimd', 'aes', 'pmull', 'sha1', 'sha2', 'crc32'];

const maxExtensions = [
  ...['atomics', 'fphp', 'asimdhp', 'asimdrdm', 'jscvt', 'fcma', 'lrcpc', 'ilrcpc', 'flagm', 'asimddp'],
  ...['sha3', 'sha512', 'sm3', 'sm4', 'paca'],
];

export const cpuModels: Readonly<Record<Isa, Readonly<Record<string, CpuModel>>>> = {
  'x86-64': {
    qemu64: { number: 0, features: [...x86Baseline, 'cx16'] },
    conroe: { number: 13, features: conroe },
    nehalem: { number: 15, features: nehalem },
    westmere: { number: 16, features: westmere },
    haswell: { number: 19, features: haswell },
    'icelake-server': { number: 26, features: icelake },
  },
  aarch64: {
    'cortex-a57': { number: 0, features: armBaseline },
    'cortex-a53': { number: 1, features: armBaseline },
    'cortex-a72': { number: 2, features: armBaseline },
    max: { number: 3, features: [...armBaseline, ...maxExtensions] },
  },
};
