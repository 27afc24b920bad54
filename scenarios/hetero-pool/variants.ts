import type { Isa } from '../../setup/toolchain.ts';

/** The two compiles of the kernels: what every CPU can execute, and what only the extended ones can. */
export type Variant = 'base' | 'ext';

/** The default variant first. */
export const variantNames: readonly Variant[] = ['base', 'ext'];

/** All that the variants differ in. Outline atomics would choose at run time what the variants are to choose. */
export const variantFlags: Readonly<Record<Isa, Readonly<Record<Variant, readonly string[]>>>> = {
  'x86-64': {
    base: ['-march=x86-64'],
    ext: ['-march=x86-64-v2', '-maes', '-mpclmul', '-mbmi', '-mbmi2'],
  },
  aarch64: {
    base: ['-march=armv8-a', '-mno-outline-atomics'],
    ext: ['-march=armv8.2-a+crypto+crc+dotprod+lse', '-mno-outline-atomics'],
  },
};

/** What a CPU must have for `ext`, as /proc/cpuinfo says it. */
export const extensionFeatures: Readonly<Record<Isa, readonly string[]>> = {
  'x86-64': ['ssse3', 'sse4_1', 'sse4_2', 'popcnt', 'aes', 'pclmulqdq', 'bmi1', 'bmi2'],
  aarch64: ['aes', 'pmull', 'sha1', 'sha2', 'crc32', 'atomics', 'asimdrdm', 'asimddp'],
};
