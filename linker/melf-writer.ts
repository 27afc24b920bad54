import { writeU64 } from './elf.ts';
import type { MelfInfo } from './melf-format.ts';
import {
  BODY_SIZE,
  FUNCTION_SIZE,
  GROUP_SIZE,
  HEADER_SIZE,
  MELF_MAGIC,
  melfSize,
  StringPool,
  VARIANT_SIZE,
} from './melf-format.ts';

/** Strings of a `.melf` section; known before layout, so that its size is, too. */
export function melfStrings(
  variants: readonly { name: string; flags: string }[],
  functions: readonly { name: string; unit: string }[],
  buildFlags: string,
): StringPool {
  const pool = new StringPool();
  pool.add(buildFlags);
  for (const v of variants) {
    pool.add(v.name);
    pool.add(v.flags);
  }
  for (const f of functions) {
    pool.add(f.unit);
    pool.add(f.name);
  }
  return pool;
}

/** Encodes a `.melf` section. */
export function encodeMelf(info: MelfInfo): Uint8Array {
  const { variants, functions, pageGroups } = info;
  const strings = melfStrings(variants, functions, info.buildFlags);
  const size = melfSize(variants.length, functions.length, pageGroups.length, strings.size);
  const out = new Uint8Array(size);
  const view = new DataView(out.buffer);
  const variantsAt = HEADER_SIZE;
  const functionsAt = variantsAt + variants.length * VARIANT_SIZE;
  const bodiesAt = functionsAt + functions.length * FUNCTION_SIZE;
  const groupsAt = bodiesAt + functions.length * variants.length * BODY_SIZE;
  const stringsAt = groupsAt + pageGroups.length * GROUP_SIZE;
  const put32 = (at: number, value: number) => view.setUint32(at, value, true);
  const put64 = (at: number, value: number) => writeU64(view, at, value);

  put32(0, MELF_MAGIC);
  view.setUint16(4, info.versionMajor, true);
  view.setUint16(6, info.versionMinor, true);
  put32(8, HEADER_SIZE);
  put32(12, info.pageSize);
  put64(16, size);
  put64(24, info.windowVa);
  put64(32, info.windowSize);
  put64(40, info.windowSpan);
  const tables = [
    [variants.length, variantsAt, VARIANT_SIZE],
    [functions.length, functionsAt, FUNCTION_SIZE],
    [functions.length * variants.length, bodiesAt, BODY_SIZE],
    [pageGroups.length, groupsAt, GROUP_SIZE],
  ] as const;
  for (const [i, [count, at, entry]] of tables.entries()) {
    put32(48 + i * 12, count);
    put32(52 + i * 12, at);
    put32(56 + i * 12, entry);
  }
  put32(96, stringsAt);
  put32(100, strings.size);
  put32(104, strings.add(info.buildFlags));
  put32(108, 0);
  put64(112, info.markerVa);

  for (const [i, v] of variants.entries()) {
    const at = variantsAt + i * VARIANT_SIZE;
    put32(at, strings.add(v.name));
    put32(at + 4, strings.add(v.flags));
    const fields = [v.fileOffset, v.fileSize, v.ehFrameVa, v.ehFrameSize, v.ehFrameHdrVa, v.ehFrameHdrSize, v.codeSize];
    for (const [n, value] of fields.entries()) put64(at + 8 + n * 8, value);
  }
  for (const [i, f] of functions.entries()) {
    const at = functionsAt + i * FUNCTION_SIZE;
    put32(at, strings.add(f.name));
    put32(at + 4, strings.add(f.unit));
    put64(at + 8, f.va);
    put32(at + 16, f.slotSize);
    put32(at + 20, f.align);
    put32(at + 24, f.pageGroup);
    put32(at + 28, i * variants.length);
    for (const [v, body] of f.bodies.entries()) {
      const b = bodiesAt + (i * variants.length + v) * BODY_SIZE;
      out.set(Buffer.from(body.hash, 'hex'), b);
      put32(b + 8, body.size);
      view.setUint16(b + 12, body.source, true);
      view.setUint16(b + 14, body.flags, true);
    }
  }
  for (const [i, g] of pageGroups.entries()) {
    const at = groupsAt + i * GROUP_SIZE;
    put64(at, g.va);
    put64(at + 8, g.size);
    put32(at + 16, g.firstFunction);
    put32(at + 20, g.functionCount);
  }
  out.set(strings.bytes(), stringsAt);
  return out;
}
