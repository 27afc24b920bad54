// Which feature beyond Armv8.0's A64 an instruction needs, by its encoding (Arm ARM, C4; names of features as in /proc/cpuinfo).

/** First match wins: LDAPR lies among the encodings of the LSE atomics. */
const rules: readonly (readonly [feature: string, mask: number, value: number])[] = [
  ['lrcpc', 0x3ffffc00, 0x38bfc000], // LDAPR
  ['ilrcpc', 0x3f200c00, 0x19000000], // LDAPUR, STLUR
  ['atomics', 0x3fa07c00, 0x08a07c00], // CAS
  ['atomics', 0xbfa07c00, 0x08207c00], // CASP
  ['atomics', 0x3f200c00, 0x38200000], // LDADD ... SWP
  ['asimddp', 0x9fe0fc00, 0x0e809400], // SDOT, UDOT (vector)
  ['asimddp', 0x9fc0f400, 0x0f80e000], // SDOT, UDOT (by element)
  ['i8mm', 0xdfe0fc00, 0x4e80a400], // SMMLA, UMMLA
  ['asimdrdm', 0xbf20f400, 0x2e008400], // SQRDMLAH, SQRDMLSH (vector)
  ['asimdrdm', 0xff20f400, 0x7e008400], // the same, scalar
  ['fcma', 0xbf20e400, 0x2e00c400], // FCMLA
  ['fcma', 0xbf20ec00, 0x2e00e400], // FCADD
  ['jscvt', 0xfffffc00, 0x1e7e0000], // FJCVTZS
  ['asimdhp', 0x9f60c400, 0x0e400400], // half-precision vectors, three registers
  ['fphp', 0xffe00c00, 0x1ee00800], // half-precision arithmetic, scalar
  ['sha3', 0xffc08000, 0xce000000], // EOR3, BCAX
  ['sha3', 0xffe0fc00, 0xce608c00], // RAX1
  ['sha3', 0xffe00000, 0xce800000], // XAR
  ['sm3', 0xffe0c000, 0xce408000], // SM3TT1A ...
  ['sm4', 0xfffffc00, 0xcec08400], // SM4E
  ['sha512', 0xffe0f000, 0xce608000], // SHA512H, H2, SU1
  ['sha512', 0xfffffc00, 0xcec08000], // SHA512SU0
  ['aes', 0xffffcc00, 0x4e284800], // AESE, AESD, AESMC, AESIMC
  ['pmull', 0xbfe0fc00, 0x0ee0e000], // PMULL of 64 bits
  ['sha2', 0xffe0cc00, 0x5e004000], // SHA256H, H2, SU1
  ['sha1', 0xffe0cc00, 0x5e000000], // SHA1C, P, M, SU0
  ['sha2', 0xfffffc00, 0x5e282800], // SHA256SU0
  ['sha1', 0xffffec00, 0x5e280800], // SHA1H, SHA1SU1
  ['crc32', 0x7fe0e000, 0x1ac04000],
  ['pacg', 0xffe0fc00, 0x9ac03000], // PACGA
  ['paca', 0xffffc000, 0xdac10000], // PACIA ... AUTDZB
  ['paca', 0xfffffbe0, 0xdac143e0], // XPACI, XPACD
  ['paca', 0xfefff800, 0xd61f0800], // BRAA, BLRAA and their zero forms
  ['paca', 0xfffffbff, 0xd65f0bff], // RETAA, RETAB
  ['paca', 0xff200400, 0xf8200400], // LDRAA, LDRAB
  ['flagm', 0xffffffff, 0xd500401f], // CFINV
  ['flagm', 0xffe07c10, 0xba000400], // RMIF
  ['flagm', 0xffffbc1f, 0x3a00080d], // SETF8, SETF16
  ['sve', 0x1e000000, 0x04000000],
];

/** The feature that the instruction needs, if any. */
export function aarch64FeatureOf(word: number): string | undefined {
  return rules.find(([, mask, value]) => (word & mask) >>> 0 === value)?.[0];
}
