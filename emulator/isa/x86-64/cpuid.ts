/** Which bit of CPUID tells of a feature (Intel SDM vol. 2, CPUID): leaf, register, bit; names as in /proc/cpuinfo. */
const bits: Readonly<Record<string, readonly [leaf: number, register: keyof CpuidResult, bit: number]>> = {
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
  rdseed: [7, 'ebx', 18],
  adx: [7, 'ebx', 19],
  clflushopt: [7, 'ebx', 23],
  clwb: [7, 'ebx', 24],
  lahf_lm: [0x80000001, 'ecx', 0],
  abm: [0x80000001, 'ecx', 5],
  syscall: [0x80000001, 'edx', 11],
  nx: [0x80000001, 'edx', 20],
  rdtscp: [0x80000001, 'edx', 27],
  lm: [0x80000001, 'edx', 29],
};
const OSXSAVE = 1n << 27n;
/** Leaf 1, EDX of every CPU, also AT_HWCAP: FPU to PSE36 without VME's neighbours that user code never sees, MMX, FXSR, SSE, SSE2. */
export const BASELINE_EDX = 0x078bfbff;
const XSAVE_LEAF = 13;
const TOPOLOGY_LEAF = 11;
/** Leaf 1, EBX: initial APIC id. Ours are the numbers of the CPUs. */
const APIC_ID = 0xff00_0000n;

/** What leaf 0 of the engine's models says, for /proc/cpuinfo. */
export const vendorOf = (model: string): string => (model === 'qemu64' ? 'AuthenticAMD' : 'GenuineIntel');

/** What CPUID gives for a leaf, each in 32 bits. */
export interface CpuidResult {
  readonly eax: bigint;
  readonly ebx: bigint;
  readonly ecx: bigint;
  readonly edx: bigint;
}

const nothing: CpuidResult = { eax: 0n, ebx: 0n, ecx: 0n, edx: 0n };

/** The engine's answer with exactly the features of the CPU: its models' own tell of more than is executed, and descriptions leave features out. */
export function cpuidAnswer(
  leaf: number,
  subleaf: number,
  engine: CpuidResult,
  features: ReadonlySet<string>,
  cpu: number,
): CpuidResult {
  const told: { -readonly [register in keyof CpuidResult]: bigint } = { ...nothing };
  for (const [feature, [of, register, bit]] of Object.entries(bits))
    if (of === leaf && features.has(feature)) told[register] |= 1n << BigInt(bit);
  switch (leaf) {
    case 1: {
      const osxsave = features.has('xsave') ? OSXSAVE : 0n; // the kernel has enabled XSAVE
      const ebx = (engine.ebx & ~APIC_ID) | (BigInt(cpu) << 24n);
      return { ...engine, ebx, ecx: told.ecx | osxsave, edx: BigInt(BASELINE_EDX) };
    }
    case TOPOLOGY_LEAF:
      return { ...engine, edx: BigInt(cpu) }; // the x2APIC id
    case 7:
      return subleaf === 0 ? { ...nothing, ebx: told.ebx } : nothing;
    case XSAVE_LEAF:
      if (!features.has('xsave')) return nothing;
      return subleaf === 1 ? { ...nothing, eax: features.has('xsaveopt') ? 1n : 0n } : engine;
    case 0x80000001:
      return { ...engine, ecx: told.ecx, edx: told.edx };
    default:
      return engine;
  }
}
