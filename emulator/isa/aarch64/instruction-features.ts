// Which features beyond Armv8.0's A64 an instruction needs, by its encoding (Arm ARM DDI 0487, C4.1 "A64 instruction set encoding"; names of
// features as in /proc/cpuinfo, and `lor`, for which Linux has none).

/** An instruction belongs to the first rule with `(word & mask) === value`. */
type Rule = readonly [features: readonly string[], mask: number, value: number];

const rule = (features: string, mask: number, value: number): Rule => [
  features === '' ? [] : features.split(' '),
  mask,
  value >>> 0,
];

/** Table "Branches, Exception Generating and System instructions". */
const branchesAndSystem: readonly Rule[] = [
  rule('paca', 0xfedff800, 0xd61f0800), // BRAA, BLRAA and their zero forms
  rule('paca', 0xfffffbff, 0xd65f0bff), // RETAA, RETAB
  rule('flagm', 0xfffff0ff, 0xd500401f), // CFINV
  rule('flagm2', 0xfffff0ff, 0xd500403f), // XAFLAG
  rule('flagm2', 0xfffff0ff, 0xd500405f), // AXFLAG
  rule('ssbs', 0xfffff0ff, 0xd503403f), // MSR SSBS, #imm
  rule('ssbs', 0xffdfffe0, 0xd51b42c0), // MRS and MSR SSBS
  rule('dit', 0xfffff0ff, 0xd503405f), // MSR DIT, #imm
  rule('dit', 0xffdfffe0, 0xd51b42a0), // MRS and MSR DIT
  rule('sb', 0xfffff0ff, 0xd50330ff), // SB
  rule('dcpop', 0xffffffe0, 0xd50b7c20), // DC CVAP
  rule('dcpodp', 0xffffffe0, 0xd50b7d20), // DC CVADP
  rule('rng', 0xffffffc0, 0xd53b2400), // MRS of RNDR, RNDRRS
];

/** Table "Loads and Stores". LDAPR lies among the encodings of the LSE atomics. */
const loadsAndStores: readonly Rule[] = [
  rule('lrcpc', 0x3ffffc00, 0x38bfc000), // LDAPR
  rule('ilrcpc', 0x3f200c00, 0x19000000), // LDAPUR, STLUR
  rule('lrcpc3', 0x3f200c00, 0x1d000800), // LDAPUR, STLUR of SIMD registers
  rule('lor', 0x3fa08000, 0x08800000), // LDLAR, STLLR
  rule('atomics', 0x3fa07c00, 0x08a07c00), // CAS
  rule('atomics', 0xbfa07c00, 0x08207c00), // CASP
  rule('atomics', 0x3f208c00, 0x38200000), // LDADD, LDCLR, LDEOR, LDSET, LDSMAX, LDSMIN, LDUMAX, LDUMIN
  rule('atomics', 0x3f20fc00, 0x38208000), // SWP
  rule('paca', 0xff200400, 0xf8200400), // LDRAA, LDRAB
  rule('mte', 0xff200000, 0xd9200000), // LDG, STG and their kind
  rule('mte', 0xffc00000, 0x68800000), // STGP: post-indexed, offset, pre-indexed
  rule('mte', 0xff400000, 0x69000000),
];

/** Tables "Data Processing -- Immediate" and "Data Processing -- Register". */
const dataProcessing: readonly Rule[] = [
  rule('crc32', 0x7fe0e000, 0x1ac04000), // CRC32B ... CRC32CX
  rule('pacg', 0xffe0fc00, 0x9ac03000), // PACGA
  rule('paca', 0xffffc000, 0xdac10000), // PACIA ... AUTDZB
  rule('paca', 0xfffffbe0, 0xdac143e0), // XPACI, XPACD
  rule('flagm', 0xffe07c10, 0xba000400), // RMIF
  rule('flagm', 0xffffbc1f, 0x3a00080d), // SETF8, SETF16
  rule('mte', 0xbfc00000, 0x91800000), // ADDG, SUBG
  rule('mte', 0xffe0f800, 0x9ac01000), // IRG, GMI
  rule('mte', 0xdfe0fc00, 0x9ac00000), // SUBP, SUBPS
];

