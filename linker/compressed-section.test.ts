import assert from 'node:assert/strict';
import * as zlib from 'node:zlib';
import fc from 'fast-check';
import { decompress, inflateZstd } from './compressed-section.ts';

const TEXT = Array.from({ length: 60 }, (_, i) => `line ${i} of ${i * i}\n`).join('');
/** `zstd -19 --no-check` of TEXT: sequences, repeated offsets, Huffman literals. */
const ZSTD =
  'KLUv/WCIAo0HAIbQIxDQVw5UoAuOEbllSikFjEjoIAAeAB0AnJ38pubVrLPHjZtso/JQOTCd8zNXzQ0gMTiEhMBAKAQzFU3EYiDACczwnHMCN4' +
  'svTSZnjyIWblozSytiYPO00NFymBwYPZtn4q/qUbtAuXLv5spaGbupVaSkAYCR+5j2YfbR9dHHig8hPiTAhwz38yGmQ0qHkI4tdqgQMNb7BqCT' +
  'lLYBEFjm4qoqLcUB2O5OIjAKC00lKdaIVEEJ21Mo2v1VASEBEGdwKSlohwOFgdfjYEUGAsrMYzEcFsNhMRwWw2ExnAGxIDQVlAhGgxMcgMENn0' +
  'T89Kc=';

const header = (type: number, size: number): Buffer => {
  const bytes = Buffer.alloc(24);
  bytes.writeUInt32LE(type, 0);
  bytes.writeBigUInt64LE(BigInt(size), 8);
  bytes.writeBigUInt64LE(4n, 16);
  return bytes;
};

describe('a compressed section', () => {
  const frame = Buffer.from(ZSTD, 'base64');
  const packed = {
    zlib: Buffer.concat([header(1, TEXT.length), zlib.deflateSync(TEXT)]),
    zstd: Buffer.concat([header(2, TEXT.length), frame]),
  };

  for (const how of ['zlib', 'zstd'] as const) {
    it(`is read: ${how}`, () => {
      const section = decompress(packed[how]);
      assert.ok('data' in section, JSON.stringify(section));
      assert.equal(Buffer.from(section.data).toString(), TEXT);
      assert.equal(section.align, 4);
    });

    it(`is refused when it is damaged or lies about its size: ${how}`, () => {
      for (const size of [TEXT.length - 1, TEXT.length + 1]) {
        const lying = Buffer.concat([header(how === 'zlib' ? 1 : 2, size), packed[how].subarray(24)]);
        assert.equal('kind' in decompress(lying) && (decompress(lying) as { kind: string }).kind, 'malformed');
      }
      assert.ok('kind' in decompress(packed[how].subarray(0, 60)));
      const damage = fc.tuple(fc.nat(packed[how].length - 1), fc.nat(255));
      fc.assert(
        fc.property(fc.array(damage, { minLength: 1, maxLength: 4 }), (places) => {
          const bytes = Buffer.from(packed[how]);
          for (const [at, value] of places) bytes[at] = value;
          const result = decompress(bytes);
          assert.ok('kind' in result || result.data.length <= bytes.length * 1100 + 64);
        }),
        { numRuns: 2000 },
      );
    });
  }

  it('zstd whose tables are damaged so that no decoding ends is refused in time', () => {
    const endless = Buffer.from(frame);
    endless[14] = 240;
    assert.throws(() => inflateZstd(endless, { maxOutputLength: TEXT.length }), /no end within 3\d\d\d ms/);
  });

  it('zstd is read on any Node, by the same bytes', () => {
    const limit = { maxOutputLength: TEXT.length };
    assert.equal(Buffer.from(inflateZstd(frame, limit)).toString(), TEXT);
    assert.throws(() => inflateZstd(frame, { maxOutputLength: TEXT.length - 1 }), /too large/);
    // A frame of a stream, which tells no size, and what is no frame at all.
    const stream = Buffer.from(
      'KLUv/QRojQcAhtAjENBXDlSgC44RuWVKKQWMSOggAB4AHQCcnfym5tWss8eNm2yj8lA5MJ3zM1fNDSAxOISEwEAo',
      'base64',
    );
    for (const bytes of [stream, Buffer.alloc(100), Buffer.alloc(3)])
      assert.throws(() => inflateZstd(bytes, limit), /does not tell its size/);
  });
});
