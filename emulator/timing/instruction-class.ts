/**
 * What an instruction does, as far as its cost goes. Loads and stores of x86 operands come on top (see `class-costs.ts`); AArch64 has
 * instructions of their own for them.
 */
export const instructionClasses = [
  'nop',
  'move', // x86: costs nothing beyond its memory operand, one cycle between registers
  'alu',
  'shift-by-register',
  'bit-count', // popcnt, tzcnt, bsf, crc32
  'multiply',
  'divide',
  'divide-64',
  'load',
  'load-pair',
  'store',
  'store-pair',
  'branch',
  'indirect-branch',
  'call',
  'return',
  'float-move',
  'float-compare',
  'float-add',
  'float-multiply',
  'float-divide',
  'float-divide-64',
  'float-sqrt',
  'float-sqrt-64',
  'convert',
  'simd',
  'simd-multiply',
  'simd-string', // pcmpistri and its kind
  'crypto',
  'load-exclusive',
  'store-exclusive',
  'atomic', // LOCK prefix, xchg with memory, LSE
  'string', // one iteration of movs, stos, cmps, scas, lods
  'fence',
  'microcoded',
  'system', // cpuid, rdtsc, xgetbv, mrs of slow registers
  'syscall', // the kernel's side is charged by the kernel
] as const;

export type InstructionClass = (typeof instructionClasses)[number];