/** Of table "Data Processing -- Scalar Floating-Point and Advanced SIMD": classes "Cryptographic ...". */
const cryptography: readonly Rule[] = [
  rule('aes', 0xffffcc00, 0x4e284800), // AESE, AESD, AESMC, AESIMC
  rule('pmull', 0xbfe0fc00, 0x0ee0e000), // PMULL, PMULL2 of 64 bits
  rule('sha2', 0xffe0cc00, 0x5e004000), // SHA256H, H2, SU1
  rule('sha1', 0xffe0cc00, 0x5e000000), // SHA1C, P, M, SU0
  rule('sha2', 0xfffffc00, 0x5e282800), // SHA256SU0
  rule('sha1', 0xffffec00, 0x5e280800), // SHA1H, SHA1SU1
  rule('sha3', 0xffc08000, 0xce000000), // EOR3, BCAX
  rule('sha3', 0xffe0fc00, 0xce608c00), // RAX1
  rule('sha3', 0xffe00000, 0xce800000), // XAR
  rule('sm3', 0xffe08000, 0xce400000), // SM3SS1
  rule('sm3', 0xffe0c000, 0xce408000), // SM3TT1A, 1B, 2A, 2B
  rule('sm3', 0xffe0f800, 0xce60c000), // SM3PARTW1, 2
  rule('sm4', 0xffe0fc00, 0xce60c800), // SM4EKEY
  rule('sm4', 0xfffffc00, 0xcec08400), // SM4E
  rule('sha512', 0xffe0f000, 0xce608000), // SHA512H, H2, SU1
  rule('sha512', 0xfffffc00, 0xcec08000), // SHA512SU0
];

/** Of the same table: Advanced SIMD beside half precision. */
const simd: readonly Rule[] = [
  rule('asimddp', 0x9fe0fc00, 0x0e809400), // SDOT, UDOT (vector)
  rule('asimddp', 0x9fc0f400, 0x0f80e000), // SDOT, UDOT (by element)
  rule('i8mm', 0xdfe0fc00, 0x4e80a400), // SMMLA, UMMLA
  rule('i8mm', 0xffe0fc00, 0x4e80ac00), // USMMLA
  rule('i8mm', 0xbfe0fc00, 0x0e809c00), // USDOT (vector)
  rule('i8mm', 0xbf40f400, 0x0f00f000), // SUDOT, USDOT (by element)
  rule('bf16', 0xbfe0fc00, 0x2e40fc00), // BFDOT (vector)
  rule('bf16', 0xbfe0fc00, 0x2ec0fc00), // BFMLALB, BFMLALT (vector)
  rule('bf16', 0xbf40f400, 0x0f40f000), // BFDOT, BFMLALB, BFMLALT (by element)
  rule('bf16', 0xffe0fc00, 0x6e40ec00), // BFMMLA
  rule('bf16', 0xfffffc00, 0x1e634000), // BFCVT
  rule('bf16', 0xbffffc00, 0x0ea16800), // BFCVTN, BFCVTN2
  rule('asimdrdm', 0xbf20f400, 0x2e008400), // SQRDMLAH, SQRDMLSH (vector)
  rule('asimdrdm', 0xff20f400, 0x7e008400), // the same, scalar
  rule('asimdrdm', 0xbf00d400, 0x2f00d000), // the same, by element
  rule('asimdrdm', 0xff00d400, 0x7f00d000), // the same, scalar by element
  rule('fcma asimdhp', 0xbfe0e400, 0x2e40c400), // FCMLA of half precision
  rule('fcma asimdhp', 0xbfe0ec00, 0x2e40e400), // FCADD of half precision
  rule('fcma asimdhp', 0xbfc09400, 0x2f401000), // FCMLA of half precision, by element
  rule('fcma', 0xbf20e400, 0x2e00c400), // FCMLA
  rule('fcma', 0xbf20ec00, 0x2e00e400), // FCADD
  rule('fcma', 0xbfc09400, 0x2f801000), // FCMLA, by element
  rule('asimdfhm', 0xbf60fc00, 0x0e20ec00), // FMLAL, FMLSL
  rule('asimdfhm', 0xbf60fc00, 0x2e20cc00), // FMLAL2, FMLSL2
  rule('asimdfhm', 0xbfc0b400, 0x0f800000), // FMLAL, FMLSL (by element)
  rule('asimdfhm', 0xbfc0b400, 0x2f808000), // FMLAL2, FMLSL2 (by element)
  rule('jscvt', 0xfffffc00, 0x1e7e0000), // FJCVTZS
  rule('frint', 0xffbe7c00, 0x1e284000), // FRINT32Z, 32X, 64Z, 64X
  rule('frint', 0x9fbfec00, 0x0e21e800), // the same, vectors
];

