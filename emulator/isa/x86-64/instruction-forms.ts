// Instructions by the feature that they need, in Intel syntax, for tests: every instruction of Intel SDM vol. 2 with that CPUID flag. rdi points to writable,
// aligned memory.

/** Each with a register and with memory as its source. */
const both = (names: readonly string[], rest = ''): string[] =>
  names.flatMap((name) => [`${name} xmm0, xmm1${rest}`, `${name} xmm0, [rdi]${rest}`]);

const general = (names: readonly string[]): string[] =>
  names.flatMap((name) => [`${name} eax, ecx, edx`, `${name} rax, rcx, rdx`, `${name} eax, [rdi], edx`]);

/** BEXTR, BZHI and the shifts take memory as the second operand, ANDN, MULX, PDEP and PEXT as the third. */
const third = (names: readonly string[]): string[] =>
  names.flatMap((name) => [`${name} eax, ecx, edx`, `${name} rax, rcx, rdx`, `${name} rax, rcx, [rdi]`]);

/** `none`: what every CPU has. */
export const x86Forms: Readonly<Record<string, readonly string[]>> = {
  none: [
    ...[
      'paddd xmm0, xmm1',
      'pmaddwd xmm0, xmm1',
      'pextrw eax, xmm0, 1',
      'pinsrw xmm0, eax, 1',
      'movnti [rdi], eax',
      'sqrtsd xmm0, xmm1',
      'paddd mm0, mm1',
    ],
    // What a CPU without BMI1 or ABM takes for other instructions.
    ...['lzcnt eax, ecx', 'tzcnt eax, ecx', 'bsf eax, ecx'],
    ...[
      'cmovne eax, ecx',
      'cmpxchg8b [rdi]',
      'fxsave [rdi]',
      'mfence',
      'lfence',
      'pause',
      'clflush [rdi]',
      'prefetchnta [rdi]',
      'endbr64',
      'cpuid',
    ],
  ],
  cx16: ['cmpxchg16b [rdi]', 'lock cmpxchg16b [rdi]'],
  pni: [
    ...both(['haddps', 'haddpd', 'hsubps', 'hsubpd', 'addsubps', 'addsubpd', 'movddup', 'movshdup', 'movsldup']),
    ...['lddqu xmm0, [rdi]', 'fisttp word ptr [rdi]', 'fisttp dword ptr [rdi]', 'fisttp qword ptr [rdi]'],
  ],
  ssse3: [
    ...both([
      'pshufb',
      'phaddw',
      'phaddd',
      'phaddsw',
      'phsubw',
      'phsubd',
      'phsubsw',
      'pmaddubsw',
      'pmulhrsw',
      'psignb',
      'psignw',
      'psignd',
      'pabsb',
      'pabsw',
      'pabsd',
    ]),
    ...both(['palignr'], ', 4'),
    ...[
      'pshufb',
      'phaddw',
      'phaddd',
      'phaddsw',
      'phsubw',
      'phsubd',
      'phsubsw',
      'pmaddubsw',
      'pmulhrsw',
      'psignb',
      'psignw',
      'psignd',
      'pabsb',
      'pabsw',
      'pabsd',
    ].map((name) => `${name} mm0, mm1`),
    'palignr mm0, mm1, 4',
  ],
  sse4_1: [
    ...both([
      'pmulld',
      'pmuldq',
      'ptest',
      'pminsb',
      'pminsd',
      'pminuw',
      'pminud',
      'pmaxsb',
      'pmaxsd',
      'pmaxuw',
      'pmaxud',
      'packusdw',
      'pcmpeqq',
      'phminposuw',
    ]),
    ...both(
      ['b', 'w', 'd'].flatMap((from) =>
        ['w', 'd', 'q']
          .filter((to) => 'bwdq'.indexOf(to) > 'bwdq'.indexOf(from))
          .flatMap((to) => [`pmovsx${from}${to}`, `pmovzx${from}${to}`]),
      ),
    ),
    ...both(
      [
        'pblendw',
        'blendps',
        'blendpd',
        'roundps',
        'roundpd',
        'roundss',
        'roundsd',
        'dpps',
        'dppd',
        'mpsadbw',
        'insertps',
      ],
      ', 1',
    ),
    ...['pblendvb xmm1, xmm2', 'blendvps xmm1, xmm2', 'blendvpd xmm1, xmm2', 'movntdqa xmm0, [rdi]'],
    ...[
      'pextrb eax, xmm0, 1',
      'pextrd eax, xmm0, 1',
      'pextrq rax, xmm0, 1',
      'pextrw [rdi], xmm0, 1',
      'pextrb [rdi], xmm0, 1',
      'extractps eax, xmm0, 1',
    ],
    ...['pinsrb xmm0, eax, 1', 'pinsrd xmm0, eax, 1', 'pinsrq xmm0, rax, 1', 'extractps [rdi], xmm0, 1'],
  ],
  sse4_2: [
    ...[
      'crc32 eax, cl',
      'crc32 eax, cx',
      'crc32 eax, ecx',
      'crc32 rax, rcx',
      'crc32 eax, dword ptr [rdi]',
      'crc32 rax, qword ptr [rdi]',
    ],
    ...both(['pcmpestri', 'pcmpestrm', 'pcmpistri', 'pcmpistrm'], ', 0'),
    ...both(['pcmpgtq']),
  ],
  popcnt: ['popcnt ax, cx', 'popcnt eax, ecx', 'popcnt rax, rcx', 'popcnt eax, [rdi]', 'popcnt rax, [rdi]'],
  aes: [...both(['aesenc', 'aesenclast', 'aesdec', 'aesdeclast', 'aesimc']), ...both(['aeskeygenassist'], ', 1')],
  pclmulqdq: both(['pclmulqdq'], ', 17'),
  bmi1: [
    ...third(['andn']),
    ...general(['bextr']),
    ...['blsi', 'blsr', 'blsmsk'].flatMap((name) => [`${name} eax, ecx`, `${name} rax, rcx`, `${name} rax, [rdi]`]),
  ],
  bmi2: [
    ...general(['bzhi', 'sarx', 'shlx', 'shrx']),
    ...third(['mulx', 'pdep', 'pext']),
    ...['rorx eax, ecx, 3', 'rorx rax, rcx, 3', 'rorx eax, [rdi], 3'],
  ],
  movbe: [
    'movbe ax, [rdi]',
    'movbe eax, [rdi]',
    'movbe rax, [rdi]',
    'movbe [rdi], ax',
    'movbe [rdi], eax',
    'movbe [rdi], rax',
  ],
  rdrand: ['rdrand ax', 'rdrand eax', 'rdrand rax'],
  rdseed: ['rdseed ax', 'rdseed eax', 'rdseed rax'],
  fsgsbase: ['rd', 'wr'].flatMap((way) =>
    ['fs', 'gs'].flatMap((base) => [`${way}${base}base eax`, `${way}${base}base rax`]),
  ),
  adx: ['adcx eax, ecx', 'adcx rax, [rdi]', 'adox rax, rcx', 'adox eax, [rdi]'],
  lahf_lm: ['lahf', 'sahf'],
  xsave: ['xgetbv', 'xsave [rdi]', 'xsave64 [rdi]'],
  xsaveopt: ['xsaveopt [rdi]', 'xsaveopt64 [rdi]'],
  rdtscp: ['rdtscp'],
  clflushopt: ['clflushopt [rdi]'],
  clwb: ['clwb [rdi]'],
  sse4a: ['extrq xmm0, xmm1', 'extrq xmm0, 1, 2', 'insertq xmm0, xmm1', 'movntsd [rdi], xmm0', 'movntss [rdi], xmm0'],
  waitpkg: ['tpause eax', 'umwait eax', 'umonitor rdi'],
  user_shstk: ['incsspd eax', 'incsspq rax'],
  avx: [
    'vaddps xmm0, xmm1, xmm2',
    'vpaddd xmm0, xmm1, xmm2',
    'vmovdqu xmm0, [rdi]',
    'vaddps ymm0, ymm1, ymm2',
    'vzeroupper',
    'vaesenc xmm0, xmm1, xmm2',
  ],
  avx2: ['vpermq ymm0, ymm1, 0', 'vpbroadcastb ymm0, xmm1'],
  avx512f: ['vpaddd zmm0, zmm1, zmm2'],
  fma: ['vfmadd213ps xmm0, xmm1, xmm2'],
  f16c: ['vcvtph2ps xmm0, xmm1', 'vcvtps2ph xmm0, xmm1, 0'],
  sha_ni: [
    ...['sha256rnds2 xmm1, xmm2', 'sha256msg1 xmm0, xmm1', 'sha256msg2 xmm0, xmm1', 'sha1rnds4 xmm0, xmm1, 0'],
    ...['sha1nexte xmm0, xmm1', 'sha1msg1 xmm0, xmm1', 'sha1msg2 xmm0, xmm1'],
  ],
  gfni: ['gf2p8mulb xmm0, xmm1', 'gf2p8affineqb xmm0, xmm1, 0'],
};
