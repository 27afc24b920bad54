import assert from 'node:assert/strict';
import { SHF_ALLOC, SHF_TLS, SHF_WRITE } from '../elf.ts';
import type { LinkError } from '../errors.ts';
import { link } from '../link.ts';
import { reread } from '../tests/workshop.ts';
import { makeObject } from '../tests/workshop-object.ts';
import { A64 } from './aarch64.ts';

const word = (value: number): number[] => [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24];

interface Case {
  readonly type: keyof typeof A64;
  readonly instruction: number;
  /** Expected word, from the addresses of the place and of the target. */
  readonly expect: (place: number, target: number) => number;
  readonly symbol?: string;
  readonly addend?: number;
}

const page = (a: number): number => Math.floor(a / 4096);
const adrp = (place: number, target: number): number => {
  const pages = page(target) - page(place);
  return ((pages & 3) << 29) | (((pages >> 2) & 0x7ffff) << 5);
};

/** Encodings are those of the Arm ARM, section C6.2; the immediate fields are filled by hand here. */
const CASES: Case[] = [
  {
    type: 'CALL26',
    instruction: 0x94000000,
    symbol: 'far',
    expect: (p, t) => 0x94000000 | (((t - p) / 4) & 0x3ffffff),
  },
  {
    type: 'JUMP26',
    instruction: 0x14000000,
    symbol: 'far',
    addend: 4,
    expect: (p, t) => 0x14000000 | (((t + 4 - p) / 4) & 0x3ffffff),
  },
  { type: 'CALL26', instruction: 0x94000000, symbol: 'nobody', expect: () => 0x94000001 },
  {
    type: 'CONDBR19',
    instruction: 0x54000000,
    symbol: 'far',
    expect: (p, t) => 0x54000000 | ((((t - p) / 4) & 0x7ffff) << 5),
  },
  {
    type: 'TSTBR14',
    instruction: 0x36000000,
    symbol: 'far',
    expect: (p, t) => 0x36000000 | ((((t - p) / 4) & 0x3fff) << 5),
  },
  {
    type: 'ADR_PREL_LO21',
    instruction: 0x10000000,
    symbol: 'far',
    addend: 1,
    expect: (p, t) => 0x10000000 | (((t + 1 - p) & 3) << 29) | ((((t + 1 - p) >> 2) & 0x7ffff) << 5),
  },
  {
    type: 'LD_PREL_LO19',
    instruction: 0x58000000,
    symbol: 'far',
    expect: (p, t) => 0x58000000 | ((((t - p) / 4) & 0x7ffff) << 5),
  },
  { type: 'ADR_PREL_PG_HI21', instruction: 0x90000000, expect: (p, t) => 0x90000000 | adrp(p, t) },
  {
    type: 'ADD_ABS_LO12_NC',
    instruction: 0x91000000,
    addend: 3,
    expect: (_, t) => 0x91000000 | (((t + 3) & 0xfff) << 10),
  },
  { type: 'LDST8_ABS_LO12_NC', instruction: 0x39400000, expect: (_, t) => 0x39400000 | ((t & 0xfff) << 10) },
  { type: 'LDST16_ABS_LO12_NC', instruction: 0x79400000, expect: (_, t) => 0x79400000 | (((t & 0xfff) >> 1) << 10) },
  { type: 'LDST32_ABS_LO12_NC', instruction: 0xb9400000, expect: (_, t) => 0xb9400000 | (((t & 0xfff) >> 2) << 10) },
  { type: 'LDST64_ABS_LO12_NC', instruction: 0xf9400000, expect: (_, t) => 0xf9400000 | (((t & 0xfff) >> 3) << 10) },
  { type: 'LDST128_ABS_LO12_NC', instruction: 0x3dc00000, expect: (_, t) => 0x3dc00000 | (((t & 0xfff) >> 4) << 10) },
  { type: 'MOVW_UABS_G0', instruction: 0xd2800000, symbol: 'abs16', expect: (_, t) => 0xd2800000 | (t << 5) },
  { type: 'MOVW_UABS_G3', instruction: 0xd2e00000, symbol: 'abs48', expect: () => 0xd2e00000 | (0x0012 << 5) },
  { type: 'MOVW_SABS_G0', instruction: 0xd2800000, symbol: 'abs16', expect: (_, t) => 0xd2800000 | (t << 5) },
  {
    type: 'MOVW_SABS_G0',
    instruction: 0xd2800000,
    symbol: 'abs16',
    addend: -0x1235,
    expect: () => 0x92800000 | (0 << 5),
  },
  { type: 'PREL32', instruction: 0, expect: (p, t) => t - p },
  { type: 'ABS32', instruction: 0, expect: (_, t) => t },
  { type: 'TLSLE_ADD_TPREL_HI12', instruction: 0x91400000, symbol: 'mine', expect: () => 0x91400000 },
  {
    type: 'TLSLE_ADD_TPREL_LO12_NC',
    instruction: 0x91000000,
    symbol: 'mine',
    expect: () => 0x91000000 | ((16 + 8) << 10),
  },
  {
    type: 'TLSLE_LDST64_TPREL_LO12_NC',
    instruction: 0xf9400000,
    symbol: 'mine',
    expect: () => 0xf9400000 | (((16 + 8) >> 3) << 10),
  },
  { type: 'TLSLE_MOVW_TPREL_G0_NC', instruction: 0xf2800000, symbol: 'mine', expect: () => 0xf2800000 | (24 << 5) },
  { type: 'TLSIE_ADR_GOTTPREL_PAGE21', instruction: 0x90000003, symbol: 'mine', expect: () => 0xd2a00003 },
  {
    type: 'TLSIE_LD64_GOTTPREL_LO12_NC',
    instruction: 0xf9400063,
    symbol: 'mine',
    expect: () => 0xf2800003 | (24 << 5),
  },
  { type: 'TLSDESC_ADR_PAGE21', instruction: 0x90000000, symbol: 'mine', expect: () => 0xd2a00000 },
  { type: 'TLSDESC_LD64_LO12', instruction: 0xf9400001, symbol: 'mine', expect: () => 0xf2800000 | (24 << 5) },
  { type: 'TLSDESC_ADD_LO12', instruction: 0x91000000, symbol: 'mine', expect: () => 0xd503201f },
  { type: 'TLSDESC_CALL', instruction: 0xd63f0020, symbol: 'mine', expect: () => 0xd503201f },
];

