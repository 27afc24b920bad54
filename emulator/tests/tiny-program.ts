// The smallest executables: what tests run that need no compiler.

import { assemble } from '../isa/assembler.ts';
import type { Isa } from '../isa/isa.ts';

export const TINY_CODE = 0x401000;
/** 64 KiB of zeroed memory that may be written. */
export const TINY_DATA = 0x600000;

const machines = { 'x86-64': 62, aarch64: 183 } as const;

/** A static ELF executable of assembly text that begins at {@link TINY_CODE}. */
export async function tinyProgram(isa: Isa, text: string): Promise<Uint8Array> {
  return tinyElf(isa, await assemble(isa, text, TINY_CODE));
}

export function tinyElf(isa: Isa, code: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(0x1000 + code.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true); // ET_EXEC
  view.setUint16(18, machines[isa], true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, BigInt(TINY_CODE), true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(52, 64, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 2, true);
  view.setUint16(58, 64, true);
  const segments = [
    { flags: 5, offset: 0x1000, address: TINY_CODE, fileSize: code.length, memorySize: code.length },
    { flags: 6, offset: 0, address: TINY_DATA, fileSize: 0, memorySize: 0x10000 },
  ];
  segments.forEach(({ flags, offset, address, fileSize, memorySize }, index) => {
    const at = 64 + 56 * index;
    view.setUint32(at, 1, true); // PT_LOAD
    view.setUint32(at + 4, flags, true);
    for (const [place, value] of [
      [8, offset],
      [16, address],
      [24, address],
      [32, fileSize],
      [40, memorySize],
      [48, 0x1000],
    ] as const) {
      view.setBigUint64(at + place, BigInt(value), true);
    }
  });
  bytes.set(code, 0x1000);
  return bytes;
}
