import type { FrameRecord, FrameSection } from './eh-frame.ts';
import { viewOf } from './elf.ts';
import type { RelocationBackend, RelocationContext } from './relocation/backend.ts';

interface Placed {
  readonly record: FrameRecord;
  readonly offset: number;
  /** Offset of its CIE in the table; for a CIE its own. */
  readonly cieOffset: number;
}

/** An output `.eh_frame`: the unwind information of common code and one variant, or of another variant alone. */
export class FrameTable {
  readonly #placed: Placed[] = [];
  readonly #cies = new Map<string, number>();
  readonly #cieOffsets = new Map<FrameRecord, number>();
  #fdeCount = 0;
  #size = 0;
  va = 0;

  get fdeCount(): number {
    return this.#fdeCount;
  }
  /** Bytes, with the terminator that `__register_frame` wants. */
  get size(): number {
    return this.#size + 4;
  }
  /** Bytes of the search table (LSB, "The .eh_frame_hdr section"). */
  get headerSize(): number {
    return 12 + 8 * this.#fdeCount;
  }

  add(fde: FrameRecord): void {
    const cie = fde.cie!;
    this.#place(fde, this.#cieOffsets.get(cie) ?? this.#cieOffset(cie));
    this.#fdeCount++;
  }

  #cieOffset(cie: FrameRecord): number {
    const key = cieKey(cie);
    const offset = this.#cies.get(key) ?? this.#place(cie, this.#size);
    this.#cies.set(key, offset);
    this.#cieOffsets.set(cie, offset);
    return offset;
  }

  #place(record: FrameRecord, cieOffset: number): number {
    const offset = this.#size;
    this.#placed.push({ record, offset, cieOffset });
    this.#size += record.size;
    return offset;
  }

  write(out: Uint8Array, offset: number, context: RelocationContext, backend: RelocationBackend): void {
    const view = viewOf(out);
    for (const { record, offset: at, cieOffset } of this.#placed) {
      const { section, size } = record;
      const { data } = section;
      // Records are short: a loop is quicker than a view and a copy.
      for (let i = 0; i < size; i++) out[offset + at + i] = data[record.offset + i]!;
      const [start, va] = [offset + at - record.offset, this.va + at - record.offset];
      backend.apply(section, out, start, va, context, record.firstRelocation, record.lastRelocation);
      if (record.cie !== undefined) view.setUint32(offset + at + 4, at + 4 - cieOffset, true);
    }
    view.setUint32(offset + this.#size, 0, true);
  }

  /** Rows of the search table, ascending by the code's address. */
  rows(context: RelocationContext): { readonly code: number; readonly frame: number }[] {
    const rows: { code: number; frame: number }[] = [];
    let sorted = true;
    let last = 0;
    for (const { record, offset } of this.#placed) {
      if (record.cie === undefined) continue;
      const { file, relocations } = record.section;
      const i = record.firstRelocation;
      const code = context.target(file.resolved[relocations.symbols[i]!]!, relocations.addends[i]!);
      if (code < last) sorted = false;
      last = code;
      rows.push({ code, frame: this.va + offset });
    }
    return sorted ? rows : rows.sort((a, b) => a.code - b.code);
  }
}

/** Writes an `.eh_frame_hdr`: pointer to the table, row count, rows relative to the header itself. */
export function writeFrameHeader(
  view: DataView,
  offset: number,
  va: number,
  frames: FrameTable,
  context: RelocationContext,
): void {
  const rows = frames.rows(context);
  view.setUint8(offset, 1);
  view.setUint8(offset + 1, 0x1b); // pointer to .eh_frame: pcrel sdata4
  view.setUint8(offset + 2, 0x03); // count: udata4
  view.setUint8(offset + 3, 0x3b); // table: datarel sdata4
  view.setInt32(offset + 4, frames.va - (va + 4), true);
  view.setUint32(offset + 8, rows.length, true);
  for (let i = 0, at = offset + 12; i < rows.length; i++, at += 8) {
    const { code, frame } = rows[i]!;
    view.setInt32(at, code - va, true);
    view.setInt32(at + 4, frame - va, true);
  }
}

/** Equal CIEs have equal bytes and the same personality routine. */
function cieKey(cie: FrameRecord): string {
  const { section } = cie;
  const { data, relocations, file } = section;
  const parts = [Buffer.from(data.buffer, data.byteOffset + cie.offset, cie.size).toString('latin1')];
  for (let i = cie.firstRelocation; i < cie.lastRelocation; i++) {
    const symbol = file.resolved[relocations.symbols[i]!]!;
    const where = symbol.section?.final;
    const place = where === undefined ? symbol.name : `${where.file.name}#${where.index}+${symbol.value}`;
    parts.push(`${relocations.offsets[i]! - cie.offset}:${relocations.types[i]}:${place}+${relocations.addends[i]}`);
  }
  return parts.join('\0');
}

/**
 * Sorts the FDEs of live code into tables: index 0 for what is mapped at start, index v for the bodies that only variant v
 * shows. A look-up in view v asks table v first, then table 0.
 */
export function buildFrameTables(frames: Iterable<FrameSection>, variantCount: number): FrameTable[] {
  const tables = Array.from({ length: Math.max(variantCount, 1) }, () => new FrameTable());
  for (const { fdes } of frames) {
    for (const fde of fdes) {
      const { code } = fde;
      if (code === undefined || !code.live || code.fate !== 'keep') continue;
      const { slot } = code;
      if (slot === undefined || slot.bodies[0]!.section === code) {
        tables[0]!.add(fde);
        continue;
      }
      for (let v = 1; v < variantCount; v++) if (slot.bodies[v]!.section === code) tables[v]!.add(fde);
    }
  }
  return tables;
}
