// Instructions by the feature that they need, for tests: every form that the Arm ARM lists (C4.1). x0 points to writable, aligned memory.

/** The load-and-operate instructions and their stores without a result, in all sizes and orders. */
function atomics(): string[] {
  const lines: string[] = [];
  const operations = ['add', 'clr', 'eor', 'set', 'smax', 'smin', 'umax', 'umin'];
  for (const order of ['', 'a', 'l', 'al']) {
    for (const operation of operations) {
      for (const size of ['b', 'h', '']) lines.push(`ld${operation}${order}${size} w1, w2, [x0]`);
      lines.push(`ld${operation}${order} x1, x2, [x0]`);
    }
    for (const name of ['swp', 'cas']) {
      for (const size of ['b', 'h', '']) lines.push(`${name}${order}${size} w1, w2, [x0]`);
      lines.push(`${name}${order} x1, x2, [x0]`);
    }
    lines.push(`casp${order} w2, w3, w4, w5, [x0]`, `casp${order} x2, x3, x4, x5, [x0]`);
  }
  for (const operation of operations)
    lines.push(`st${operation} w1, [x0]`, `st${operation}lb w1, [x0]`, `st${operation}l x1, [x0]`);
  return lines;
}

/** Half precision in vector registers: each operation on 4 and 8 lanes and, where it exists, on one. */
function vectorsOfHalves(): string[] {
  const lines: string[] = [];
  const three = [
    ...[
      'fmaxnm',
      'fmla',
      'fadd',
      'fmulx',
      'fcmeq',
      'fmax',
      'frecps',
      'fminnm',
      'fmls',
      'fsub',
      'fmin',
      'frsqrts',
      'fmaxnmp',
    ],
    ...['faddp', 'fmul', 'fcmge', 'facge', 'fmaxp', 'fdiv', 'fminnmp', 'fabd', 'fcmgt', 'facgt', 'fminp'],
  ];
  const two = [
    ...[
      'frintn',
      'frintm',
      'fcvtns',
      'fcvtms',
      'fcvtas',
      'scvtf',
      'fabs',
      'frintp',
      'frintz',
      'fcvtps',
      'fcvtzs',
      'frecpe',
    ],
    ...[
      'frinta',
      'frintx',
      'fcvtnu',
      'fcvtmu',
      'fcvtau',
      'ucvtf',
      'fneg',
      'frinti',
      'fcvtpu',
      'fcvtzu',
      'frsqrte',
      'fsqrt',
    ],
  ];
  for (const lanes of ['4h', '8h']) {
    for (const name of three) lines.push(`${name} v0.${lanes}, v1.${lanes}, v2.${lanes}`);
    for (const name of two) lines.push(`${name} v0.${lanes}, v1.${lanes}`);
    for (const name of ['fcmgt', 'fcmeq', 'fcmlt', 'fcmge', 'fcmle'])
      lines.push(`${name} v0.${lanes}, v1.${lanes}, #0.0`);
    for (const name of ['fmla', 'fmls', 'fmul', 'fmulx']) lines.push(`${name} v0.${lanes}, v1.${lanes}, v2.h[7]`);
    for (const name of ['fmaxnmv', 'fminnmv', 'fmaxv', 'fminv']) lines.push(`${name} h0, v1.${lanes}`);
    for (const name of ['scvtf', 'ucvtf', 'fcvtzs', 'fcvtzu']) lines.push(`${name} v0.${lanes}, v1.${lanes}, #3`);
    lines.push(`fmov v0.${lanes}, #1.0`);
  }
  for (const name of ['fmulx', 'fcmeq', 'frecps', 'frsqrts', 'fcmge', 'facge', 'fabd', 'fcmgt', 'facgt'])
    lines.push(`${name} h0, h1, h2`);
  for (const name of [
    'fcvtns',
    'fcvtms',
    'fcvtas',
    'scvtf',
    'fcvtps',
    'fcvtzs',
    'frecpe',
    'frecpx',
    'fcvtnu',
    'fcvtmu',
    'fcvtau',
    'ucvtf',
    'fcvtpu',
    'fcvtzu',
    'frsqrte',
  ])
    lines.push(`${name} h0, h1`);
  for (const name of ['fcmgt', 'fcmeq', 'fcmlt', 'fcmge', 'fcmle']) lines.push(`${name} h0, h1, #0.0`);
  for (const name of ['fmla', 'fmls', 'fmul', 'fmulx']) lines.push(`${name} h0, h1, v2.h[7]`);
  for (const name of ['scvtf', 'ucvtf', 'fcvtzs', 'fcvtzu']) lines.push(`${name} h0, h1, #3`);
  for (const name of ['fmaxnmp', 'faddp', 'fmaxp', 'fminnmp', 'fminp']) lines.push(`${name} h0, v1.2h`);
  return lines;
}

