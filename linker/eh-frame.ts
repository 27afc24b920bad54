import { readU64 } from './elf.ts';
import { InputError } from './errors.ts';
import type { InputSection } from './section.ts';

/** One CIE or FDE of an input `.eh_frame` (LSB, "Exception Frames"). */
export interface FrameRecord {
  readonly section: InputSection;
  readonly offset: number;
  /** Bytes including the length field. */
  readonly size: number;
  /** The CIE of an FDE; undefined for a CIE. */
  readonly cie: FrameRecord | undefined;
  /** Relocations [first, last) of the section that lie in this record. */
  readonly firstRelocation: number;
  readonly lastRelocation: number;
  /** For an FDE: the code it describes. */
  readonly code: InputSection | undefined;
}

/** The records of one input `.eh_frame` section. */
export interface FrameSection {
  readonly section: InputSection;
  readonly fdes: readonly FrameRecord[];
}

/**
 * Splits an input `.eh_frame` into its records.
 * @throws InputError when a record goes beyond the section or names a CIE that is none.
 */
export function parseFrames(section: InputSection): FrameSection {
  const { data, file } = section;
  inOrder(section);
  const { relocations } = section;
  const fail = (message: string): never => {
    throw new InputError('link.malformed', file.displayName, `.eh_frame: ${message}`);
  };
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const cies = new Map<number, FrameRecord>();
  const fdes: FrameRecord[] = [];
  let relocation = relocations.first;
  for (let at = 0; at < data.length; ) {
    if (at + 4 > data.length) fail('it ends inside a length');
    let size = view.getUint32(at, true);
    let header = 4;
    if (size === 0) {
      at += 4;
      continue;
    }
    if (size === 0xffffffff) {
      if (at + 12 > data.length) fail('it ends inside a length');
      size = readU64(view, at + 4);
      header = 12;
    }
    if (header === 12) fail('records of 64-bit form are not supported');
    const end = at + header + size;
    if (size < 4 || end > data.length) fail(`the record at +${at} goes beyond the section`);
    while (relocation < relocations.last && relocations.offsets[relocation]! < at) relocation++;
    const firstRelocation = relocation;
    while (relocation < relocations.last && relocations.offsets[relocation]! < end) relocation++;
    const id = view.getUint32(at + header, true);
    const cie = id === 0 ? undefined : cies.get(at + header - id);
    if (id !== 0 && cie === undefined) fail(`the record at +${at} names no CIE`);
    const namesCode = id !== 0 && firstRelocation < relocation && relocations.offsets[firstRelocation] === at + 8;
    const code = namesCode ? file.symbols[relocations.symbols[firstRelocation]!]?.section : undefined;
    const record = { section, offset: at, size: end - at, cie, firstRelocation, lastRelocation: relocation, code };
    if (cie === undefined) cies.set(at, record);
    else fdes.push(record);
    at = end;
  }
  return { section, fdes };
}

/** Assemblers write relocations in order; `ld -r` and others need not (gABI says nothing of it). */
function inOrder(section: InputSection): void {
  const { relocations } = section;
  const { first, last, offsets } = relocations;
  let sorted = true;
  for (let i = first + 1; sorted && i < last; i++) sorted = offsets[i]! >= offsets[i - 1]!;
  if (sorted) return;
  const order = relocations.rows().sort((a, b) => offsets[a]! - offsets[b]! || a - b);
  section.relocations = relocations.picked(order, (i) => offsets[i]!);
}
