// AArch64 programs whose code is larger than a branch reaches, linked and read; tests/veneers.test.ts runs one.

import assert from 'node:assert/strict';
import { SHF_ALLOC, SHF_EXECINSTR, SHT_NOBITS } from './elf.ts';
import type { LinkError } from './errors.ts';
import type { LinkResult } from './link.ts';
import { link } from './link.ts';
import type { LinkInput } from './options.ts';
import { A64 } from './relocation/aarch64.ts';
import { reread } from './tests/workshop.ts';
import { makeObject } from './tests/workshop-object.ts';

const MIB = 0x100000;
const BL = 0x94000000;
const RET = 0xd65f03c0;
const words = (...list: number[]): number[] =>
  list.flatMap((w) => [w & 255, (w >>> 8) & 255, (w >>> 16) & 255, w >>> 24]);

/** An object with a function of two calls to each target and then a return. */
const caller = (name: string, targets: readonly string[]): Uint8Array =>
  makeObject(
    'aarch64',
    [
      {
        name: `.text.${name}`,
        align: 4,
        data: words(...targets.flatMap(() => [BL, BL]), RET),
        relocations: targets.flatMap((symbol, i) =>
          [0, 1].map((n) => ({ offset: (2 * i + n) * 4, type: A64.CALL26, symbol })),
        ),
      },
    ],
    [{ name, section: `.text.${name}`, type: 2, size: targets.length * 8 + 4 }],
  );
/** So much code that does nothing. */
const gap = (name: string, size: number): Uint8Array =>
  makeObject(
    'aarch64',
    [{ name: `.text.${name}`, type: SHT_NOBITS, flags: SHF_ALLOC | SHF_EXECINSTR, size, align: 4 }],
    [],
  );
const input = (path: string, bytes: Uint8Array, variant?: string): LinkInput => ({ path, bytes, variant });

/** Where the branch at an address leads, through a veneer if it goes to one. */
function follow(result: LinkResult, va: number, variant = 0): { target: number; veneer: number | undefined } {
  const { segments, melf } = reread(result);
  const read = (at: number): number => {
    const inWindow = melf !== undefined && at >= melf.windowVa && at < melf.windowVa + melf.windowSize;
    const segment = segments.find((s) => s.type === 1 && at >= s.va && at < s.va + s.fileSize)!;
    const offset = inWindow
      ? melf.variants[variant]!.fileOffset + at - melf.windowVa
      : segment.offset + at - segment.va;
    return new DataView(result.bytes.buffer, result.bytes.byteOffset + offset).getUint32(0, true);
  };
  const word = read(va);
  assert.equal((word & 0xfc000000) >>> 0, BL);
  const first = va + ((word << 6) >> 6) * 4;
  const adrp = read(first);
  if ((adrp & 0x9f00001f) >>> 0 !== 0x90000010) return { target: first, veneer: undefined };
  const add = read(first + 4);
  assert.equal((add & 0xffc003ff) >>> 0, 0x91000210);
  assert.equal(read(first + 8), 0xd61f0200);
  const pages = ((((adrp >> 5) & 0x7ffff) << 13) >> 11) | ((adrp >> 29) & 3);
  const target = Math.floor(first / 0x1000) * 0x1000 + pages * 0x1000 + ((add >> 10) & 0xfff);
  return { target, veneer: first };
}
const addressOf = (result: LinkResult, name: string): number =>
  reread(result)
    .symbols()
    .find((s) => s.name === name)!.va;

describe('AArch64 branches beyond 128 MiB', () => {
  const far = (size: number, pie = false): LinkResult =>
    link({
      inputs: [
        input('start.o', caller('_start', ['end', 'near'])),
        input('near.o', caller('near', ['_start'])),
        input('gap.o', gap('gap', size)),
        input('end.o', caller('end', ['_start', 'near'])),
      ],
      pie,
    });

  for (const pie of [false, true]) {
    it(`go by a veneer, forwards and backwards, one for all calls of a neighbourhood${pie ? ' (PIE)' : ''}`, () => {
      const result = far(150 * MIB, pie);
      const [start, near, end] = ['_start', 'near', 'end'].map((name) => addressOf(result, name));
      assert.ok(end! - start! > 150 * MIB);
      const [one, two] = [follow(result, start!), follow(result, start! + 4)];
      assert.equal(one.target, end);
      assert.ok(one.veneer !== undefined && one.veneer - start! < 128 * MIB);
      assert.equal(two.veneer, one.veneer);
      assert.deepEqual(follow(result, start! + 8), { target: near, veneer: undefined });
      assert.deepEqual(follow(result, near!), { target: start, veneer: undefined });
      for (const [offset, target] of [
        [0, start],
        [8, near],
      ] as const) {
        const back = follow(result, end! + offset);
        assert.equal(back.target, target);
        assert.ok(back.veneer !== undefined && Math.abs(back.veneer - end!) < MIB);
      }
    });
  }

  it('need none below that, to the last byte', () => {
    const result = far(100 * MIB);
    assert.equal(follow(result, addressOf(result, '_start')).veneer, undefined);
    const { byName } = result.layout;
    assert.ok(byName.get('.text')!.chunks.every(({ content }) => !('name' in content) || content.name !== 'veneers'));
  });

  it('reach common code from the window in every variant, and the window from common code', () => {
    const variants = ['one', 'two'];
    const result = link({
      inputs: [
        input('start.o', caller('_start', ['work'])),
        input('gap.o', gap('gap', 140 * MIB)),
        ...variants.map((v, i) => input(`${v}/work.o`, caller('work', i === 0 ? ['_start'] : ['_start', '_start']), v)),
      ],
      variants: variants.map((name) => ({ name })),
    });
    const start = addressOf(result, '_start');
    const work = result.melf!.functions[0]!.va;
    assert.equal(follow(result, start).target, work);
    for (const [variant, calls] of [1, 2].entries()) {
      for (let call = 0; call < calls * 2; call++) {
        const { target, veneer } = follow(result, work + call * 4, variant);
        assert.equal(target, start);
        assert.ok(veneer !== undefined && veneer < work);
      }
    }
  });

  it('that no veneer can be in reach of are errors that say so', () => {
    const inputs = [
      input('start.o', caller('_start', [])),
      ...['one', 'two'].flatMap((v) => [
        input(`${v}/a.o`, gap('a', 150 * MIB), v),
        input(`${v}/b.o`, caller('work', ['_start']), v),
      ]),
    ];
    assert.throws(
      () => link({ inputs, variants: [{ name: 'one' }, { name: 'two' }] }),
      (error: LinkError) => error.code === 'link.relocation' && /the overlay window is too large/.test(error.message),
    );
  });
});