function scalarHalves(): string[] {
  const lines = [
    ...['fmul', 'fdiv', 'fadd', 'fsub', 'fmax', 'fmin', 'fmaxnm', 'fminnm', 'fnmul'].map(
      (name) => `${name} h0, h1, h2`,
    ),
    ...['fmov', 'fabs', 'fneg', 'fsqrt', 'frintn', 'frintp', 'frintm', 'frintz', 'frinta', 'frintx', 'frinti'].map(
      (name) => `${name} h0, h1`,
    ),
    ...['fmadd', 'fmsub', 'fnmadd', 'fnmsub'].map((name) => `${name} h0, h1, h2, h3`),
    ...[
      'fcmp h0, h1',
      'fcmpe h0, h1',
      'fcmp h0, #0.0',
      'fcmpe h0, #0.0',
      'fccmp h0, h1, #3, ne',
      'fccmpe h0, h1, #3, ne',
    ],
    ...['fcsel h0, h1, h2, ne', 'fmov h0, #1.0'],
  ];
  for (const register of ['w1', 'x1']) {
    for (const name of [
      'fcvtns',
      'fcvtnu',
      'fcvtas',
      'fcvtau',
      'fcvtps',
      'fcvtpu',
      'fcvtms',
      'fcvtmu',
      'fcvtzs',
      'fcvtzu',
    ])
      lines.push(`${name} ${register}, h0`);
    for (const name of ['scvtf', 'ucvtf']) lines.push(`${name} h0, ${register}`, `${name} h0, ${register}, #3`);
    for (const name of ['fcvtzs', 'fcvtzu']) lines.push(`${name} ${register}, h0, #3`);
    lines.push(`fmov ${register}, h0`, `fmov h0, ${register}`);
  }
  return lines;
}

function pointerAuthentication(): string[] {
  const lines = ['xpaci x1', 'xpacd x1', 'ldraa x1, [x0]', 'ldrab x1, [x0, #8]', 'ldraa x1, [x0, #8]!'];
  for (const name of ['pacia', 'pacib', 'pacda', 'pacdb', 'autia', 'autib', 'autda', 'autdb'])
    lines.push(`${name} x1, x2`, `${name.slice(0, 3)}${name[3]}z${name[4]} x1`);
  for (const key of ['a', 'b'])
    lines.push(`bra${key}z x9`, `blra${key}z x9`, `bra${key} x9, x2`, `blra${key} x9, x2`, `reta${key}`);
  return lines;
}

const lanesOf = (names: readonly string[], forms: readonly (readonly [string, string])[]): string[] =>
  names.flatMap((name) => forms.map(([to, from]) => `${name} v0.${to}, v1.${from}, v2.${from}`));

const complexProducts = (lanes: readonly string[]): string[] =>
  lanes.flatMap((of) => [0, 90, 180, 270].map((turn) => `fcmla v0.${of}, v1.${of}, v2.${of}, #${turn}`));

