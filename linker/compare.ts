// For tests: compares a link of ours with GNU ld's of the same inputs, piece by piece.

import { readU64, SHT_NOBITS, SHT_RELA, STT_FUNC, STT_OBJECT, STT_TLS } from './elf.ts';
import { BODY_THUNK } from './melf-format.ts';
import type { MelfFile, SymbolEntry } from './melf-reader.ts';

/** What was compared, and what differs. */
export interface Comparison {
  /** Functions and objects found in both, byte for byte equal outside the relocated words. */
  readonly compared: number;
  readonly differences: readonly string[];
}

/** Addresses of bytes that hold addresses, in a file that was linked with -q (ld(1), --emit-relocs). */
function relocatedBytes(file: MelfFile): ReadonlySet<number> {
  const relocated = new Set<number>();
  for (const section of file.sections.filter((s) => s.type === SHT_RELA)) {
    const view = new DataView(file.bytes.buffer, file.bytes.byteOffset + section.offset, section.size);
    for (let at = 0; at + 24 <= section.size; at += 24) {
      // Three bytes before it and eight from it on: the opcodes that relaxation may change, and the largest field.
      for (let i = -3; i < 8; i++) relocated.add(readU64(view, at) + i);
    }
  }
  return relocated;
}

function bytesOf(file: MelfFile, s: SymbolEntry): Uint8Array | undefined {
  const section = file.sections[s.section];
  if (section === undefined || section.type === SHT_NOBITS || s.type === STT_TLS) return undefined;
  const at = section.offset + s.va - section.va;
  return file.bytes.subarray(at, at + s.size);
}

/** Names of the functions in an initialisation array, in order. */
function arrayOrder(file: MelfFile, name: string): string[] {
  const section = file.sections.find((s) => s.name === name);
  if (section === undefined) return [];
  const view = new DataView(file.bytes.buffer, file.bytes.byteOffset + section.offset, section.size);
  const functions = file.symbols().filter((s) => s.type === STT_FUNC);
  const order: string[] = [];
  for (let at = 0; at + 8 <= section.size; at += 8) {
    const names = new Set(functions.filter((s) => s.va === readU64(view, at)).map((s) => s.name));
    order.push([...names].sort().join('='));
  }
  return order;
}

/**
 * Compares what `variant` of our file shows with GNU ld's file (linked with -q) of the same objects.
 * @param variant index of the variant; 0 for a file without variants
 */
export function compareLinks(theirs: MelfFile, ours: MelfFile, variant = 0): Comparison {
  const relocated = relocatedBytes(theirs);
  const own = new Map<string, SymbolEntry[]>();
  for (const s of ours.symbols()) {
    const section = ours.sections[s.section]?.name ?? '';
    if (/^\.gen\d+$/.test(section) && section !== `.gen${variant}`) continue;
    own.set(s.name, [...(own.get(s.name) ?? []), s]);
  }
  const folded = (ours.melf?.functions ?? []).filter((f) => ((f.bodies[variant]?.flags ?? 0) & BODY_THUNK) !== 0);
  const jumps = new Set(folded.map((f) => f.name));
  const differences: string[] = [];
  let compared = 0;
  for (const symbol of theirs.symbols()) {
    if (symbol.size === 0 || ![STT_FUNC, STT_OBJECT, STT_TLS].includes(symbol.type)) continue;
    // The number at a static's end is the compiler's own; our file has the default variant's.
    const base = symbol.name.replace(/\.\d+$/, '');
    const named =
      base === symbol.name ? [symbol.name] : [...own.keys()].filter((n) => n.replace(/\.\d+$/, '') === base);
    const candidates = named.flatMap((name) => own.get(name) ?? []).filter((s) => s.size === symbol.size);
    // A function that the compiler folded into an equal one has a slot with a jump here, so that its address stays its own.
    if (candidates.length === 0 && jumps.has(symbol.name)) continue;
    if (candidates.length === 0) {
      differences.push(`${symbol.name} of ${symbol.size} bytes is missing`);
      continue;
    }
    const expected = bytesOf(theirs, symbol);
    if (expected === undefined) continue;
    const same = candidates.some((candidate) => {
      const actual = bytesOf(ours, candidate);
      return actual?.every((byte, i) => byte === expected[i] || relocated.has(symbol.va + i));
    });
    if (same) compared++;
    else differences.push(`${symbol.name} differs`);
  }
  for (const array of ['.preinit_array', '.init_array', '.fini_array']) {
    const [x, y] = [arrayOrder(theirs, array), arrayOrder(ours, array)];
    if (x.join() !== y.join()) differences.push(`${array} runs ${y.join(', ')} instead of ${x.join(', ')}`);
  }
  return { compared, differences };
}