function linkCases(cases: readonly Case[]) {
  const object = makeObject(
    'aarch64',
    [
      {
        name: '.text',
        align: 4,
        data: [...cases.flatMap((c) => word(c.instruction)), ...word(0xd65f03c0)],
        relocations: cases.map((c, i) => ({
          offset: i * 4,
          type: A64[c.type],
          symbol: c.symbol ?? 'data',
          addend: c.addend,
        })),
      },
      { name: '.data', flags: SHF_ALLOC | SHF_WRITE, align: 16, data: new Uint8Array(64) },
      { name: '.tdata', flags: SHF_ALLOC | SHF_WRITE | SHF_TLS, align: 8, data: new Uint8Array(16) },
    ],
    [
      { name: '_start', section: '.text', type: 2 },
      { name: 'far', section: '.text', value: cases.length * 4 },
      { name: 'data', section: '.data', value: 16, type: 1 },
      { name: 'mine', section: '.tdata', value: 8, type: 6 },
      { name: 'nobody', binding: 2 },
      { name: 'abs16', section: '*ABS*', value: 0x1234 },
      { name: 'abs48', section: '*ABS*', value: 0x0012_0000_0000_0000 },
    ],
  );
  return link({ inputs: [{ path: 'made.o', bytes: object }] });
}

describe('AArch64 relocations', () => {
  const result = linkCases(CASES);
  const file = reread(result);
  const text = file.sections.find((s) => s.name === '.text')!;
  const view = new DataView(result.bytes.buffer, result.bytes.byteOffset);
  const addressOf = (name: string): number => file.symbols().find((s) => s.name === name)?.va ?? 0;

  for (const [i, c] of CASES.entries()) {
    it(`${c.type}${c.addend === undefined ? '' : ` with addend ${c.addend}`} to ${c.symbol ?? 'data'}`, () => {
      const actual = view.getUint32(text.offset + i * 4, true);
      const expected = c.expect(text.va + i * 4, addressOf(c.symbol ?? 'data')) >>> 0;
      assert.equal(actual.toString(16), expected.toString(16));
    });
  }

  it('loads from the GOT', () => {
    const got = linkCases([
      { type: 'ADR_GOT_PAGE', instruction: 0x90000000, expect: () => 0 },
      { type: 'LD64_GOT_LO12_NC', instruction: 0xf9400000, expect: () => 0 },
    ]);
    const made = reread(got);
    const code = made.sections.find((s) => s.name === '.text')!;
    const table = made.sections.find((s) => s.name === '.got')!;
    const bytes = new DataView(got.bytes.buffer, got.bytes.byteOffset);
    assert.equal(bytes.getUint32(code.offset, true) >>> 0, (0x90000000 | adrp(code.va, table.va)) >>> 0);
    assert.equal(bytes.getUint32(code.offset + 4, true) >>> 0, (0xf9400000 | (((table.va & 0xfff) >> 3) << 10)) >>> 0);
    assert.equal(bytes.getUint32(table.offset, true), made.symbols().find((s) => s.name === 'data')!.va);
  });

  for (const [name, c] of Object.entries({
    'a branch that does not reach': { type: 'CALL26', symbol: 'abs48' },
    'an address that a scaled load cannot have': { type: 'LDST64_ABS_LO12_NC', addend: 1 },
    // ldr x1, [x0]: two registers
    'an initial-exec load that cannot be relaxed': {
      type: 'TLSIE_LD64_GOTTPREL_LO12_NC',
      instruction: 0xf9400001,
      symbol: 'mine',
    },
    'a place beside what the table of addresses holds': { type: 'ADR_GOT_PAGE', addend: 8 },
    'a value too large for its field': { type: 'MOVW_UABS_G0', symbol: 'abs48' },
  } as const)) {
    it(`reports ${name}, with the place`, () => {
      const one: Case = { instruction: 0x94000000, expect: () => 0, ...c };
      assert.throws(
        () => linkCases([one]),
        (error: LinkError) => {
          assert.equal(error.code, 'link.relocation');
          assert.match(error.message, /R_AARCH64_\w+ to \w+: .*\n>>> referenced by made\.o:\(\.text\)\+0x0/);
          return true;
        },
      );
    });
  }
});
