// Which CPUID feature an instruction needs, by its name in Capstone (Intel SDM vol. 2; names of features as in /proc/cpuinfo).

const rules: readonly (readonly [feature: string, mnemonic: RegExp])[] = [
  ['cx16', /^cmpxchg16b$/],
  ['pni', /^(addsubp[sd]|h(add|sub)p[sd]|lddqu|mov(ddup|s[hl]dup)|fisttp|monitor|mwait)$/],
  ['ssse3', /^(pabs[bwd]|palignr|ph(add|sub)(w|d|sw)|pmaddubsw|pmulhrsw|pshufb|psign[bwd])$/],
  [
    'sse4_1',
    /^(blendv?p[sd]|dpp[sd]|extractps|insertps|movntdqa|mpsadbw|packusdw|pblend(vb|w)|pcmpeqq|pextr[bdq]|phminposuw|pinsr[bdq]|pm(ax|in)(s[bd]|u[wd])|pmov[sz]x\w+|pmul(dq|ld)|ptest|round[ps][sd])$/,
  ],
  ['sse4_2', /^(crc32|pcmp[ei]str[im]|pcmpgtq)$/],
  ['popcnt', /^popcnt$/],
  ['aes', /^aes\w+$/],
  ['pclmulqdq', /^pclmul\w*$/],
  ['bmi1', /^(andn|bextr|bls(i|r|msk))$/],
  ['bmi2', /^(bzhi|mulx|pdep|pext|rorx|sarx|shlx|shrx)$/],
  ['movbe', /^movbe$/],
  ['xsave', /^(xgetbv|xsave(64)?|xrstor(64)?)$/],
  ['xsaveopt', /^xsaveopt(64)?$/],
  ['rdtscp', /^rdtscp$/],
  ['clflushopt', /^clflushopt$/],
  ['clwb', /^clwb$/],
  ['sse4a', /^(extrq|insertq|movnts[sd])$/],
  ['waitpkg', /^(tpause|umonitor|umwait)$/],
  ['user_shstk', /^incssp[dq]$/],
  ['lahf_lm', /^[ls]ahf$/],
  ['rdrand', /^rdrand$/],
  ['rdseed', /^rdseed$/],
  ['fsgsbase', /^(rd|wr)[fg]sbase$/],
  ['adx', /^ad[co]x$/],
  ['sha_ni', /^sha(1|256)\w+$/],
  ['gfni', /^gf2p8\w+$/],
  ['fma', /^vf(n?m(add|sub)|maddsub|msubadd)(132|213|231)[ps][sd]$/],
  ['f16c', /^vcvt(ph2ps|ps2ph)$/],
  [
    'avx2',
    /^v(pbroadcast\w+|inserti128|extracti128|perm2i128|permq|permd|pgather\w+|psllv\w|psrlv\w|psrav\w|pmaskmov\w)$/,
  ],
  ['avx', /^v(?!err$|erw$|m(call|clear|func|launch|load|mcall|ptrld|ptrst|read|resume|run|save|write|xoff|xon)$)\w+$/],
];

/** The vector registers that only AVX-512 has. */
const avx512Operand = /\b(zmm\d+|[xy]mm(1[6-9]|2\d|3[01])|k[0-7])\b/;

/** PEXTRW has an SSE2 encoding, to registers only, and one of SSE4.1 (Intel SDM vol. 2, PEXTRW): 66 0F C5 and 66 [REX] 0F 3A 15. */
const isThirdMap = (bytes: Uint8Array): boolean => bytes[bytes.indexOf(0x0f) + 1] === 0x3a;

/**
 * The feature beyond SSE2 that the instruction needs, if any. `tzcnt` and `lzcnt` are not among them: a CPU without BMI1 or ABM takes them for
 * `bsf` and `bsr` and raises nothing.
 */
export function x86FeatureOf(mnemonic: string, operands: string, bytes: Uint8Array): string | undefined {
  const name = mnemonic.slice(mnemonic.lastIndexOf(' ') + 1); // prefixes come first, as in `xacquire lock cmpxchg16b`
  if (name.startsWith('v') && avx512Operand.test(operands)) return 'avx512f';
  if (name === 'pextrw' && isThirdMap(bytes)) return 'sse4_1';
  return rules.find(([, pattern]) => pattern.test(name))?.[0];
}

/** Every feature that has instructions here. */
export const x86InstructionFeatures: ReadonlySet<string> = new Set([...rules.map(([feature]) => feature), 'avx512f']);
