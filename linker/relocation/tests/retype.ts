import { readFileSync, writeFileSync } from 'node:fs';

/**
 * Gives the relocations of one section of an object other types, in their order: for types that the assembler of binutils 2.40 cannot be
 * asked for.
 */
export function retype(path: string, section: string, types: readonly number[]): void {
  const bytes = readFileSync(path);
  const headers = Number(bytes.readBigUInt64LE(40));
  const header = (index: number): number => headers + index * 64;
  const offsetOf = (index: number): number => Number(bytes.readBigUInt64LE(header(index) + 24));
  const names = offsetOf(bytes.readUInt16LE(62));
  const nameOf = (index: number): string => {
    const start = names + bytes.readUInt32LE(header(index));
    return bytes.toString('latin1', start, bytes.indexOf(0, start));
  };
  const count = bytes.readUInt16LE(60);
  const table = Array.from({ length: count }, (_, i) => i).find((i) => nameOf(i) === `.rela${section}`);
  if (table === undefined || Number(bytes.readBigUInt64LE(header(table) + 32)) !== types.length * 24) {
    throw new Error(`${path} has not ${types.length} relocations in ${section}`);
  }
  for (const [i, type] of types.entries()) bytes.writeUInt32LE(type, offsetOf(table) + i * 24 + 8);
  writeFileSync(path, bytes);
}
