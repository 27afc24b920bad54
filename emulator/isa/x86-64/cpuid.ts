/** Which bit of CPUID tells of a feature (Intel SDM vol. 2, CPUID): leaf, register, bit; names as in /proc/cpuinfo. */
const bits: Readonly<Record<string, readonly [leaf: number, register: 'ebx' | 'ecx' | 'edx', bit: number]>> = {
  pni: [1, 'ecx', 0],
  pclmulqdq: [1, 'ecx', 1],
  ssse3: [1, 'ecx', 9],
  cx16: [1, 'ecx', 13],
  sse4_1: [1, 'ecx', 19],
  sse4_2: [1, 'ecx', 20],
  movbe: [1, 'ecx', 22],
  popcnt: [1, 'ecx', 23],
  aes: [1, 'ecx', 25],
  xsave: [1, 'ecx', 26],
  rdrand: [1, 'ecx', 30],
  fsgsbase: [7, 'ebx', 0],
  bmi1: [7, 'ebx', 3],
  bmi2: [7, 'ebx', 8],
  adx: [7, 'ebx', 19],
  abm: [0x80000001, 'ecx', 5],
};

/** What CPUID gives for a leaf. */
export interface CpuidResult {
  readonly ebx: bigint;
  readonly ecx: bigint;
  readonly edx: bigint;
}

/** The engine's answer without the features that a machine description leaves out. */
export function maskedCpuid(leaf: number, result: CpuidResult, features: ReadonlySet<string>): CpuidResult {
  const masked = { ...result };
  for (const [feature, [of, register, bit]] of Object.entries(bits))
    if (of === leaf && !features.has(feature)) masked[register] &= ~(1n << BigInt(bit));
  return masked;
}
