// Compressed sections (gABI, "Section Compression"): how object files and executables may hold their debug information.

import { createContext, runInContext } from 'node:vm';
import { inflateSync } from 'node:zlib';
import { decompress as decompressZstd } from 'fzstd';
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

type Inflate = (bytes: Uint8Array, options: { maxOutputLength: number }) => Uint8Array;

/** Node's own zstd, several times as fast, which it has since 22.15. */
const nativeZstd = (): Inflate | undefined =>
  (process.getBuiltinModule('node:zlib') as { zstdDecompressSync?: Inflate }).zstdDecompressSync;

/** The content size in a zstd frame's header (RFC 8878, 3.1.1.1), or undefined where it has none or is no such frame. */
function contentSize(frame: Uint8Array): number | undefined {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < 18 || view.getUint32(0, true) !== 0xfd2f_b528) return undefined;
  const descriptor = frame[4]!;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const at = 5 + (isSingleSegment ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]!;
  switch (descriptor >> 6) {
    case 0:
      return isSingleSegment ? frame[at] : undefined;
    case 1:
      return view.getUint16(at, true) + 256;
    case 2:
      return view.getUint32(at, true);
    default:
      return readU64(view, at);
  }
}

/** Milliseconds that so many bytes may take: many times what they do take on a slow machine. */
const patience = (size: number): number => 3000 + Math.ceil(size / 10_000);

/**
 * zstd without Node's own: the output has its place beforehand, so no header in the data makes it take more memory. Damaged tables make the decoder
 * go round for ever (byte 14 of the test's frame as 240, say), which only V8 can end.
 */
export const inflateZstd: Inflate = (frame, { maxOutputLength }) => {
  const size = contentSize(frame);
  if (size === undefined) throw new RangeError('the zstd frame does not tell its size');
  if (size > maxOutputLength) throw new RangeError('the zstd frame is too large');
  const context = createContext({ inflate: () => decompressZstd(frame, new Uint8Array(size)) });
  const timeout = patience(size);
  try {
    return runInContext('inflate()', context, { timeout }) as Uint8Array;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    throw new RangeError(`it comes to no end within ${timeout} ms`);
  }
};

/** The bytes and the alignment of a section that is stored compressed. */
export function decompress(packed: Uint8Array): { data: Uint8Array; align: number } | CompressionProblem {
  if (packed.length < HEADER_SIZE) return { kind: 'truncated', message: 'has no header' };
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const [type, size, align] = [view.getUint32(0, true), readU64(view, 8), readU64(view, 16)];
  const inflate = type === ZLIB ? inflateSync : type === ZSTD ? (nativeZstd() ?? inflateZstd) : undefined;
  if (inflate === undefined) {
    return {
      kind: 'unsupported',
      message: `is compressed in a way (${type}) that is not supported`,
      hint: 'compile with -gz=none',
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
