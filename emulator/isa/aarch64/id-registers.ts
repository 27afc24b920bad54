/** MIDR_EL1 of the engine's CPU models: Arm's part numbers (Technical Reference Manuals); `max` as QEMU names itself. */
const midr: Readonly<Record<string, bigint>> = {
  'cortex-a53': 0x410fd034n,
  'cortex-a57': 0x411fd070n,
  'cortex-a72': 0x410fd083n,
  max: 0x000f0510n,
};

/** A field of four bits in an ID register (Arm ARM, D17.2): what it holds when a CPU has the feature. */
type Field = readonly [feature: string, bit: number, value: bigint];

const isar0: readonly Field[] = [
  ['aes', 4, 1n],
  ['pmull', 4, 2n],
  ['sha1', 8, 1n],
  ['sha2', 12, 1n],
  ['sha512', 12, 2n],
  ['crc32', 16, 1n],
  ['atomics', 20, 2n],
  ['asimdrdm', 28, 1n],
  ['sha3', 32, 1n],
  ['sm3', 36, 1n],
  ['sm4', 40, 1n],
  ['asimddp', 44, 1n],
  ['asimdfhm', 48, 1n],
  ['flagm', 52, 1n],
  ['flagm2', 52, 2n],
  ['rng', 60, 1n],
];
const isar1: readonly Field[] = [
  ['dcpop', 0, 1n],
  ['dcpodp', 0, 2n],
  ['paca', 4, 1n],
  ['jscvt', 12, 1n],
  ['fcma', 16, 1n],
  ['lrcpc', 20, 1n],
  ['ilrcpc', 20, 2n],
  ['frint', 32, 1n],
  ['sb', 36, 1n],
];
const pfr0: readonly Field[] = [
  ['fphp', 16, 1n],
  ['asimdhp', 20, 1n],
];
const EL0_AND_EL1 = 0x11n;

/** A later field of the same place replaces an earlier one: it says more. */
function fieldsOf(fields: readonly Field[], features: ReadonlySet<string>): bigint {
  let value = 0n;
  for (const [feature, bit, held] of fields)
    if (features.has(feature)) value = (value & ~(0xfn << BigInt(bit))) | (held << BigInt(bit));
  return value;
}

/** What the registers tell of. */
export interface IdentifiedCpu {
  readonly id: number;
  readonly model: string;
  readonly features: ReadonlySet<string>;
}

/**
 * The value of S3_0_C0_C<m>_<op2>, which user programs may read because Linux emulates it (Documentation/arm64/cpu-feature-registers.rst); undefined for
 * what Linux does not. Registers that tell nothing of user mode read as zero.
 */
export function idRegister(crm: number, op2: number, { id, model, features }: IdentifiedCpu): bigint | undefined {
  if (crm === 0) {
    if (op2 === 0) return midr[model] ?? 0n;
    if (op2 === 5) return 0x80000000n | BigInt(id); // MPIDR_EL1
    return op2 === 6 ? 0n : undefined; // REVIDR_EL1
  }
  if (crm < 4 || crm > 7) return undefined;
  if (crm === 4 && op2 === 0) return EL0_AND_EL1 | fieldsOf(pfr0, features);
  if (crm === 6 && op2 === 0) return fieldsOf(isar0, features);
  if (crm === 6 && op2 === 1) return fieldsOf(isar1, features);
  return 0n;
}
