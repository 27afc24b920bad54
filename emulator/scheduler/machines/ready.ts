// Machines that need no file. All are data for `checkMachine`.
import type { Isa } from '../../isa/isa.ts';

const defaultModel: Readonly<Record<Isa, string>> = { 'x86-64': 'haswell', aarch64: 'cortex-a72' };

/** `count` CPUs of one kind at the reference clock. */
export const uniform = (isa: Isa, count: number): unknown => ({
  isa,
  cpus: [{ kind: 'cpu', count, model: defaultModel[isa], hz: 3e9 }],
});

export const readyMachines: Readonly<Record<string, unknown>> = {
  /**
   * Overlapping instruction sets, otherwise alike, as in the paper's thread pool: the little CPUs have SSE2 and nothing beyond, the big ones also SSE3 to
   * SSE4.2, POPCNT, AES, PCLMULQDQ and BMI. One clock, so that code without these takes the same time on both.
   */
  'big-little-x86': {
    isa: 'x86-64',
    cpus: [
      { kind: 'big', count: 2, model: 'icelake-server', hz: 3e9 },
      { kind: 'little', count: 2, model: 'qemu64', features: [], hz: 3e9 },
    ],
  },
  /** The same for Arm: LSE atomics, dot product, half precision, SHA-3, SHA-512 and pointer authentication on the big CPUs only. */
  'big-little-arm': {
    isa: 'aarch64',
    cpus: [
      { kind: 'big', count: 2, model: 'max', hz: 3e9 },
      { kind: 'little', count: 2, model: 'cortex-a53', hz: 3e9 },
    ],
  },
  /**
   * The same with little CPUs of bare Armv8.0: Cortex-A53 is also sold without the Cryptography Extension (its TRM, 1.2), and CRC32 is optional in
   * Armv8.0 (X-Gene 1 has none).
   */
  'big-little-arm-plain': {
    isa: 'aarch64',
    cpus: [
      { kind: 'big', count: 2, model: 'max', hz: 3e9 },
      { kind: 'little', count: 2, model: 'cortex-a53', features: [], hz: 3e9 },
    ],
  },
};