/** Half precision: everything but the conversions that Armv8.0 has. */
const halfPrecision: readonly Rule[] = [
  rule('', 0xffff7c00, 0x1ee24000), // FCVT from half to single and double precision
  rule('fphp', 0x7fc00000, 0x1ec00000), // scalar, one and two sources, comparisons, selection, immediates, conversions
  rule('fphp', 0xffc00000, 0x1fc00000), // scalar, three sources
  rule('asimdhp', 0x9f60c400, 0x0e400400), // vectors, three registers
  rule('asimdhp', 0xdf60c400, 0x5e400400), // the same, scalar
  rule('asimdhp', 0x9f7e0c00, 0x0e780800), // two registers
  rule('asimdhp', 0xdf7e0c00, 0x5e780800), // the same, scalar
  rule('asimdhp', 0x9fc03400, 0x0f001000), // FMLA, FMLS, FMUL, FMULX by element
  rule('asimdhp', 0xdfc03400, 0x5f001000), // the same, scalar
  rule('asimdhp', 0xbf7ffc00, 0x0e30c800), // FMAXNMV, FMINNMV
  rule('asimdhp', 0xbf7ffc00, 0x0e30f800), // FMAXV, FMINV
  rule('asimdhp', 0xff7fcc00, 0x5e30c800), // FADDP, FMAXP, FMINP, FMAXNMP, FMINNMP of a pair
  rule('asimdhp', 0xbff8fc00, 0x0f00fc00), // FMOV of an immediate into a vector
  rule('asimdhp', 0x9ff0fc00, 0x0f10e400), // SCVTF, UCVTF with fraction bits
  rule('asimdhp', 0x9ff0fc00, 0x0f10fc00), // FCVTZS, FCVTZU with fraction bits
  rule('asimdhp', 0xdff0fc00, 0x5f10e400), // the same, scalar
  rule('asimdhp', 0xdff0fc00, 0x5f10fc00),
];

const scalable: readonly Rule[] = [rule('sve', 0x1e000000, 0x04000000), rule('sme', 0x9e000000, 0x80000000)];

const simdAndFloatingPoint = [...cryptography, ...simd, ...halfPrecision];

/** Rules by bits 28 to 25 of the word, which tell the main classes apart (table "Main encoding table for the A64 instruction set"). */
const rulesOfClass: readonly (readonly Rule[])[] = Array.from({ length: 16 }, (_, op0) => {
  if (op0 === 0 || op0 === 2) return scalable;
  if ((op0 & 0b1110) === 0b1010) return branchesAndSystem;
  if ((op0 & 0b0101) === 0b0100) return loadsAndStores;
  if ((op0 & 0b0111) === 0b0111) return simdAndFloatingPoint;
  return dataProcessing;
});

const none: readonly string[] = [];

/** The features that the instruction needs; none for Armv8.0's own. */
export function aarch64FeaturesOf(word: number): readonly string[] {
  for (const [features, mask, value] of rulesOfClass[(word >>> 25) & 15]!)
    if ((word & mask) >>> 0 === value) return features;
  return none;
}

/** Every feature that has instructions here. */
export const aarch64InstructionFeatures: ReadonlySet<string> = new Set(
  rulesOfClass.flat().flatMap(([features]) => features),
);
