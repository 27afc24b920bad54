// Compressed sections (gABI, "Section Compression"): how object files and executables may hold their debug information.

import * as zlib from 'node:zlib';
import { readU64 } from './elf.ts';

const HEADER_SIZE = 24;
const ZLIB = 1;
const ZSTD = 2;
/** deflate cannot expand further than about 1032 times; zstd can, but debug information does not come near. */
const MOST_EXPANSION = 1100;

/** What cannot be decompressed, and whether it is the file's fault. */
export interface CompressionProblem {
  readonly kind: 'truncated' | 'malformed' | 'unsupported';
  readonly message: string;
  readonly hint?: string;
}

type Zstd = (bytes: Uint8Array, options: { maxOutputLength: number }) => Buffer;

/** Node has zstd since 22.15. */
const zstd: Zstd | undefined = (zlib as unknown as { zstdDecompressSync?: Zstd }).zstdDecompressSync;

/** The bytes and the alignment of a section that is stored compressed. */
export function decompress(packed: Uint8Array): { data: Uint8Array; align: number } | CompressionProblem {
  if (packed.length < HEADER_SIZE) return { kind: 'truncated', message: 'has no header' };
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const [type, size, align] = [view.getUint32(0, true), readU64(view, 8), readU64(view, 16)];
  const inflate = type === ZLIB ? zlib.inflateSync : type === ZSTD ? zstd : undefined;
  if (inflate === undefined) {
    return {
      kind: 'unsupported',
      message: `is compressed ${type === ZSTD ? 'with zstd' : `in a way (${type})`} that is not supported`,
      hint: type === ZSTD ? 'compile with -gz=none or -gz=zlib, or use Node 22.15 or later' : 'compile with -gz=none',
    };
  }
  if (size > packed.length * MOST_EXPANSION + 64 || align > 0x1000) {
    return { kind: 'malformed', message: 'claims an odd size' };
  }
  let data: Uint8Array;
  try {
    data = inflate(packed.subarray(HEADER_SIZE), { maxOutputLength: size + 1 });
  } catch (cause) {
    return {
      kind: 'malformed',
      message: `cannot be decompressed: ${cause instanceof Error ? cause.message : String(cause)}`,
    };
  }
  if (data.length !== size) return { kind: 'malformed', message: `has ${data.length} bytes, not ${size}` };
  return { data, align: Math.max(align, 1) };
}
