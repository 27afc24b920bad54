// Machines that need no file. All are data for `checkMachine`.
import type { Isa } from '../../isa/isa.ts';

const defaultModel: Readonly<Record<Isa, string>> = { 'x86-64': 'haswell', aarch64: 'cortex-a72' };

/** `count` CPUs of one kind at the reference clock. */
export const uniform = (isa: Isa, count: number): unknown => ({
  isa,
  cpus: [{ kind: 'cpu', count, model: defaultModel[isa], hz: 3e9 }],
});

export const readyMachines: Readonly<Record<string, unknown>> = {
  /** Two generations of x86-64: the little CPUs lack SSE4.2, POPCNT, AES and BMI, and run at half the clock. */
  'big-little-x86': {
    isa: 'x86-64',
    cpus: [
      { kind: 'big', count: 2, model: 'icelake-server', hz: 3e9 },
      { kind: 'little', count: 2, model: 'conroe', hz: 1.5e9 },
    ],
  },
  /** Arm as phones have it, but with different instruction sets: LSE atomics, dot product and pointer authentication on the big CPUs only. */
  'big-little-arm': {
    isa: 'aarch64',
    cpus: [
      { kind: 'big', count: 2, model: 'max', hz: 3e9 },
      { kind: 'little', count: 2, model: 'cortex-a53', hz: 1.5e9 },
    ],
  },
};