/** By the feature that they need, or the features; `none`: what every CPU has. x9 and x30 hold the address behind the instruction, so that branches to it go on. */
export const aarch64Forms: Readonly<Record<string, readonly string[]>> = {
  none: [
    ...[
      'add v0.4s, v1.4s, v2.4s',
      'fmla v0.4s, v1.4s, v2.4s',
      'cnt v0.16b, v1.16b',
      'pmull v0.8h, v1.8b, v2.8b',
      'pmul v0.16b, v1.16b, v2.16b',
    ],
    ...[
      'ldaxr x1, [x0]',
      'stlr x1, [x0]',
      'udiv x1, x2, x3',
      'fcvt h0, s1',
      'fcvt s0, h1',
      'fcvt d0, h1',
      'fcvtl v0.4s, v1.4h',
      'fcvtn v0.4h, v1.4s',
    ],
    // Hints: executed as no operation where the feature is missing (Arm ARM, C6.2 "HINT").
    ...[
      'paciasp',
      'autiasp',
      'pacibsp',
      'xpaclri',
      'bti c',
      'esb',
      'csdb',
      'yield',
      'dmb ish',
      'isb',
      'dc cvau, x0',
      'dc cvac, x0',
      'dc zva, x0',
    ],
    ...[
      'mrs x1, tpidr_el0',
      'mrs x1, fpcr',
      'mrs x1, dczid_el0',
      'mrs x1, ctr_el0',
      'ldnp q0, q1, [x0]',
      'sqdmulh v0.4s, v1.4s, v2.s[1]',
    ],
  ],
  aes: ['aese v0.16b, v1.16b', 'aesmc v0.16b, v1.16b', 'aesd v0.16b, v1.16b', 'aesimc v0.16b, v1.16b'],
  pmull: ['pmull v0.1q, v1.1d, v2.1d', 'pmull2 v0.1q, v1.2d, v2.2d'],
  sha1: [
    ...['sha1c q0, s1, v2.4s', 'sha1p q0, s1, v2.4s', 'sha1m q0, s1, v2.4s'],
    ...['sha1h s0, s1', 'sha1su0 v0.4s, v1.4s, v2.4s', 'sha1su1 v0.4s, v1.4s'],
  ],
  sha2: ['sha256h q0, q1, v2.4s', 'sha256h2 q0, q1, v2.4s', 'sha256su0 v0.4s, v1.4s', 'sha256su1 v0.4s, v1.4s, v2.4s'],
  crc32: ['b', 'h', 'w']
    .flatMap((size) => [`crc32${size} w1, w2, w3`, `crc32c${size} w1, w2, w3`])
    .concat('crc32x w1, w2, x3', 'crc32cx w1, w2, x3'),
  atomics: atomics(),
  lor: [
    'ldlarb w1, [x0]',
    'ldlarh w1, [x0]',
    'ldlar w1, [x0]',
    'ldlar x1, [x0]',
    'stllrb w1, [x0]',
    'stllrh w1, [x0]',
    'stllr w1, [x0]',
    'stllr x1, [x0]',
  ],
  asimdrdm: ['sqrdmlah', 'sqrdmlsh'].flatMap((name) => [
    ...['4h', '8h', '2s', '4s'].map((lanes) => `${name} v0.${lanes}, v1.${lanes}, v2.${lanes}`),
    ...[`${name} h0, h1, h2`, `${name} s0, s1, s2`, `${name} h0, h1, v2.h[7]`, `${name} s0, s1, v2.s[3]`],
    ...[
      `${name} v0.8h, v1.8h, v2.h[7]`,
      `${name} v0.4h, v1.4h, v2.h[0]`,
      `${name} v0.4s, v1.4s, v2.s[3]`,
      `${name} v0.2s, v1.2s, v2.s[1]`,
    ],
  ]),
  asimddp: ['sdot', 'udot'].flatMap((name) => [
    ...lanesOf(
      [name],
      [
        ['4s', '16b'],
        ['2s', '8b'],
      ],
    ),
    ...[`${name} v0.4s, v1.16b, v2.4b[3]`, `${name} v0.2s, v1.8b, v2.4b[1]`],
  ]),
  asimdfhm: ['fmlal', 'fmlsl', 'fmlal2', 'fmlsl2'].flatMap((name) => [
    ...lanesOf(
      [name],
      [
        ['4s', '4h'],
        ['2s', '2h'],
      ],
    ),
    ...[`${name} v0.4s, v1.4h, v2.h[7]`, `${name} v0.2s, v1.2h, v2.h[1]`],
  ]),
  asimdhp: vectorsOfHalves(),
  fphp: scalarHalves(),
  fcma: [
    ...['2s', '4s', '2d'].flatMap((lanes) => [
      `fcadd v0.${lanes}, v1.${lanes}, v2.${lanes}, #90`,
      `fcadd v0.${lanes}, v1.${lanes}, v2.${lanes}, #270`,
    ]),
    ...complexProducts(['2s', '4s', '2d']),
    'fcmla v0.4s, v1.4s, v2.s[1], #90',
  ],
  'fcma asimdhp': [
    ...complexProducts(['4h', '8h']),
    ...['fcadd v0.8h, v1.8h, v2.8h, #90', 'fcadd v0.4h, v1.4h, v2.4h, #270'],
    ...['fcmla v0.8h, v1.8h, v2.h[3], #180', 'fcmla v0.4h, v1.4h, v2.h[1], #0'],
  ],
  jscvt: ['fjcvtzs w1, d0'],
  frint: ['frint32z', 'frint32x', 'frint64z', 'frint64x'].flatMap((name) => [
    ...[`${name} s0, s1`, `${name} d0, d1`, `${name} v0.2s, v1.2s`, `${name} v0.4s, v1.4s`, `${name} v0.2d, v1.2d`],
  ]),
  lrcpc: ['ldapr w1, [x0]', 'ldapr x1, [x0]', 'ldaprb w1, [x0]', 'ldaprh w1, [x0]'],
  ilrcpc: [
    ...[
      'ldapur w1, [x0, #8]',
      'ldapur x1, [x0, #8]',
      'ldapurb w1, [x0]',
      'ldapurh w1, [x0]',
      'ldapursb w1, [x0]',
      'ldapursb x1, [x0]',
    ],
    ...[
      'ldapursh w1, [x0]',
      'ldapursh x1, [x0]',
      'ldapursw x1, [x0]',
      'stlur w1, [x0, #4]',
      'stlur x1, [x0, #8]',
      'stlurb w1, [x0]',
      'stlurh w1, [x0]',
    ],
  ],
  sha512: [
    'sha512h q0, q1, v2.2d',
    'sha512h2 q0, q1, v2.2d',
    'sha512su0 v0.2d, v1.2d',
    'sha512su1 v0.2d, v1.2d, v2.2d',
  ],
  sha3: [
    'eor3 v0.16b, v1.16b, v2.16b, v3.16b',
    'bcax v0.16b, v1.16b, v2.16b, v3.16b',
    'rax1 v0.2d, v1.2d, v2.2d',
    'xar v0.2d, v1.2d, v2.2d, #63',
  ],
  sm3: [
    ...['sm3ss1 v0.4s, v1.4s, v2.4s, v3.4s', 'sm3partw1 v0.4s, v1.4s, v2.4s', 'sm3partw2 v0.4s, v1.4s, v2.4s'],
    ...['1a', '1b', '2a', '2b'].map((which) => `sm3tt${which} v0.4s, v1.4s, v2.s[3]`),
  ],
  sm4: ['sm4e v0.4s, v1.4s', 'sm4ekey v0.4s, v1.4s, v2.4s'],
  paca: pointerAuthentication(),
  pacg: ['pacga x1, x2, x3'],
  flagm: ['cfinv', 'rmif x1, #3, #5', 'setf8 w1', 'setf16 w1'],
  flagm2: ['axflag', 'xaflag'],
  sb: ['sb'],
  ssbs: ['msr ssbs, #1', 'mrs x1, ssbs', 'msr ssbs, x1'],
  dit: ['msr dit, #1', 'mrs x1, dit', 'msr dit, x1'],
  dcpop: ['dc cvap, x0'],
  dcpodp: ['dc cvadp, x0'],
  rng: ['mrs x1, rndr', 'mrs x1, rndrrs'],
  i8mm: [
    ...[
      'smmla v0.4s, v1.16b, v2.16b',
      'ummla v0.4s, v1.16b, v2.16b',
      'usmmla v0.4s, v1.16b, v2.16b',
      'usdot v0.4s, v1.16b, v2.16b',
    ],
    ...['usdot v0.2s, v1.8b, v2.4b[1]', 'sudot v0.4s, v1.16b, v2.4b[1]'],
  ],
  bf16: [
    ...[
      'bfdot v0.4s, v1.8h, v2.8h',
      'bfdot v0.2s, v1.4h, v2.2h[1]',
      'bfmmla v0.4s, v1.8h, v2.8h',
      'bfmlalb v0.4s, v1.8h, v2.8h',
    ],
    ...['bfmlalt v0.4s, v1.8h, v2.h[3]', 'bfcvt h0, s1', 'bfcvtn v0.4h, v1.4s', 'bfcvtn2 v0.8h, v1.4s'],
  ],
  mte: [
    'irg x1, x2',
    'gmi x1, x2, x3',
    'addg x1, x2, #16, #1',
    'subg x1, x2, #16, #1',
    'subp x1, x2, x3',
    'stg x0, [x0]',
    'ldg x1, [x0]',
    'stgp x1, x2, [x0]',
  ],
  sve: ['add z0.s, z1.s, z2.s', 'cntb x1', 'ptrue p0.b', 'ld1b {z0.b}, p0/z, [x0]'],
};
