// Properties of objects in the output, as GNU ld merges those of the same objects.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { PT_NOTE } from './elf.ts';
import { link } from './link.ts';
import type { LinkOptions } from './options.ts';
import { reread, Workshop } from './tests/workshop.ts';

type Property = readonly [type: number, value: number];

const X86 = { features: 0xc0000002, needed: 0xc0008002, used: 0xc0010002 } as const;
const [NEEDED_1, STACK_SIZE] = [0xb0008000, 1];
const A64_FEATURES = 0xc0000000;

type Case = readonly [what: string, a: readonly Property[], b: readonly Property[] | undefined];

/** What every ISA has. */
const GENERIC: readonly Case[] = [
  ['the larger stack', [[STACK_SIZE, 0x10000]], [[STACK_SIZE, 0x200000]]],
  ['what one needs, of what every ISA has', [[NEEDED_1, 1]], [[STACK_SIZE, 0x10000]]],
];

const X86_CASES: readonly Case[] = [
  ...GENERIC,
  ['what both have', [[X86.features, 3]], [[X86.features, 1]]],
  ['nothing that one has not', [[X86.features, 3]], [[X86.needed, 1]]],
  ['nothing when one says nothing', [[X86.features, 3]], undefined],
  ['what one needs', [[X86.needed, 1]], [[X86.needed, 4]]],
  ['what is needed although one says nothing', [[X86.needed, 2]], undefined],
  ['what both use', [[X86.used, 1]], [[X86.used, 8]]],
  ['no use when one does not say', [[X86.used, 1]], undefined],
  [
    'all at once',
    [
      [NEEDED_1, 1],
      [X86.features, 2],
      [X86.needed, 1],
    ],
    [
      [X86.features, 3],
      [X86.needed, 2],
    ],
  ],
];

const A64_CASES: readonly Case[] = [
  ...GENERIC,
  ['branch targets, which both have', [[A64_FEATURES, 3]], [[A64_FEATURES, 1]]],
  ['no pointer authentication when one says nothing', [[A64_FEATURES, 3]], undefined],
  ['pointer authentication, which both have', [[A64_FEATURES, 2]], [[A64_FEATURES, 3]]],
  [
    'all at once',
    [
      [NEEDED_1, 1],
      [A64_FEATURES, 3],
    ],
    [
      [STACK_SIZE, 0x10000],
      [A64_FEATURES, 3],
    ],
  ],
];

const ISAS = {
  'x86-64': { cases: X86_CASES, call: 'call', features: X86.features, shown: 'x86 feature: SHSTK' },
  aarch64: { cases: A64_CASES, call: 'bl', features: A64_FEATURES, shown: 'AArch64 feature: PAC' },
} as const;

const note = (properties: readonly Property[] | undefined): string => {
  if (properties === undefined) return '';
  const one = ([type, value]: Property): string =>
    type === STACK_SIZE ? `.long ${type}, 8\n.quad ${value}\n` : `.long ${type}, 4, ${value}, 0\n`;
  const body = properties.map(one).join('');
  return `.section .note.gnu.property,"a"\n.p2align 3\n.long 4, 2f - 1f, 5\n.asciz "GNU"\n1:\n${body}2:\n`;
};

for (const isa of ['x86-64', 'aarch64'] as const)
  describe(`.note.gnu.property, ${isa}`, () => {
    let shop: Workshop;
    before(async () => {
      shop = await Workshop.open(isa);
    });
    after(() => shop.close());

    const assemble = (name: string, text: string): string => {
      shop.write(`${name}.s`, Buffer.from(text));
      const object = join(shop.folder, `${name}.o`);
      shop.tool(shop.toolchain.as, ['-o', object, join(shop.folder, `${name}.s`)]);
      return object;
    };
    /** readelf's lines of properties. */
    const shown = (path: string): string[] =>
      shop
        .tool('readelf', ['-nW', path])
        .split('\n')
        .filter((line) => /Properties:|^\s+(x86|AArch64|stack|1_needed|no copy)/.test(line))
        .map((line) => line.replace(/^.*Properties:/, 'Properties:').trim());
    const ours = (options: LinkOptions): string => shop.write('ours', link(options).bytes);

    for (const [what, a, b] of ISAS[isa].cases) {
      it(`holds ${what}`, () => {
        const objects = [assemble('a', `.globl _start\n_start: ret\n${note(a)}`), assemble('b', `nop\n${note(b)}`)];
        const theirs = join(shop.folder, 'theirs');
        shop.tool(shop.binutil('ld'), ['-static', '-o', theirs, ...objects]);
        const inputs = objects.map((path) => ({ path }));
        assert.deepEqual(shown(ours({ inputs })), shown(theirs));
      });
    }

    it('counts the objects of every variant', () => {
      const inputs = [
        {
          path: assemble(
            'start',
            `.globl _start\n_start: ${ISAS[isa].call} work\nret\n${note([[ISAS[isa].features, 3]])}`,
          ),
        },
        ...[3, 2].map((features, i) => ({
          path: assemble(
            `v${i}`,
            `.section .text.work,"ax"\n.globl work\nwork: ret\n${note([[ISAS[isa].features, features]])}`,
          ),
          variant: `v${i}`,
          unit: 'work',
        })),
      ];
      const path = ours({ inputs, variants: [{ name: 'v0' }, { name: 'v1' }] });
      assert.deepEqual(shown(path), [`Properties: ${ISAS[isa].shown}`]);
      const file = reread(link({ inputs, variants: [{ name: 'v0' }, { name: 'v1' }] }));
      const section = file.sections.find((s) => s.name === '.note.gnu.property')!;
      for (const type of [PT_NOTE, 0x6474e553]) {
        const segment = file.segments.find((s) => s.type === type)!;
        assert.deepEqual([segment.va, segment.fileSize, segment.align], [section.va, section.size, 8]);
      }
    });
  });
