// CPU models that the engine enforces: an instruction that a model lacks is an illegal one there. Numbers are those of
// unicorn/x86.h and unicorn/arm64.h, version 2.1.4. isa/instruction-features.test.ts executes instructions of each feature on each model. (tzcnt and
// lzcnt never trap: a CPU without them takes them for bsf and bsr.)
import { aarch64InstructionFeatures } from '../../isa/aarch64/instruction-features.ts';
import type { Isa } from '../../isa/isa.ts';
import { x86InstructionFeatures } from '../../isa/x86-64/instruction-features.ts';

export interface CpuModel {
  /** `UC_CPU_X86_*` or `UC_CPU_ARM64_*`. */
  readonly number: number;
  /** As Linux names them in /proc/cpuinfo. */
  readonly features: readonly string[];
}

/** What programs rely on without asking (x86-64 psABI 3.1.1; Linux on AArch64 needs both): no description can leave it out. */
export const baseline: Readonly<Record<Isa, readonly string[]>> = {
  'x86-64': ['fpu', 'tsc', 'cx8', 'cmov', 'mmx', 'fxsr', 'sse', 'sse2', 'syscall', 'nx', 'lm'],
  aarch64: ['fp', 'asimd'],
};

const qemu64 = [...baseline['x86-64'], 'pni', 'lahf_lm', 'cx16'];
const conroe = [...baseline['x86-64'], 'pni', 'lahf_lm', 'ssse3'];
const nehalem = [...conroe, 'cx16', 'sse4_1', 'sse4_2', 'popcnt'];
const westmere = [...nehalem, 'aes', 'pclmulqdq'];
const haswell = [...westmere, 'abm', 'bmi1', 'bmi2', 'movbe', 'xsave', 'xsaveopt', 'rdrand', 'fsgsbase', 'rdtscp'];
const icelake = [...haswell, 'adx', 'rdseed', 'clflushopt', 'clwb'];

const cortexA = [...baseline.aarch64, 'aes', 'pmull', 'sha1', 'sha2', 'crc32'];

const maxExtensions = [
  ...[
    'atomics',
    'lor',
    'fphp',
    'asimdhp',
    'asimdfhm',
    'asimdrdm',
    'asimddp',
    'jscvt',
    'fcma',
    'frint',
    'lrcpc',
    'ilrcpc',
  ],
  ...['dcpop', 'dcpodp', 'flagm', 'flagm2', 'sb', 'sha3', 'sha512', 'sm3', 'sm4', 'paca', 'rng'],
];

export const cpuModels: Readonly<Record<Isa, Readonly<Record<string, CpuModel>>>> = {
  'x86-64': {
    qemu64: { number: 0, features: qemu64 },
    conroe: { number: 13, features: conroe },
    nehalem: { number: 15, features: nehalem },
    westmere: { number: 16, features: westmere },
    haswell: { number: 19, features: haswell },
    'icelake-server': { number: 26, features: icelake },
  },
  aarch64: {
    'cortex-a57': { number: 0, features: cortexA },
    'cortex-a53': { number: 1, features: cortexA },
    'cortex-a72': { number: 2, features: cortexA },
    max: { number: 3, features: [...cortexA, ...maxExtensions] },
  },
};

/** All names that descriptions and events use, also those of features that no model has. */
export const knownFeatures = (isa: Isa): ReadonlySet<string> =>
  new Set([
    ...Object.values(cpuModels[isa]).flatMap(({ features }) => features),
    ...(isa === 'x86-64' ? x86InstructionFeatures : aarch64InstructionFeatures),
  ]);

/** Features that Linux has no name for: /proc/cpuinfo does not show them. */
export const unnamedByLinux: ReadonlySet<string> = new Set(['lor']);
