import type { FrameRecord, FrameSection } from './eh-frame.ts';
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
    const key = cieKey(cie);
    let cieOffset = this.#cies.get(key);
    if (cieOffset === undefined) {
      cieOffset = this.#place(cie, this.#size);
      this.#cies.set(key, cieOffset);
    }
    this.#place(fde, cieOffset);
    this.#fdeCount++;
  }

  #place(record: FrameRecord, cieOffset: number): number {
    const offset = this.#size;
    this.#placed.push({ record, offset, cieOffset });
    this.#size += record.size;
    return offset;
  }

  /** Writes the records; returns the search table's rows: address of the code and of the FDE, ascending. */
  write(out: Uint8Array, offset: number, context: RelocationContext, backend: RelocationBackend): [number, number][] {
    const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
    const rows: [number, number][] = [];
    for (const { record, offset: at, cieOffset } of this.#placed) {
      const { section } = record;
      out.set(section.data.subarray(record.offset, record.offset + record.size), offset + at);
      const [start, va] = [offset + at - record.offset, this.va + at - record.offset];
      backend.apply(section, out, start, va, context, record.firstRelocation, record.lastRelocation);
      if (record.cie === undefined) continue;
      view.setUint32(offset + at + 4, at + 4 - cieOffset, true);
      const { symbols, addends } = section.relocations;
      const i = record.firstRelocation;
      rows.push([context.target(section.file.resolved[symbols[i]!]!, addends[i]!), this.va + at]);
    }
    view.setUint32(offset + this.#size, 0, true);
    return rows.sort((a, b) => a[0] - b[0]);
  }
}

/** Writes an `.eh_frame_hdr`: pointer to the table, row count, rows relative to the header itself. */
export function writeFrameHeader(
  view: DataView,
  offset: number,
  va: number,
  frames: FrameTable,
  rows: readonly (readonly [number, number])[],
): void {
  view.setUint8(offset, 1);
  view.setUint8(offset + 1, 0x1b); // pointer to .eh_frame: pcrel sdata4
  view.setUint8(offset + 2, 0x03); // count: udata4
  view.setUint8(offset + 3, 0x3b); // table: datarel sdata4
  view.setInt32(offset + 4, frames.va - (va + 4), true);
  view.setUint32(offset + 8, rows.length, true);
  for (const [i, [code, fde]] of rows.entries()) {
    view.setInt32(offset + 12 + i * 8, code - va, true);
    view.setInt32(offset + 16 + i * 8, fde - va, true);
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
