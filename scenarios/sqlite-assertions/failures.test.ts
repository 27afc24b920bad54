import assert from 'node:assert/strict';
import type { MelfFile } from '../../linker/melf-reader.ts';
import { Symboliser } from '../../overlay/symboliser.ts';
import { readFailures } from './failures.ts';

/** A window of two slots at 0x2000 and a common function before it. */
const file = {
  symbols: () => [
    { name: 'serve', va: 0x1000, size: 0x100, type: 2, section: 1, binding: 1 },
    { name: 'large', va: 0x2000, size: 0x10, type: 2, section: 2, binding: 1 },
    { name: 'data', va: 0x1080, size: 8, type: 1, section: 1, binding: 1 },
    { name: 'start', va: 0xf00, size: 0, type: 2, section: 1, binding: 1 },
    { name: 'missing', va: 0x10a0, size: 0, type: 2, section: 0, binding: 1 },
  ],
  melf: {
    functions: [
      { name: 'large', va: 0x2000, slotSize: 0x100 },
      { name: 'small', va: 0x2100, slotSize: 0x20 },
    ],
  },
} as unknown as MelfFile;

describe('reports of failed assertions', () => {
  const symboliser = new Symboliser(file);

  it('name common functions by symbols and those of the window by slots, up to their ends', () => {
    assert.equal(symboliser.at(0x10ff), 'serve+0xff');
    assert.equal(symboliser.at(0x20ff), 'large+0xff');
    assert.equal(symboliser.at(0x2100), 'small+0x0');
    // Assembly without a size: up to the next function.
    assert.equal(symboliser.at(0xf42), 'start+0x42');
    for (const nowhere of [0x10, 0x1100, 0x2120]) assert.equal(symboliser.at(nowhere), `0x${nowhere.toString(16)}`);
  });

  it('are found among other output, with the caller of each return address', () => {
    const output = 'listening\nassertion 3 assert sqlite3.c:12 2101,1001 a || b(c, "d e")\nnoise assertion 1\n';
    assert.deepEqual(readFailures(output, symboliser), [
      {
        thread: 3,
        variant: 'assert',
        where: 'sqlite3.c:12',
        expression: 'a || b(c, "d e")',
        stack: ['small+0x0', 'serve+0x0'],
      },
    ]);
    assert.deepEqual(readFailures('', symboliser), []);
  });
});
