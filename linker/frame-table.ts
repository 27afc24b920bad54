import type { FrameRecord, FrameSection } from './eh-frame.ts';
import { viewOf } from './elf.ts';
import type { RelocationBackend, RelocationContext } from './relocation/backend.ts';
import type { InputSection } from './section.ts';

/** Records that follow each other in their section and in the table: copied, and their relocations applied, as one. */
interface Run {
  readonly section: InputSection;
  readonly start: number;
  readonly firstRelocation: number;
  /** In the table. */
  readonly offset: number;
  end: number;
  lastRelocation: number;
}

/** An output `.eh_frame`: the unwind information of common code and one variant, or of another variant alone. */
export class FrameTable {
  readonly #runs: Run[] = [];
  /** Of each FDE where it is in the table, and where its CIE is. */
  readonly #fdes: FrameRecord[] = [];
  readonly #offsets: number[] = [];
  readonly #cieOffsetsOfFdes: number[] = [];
  readonly #cies = new Map<string, number>();
  readonly #cieOffsets = new Map<FrameRecord, number>();
  #size = 0;
  va = 0;

  get fdeCount(): number {
    return this.#fdes.length;
  }
  /** Bytes, with the terminator that `__register_frame` wants. */
  get size(): number {
    return this.#size + 4;
  }
  /** Bytes of the search table (LSB, "The .eh_frame_hdr section"). */
  get headerSize(): number {
    return 12 + 8 * this.fdeCount;
  }

  add(fde: FrameRecord): void {
    const cie = fde.cie!;
    this.#cieOffsetsOfFdes.push(this.#cieOffsets.get(cie) ?? this.#cieOffset(cie));
    this.#offsets.push(this.#place(fde));
    this.#fdes.push(fde);
  }

  #cieOffset(cie: FrameRecord): number {
    const key = cieKey(cie);
    const offset = this.#cies.get(key) ?? this.#place(cie);
    this.#cies.set(key, offset);
    this.#cieOffsets.set(cie, offset);
    return offset;
  }

  #place({ section, offset: start, size, firstRelocation, lastRelocation }: FrameRecord): number {
    const offset = this.#size;
    const last = this.#runs.at(-1);
    if (last?.section === section && last.end === start && last.lastRelocation === firstRelocation) {
      last.end += size;
      last.lastRelocation = lastRelocation;
    } else this.#runs.push({ section, start, firstRelocation, offset, end: start + size, lastRelocation });
    this.#size += size;
    return offset;
  }

  write(out: Uint8Array, offset: number, context: RelocationContext, backend: RelocationBackend): void {
    const view = viewOf(out);
    for (const { section, start, end, offset: at, firstRelocation, lastRelocation } of this.#runs) {
      section.copy(out, offset + at, start, end);
      // As if the section began here: relocations count from its start.
      const shift = at - start;
      backend.apply(section, out, offset + shift, this.va + shift, context, firstRelocation, lastRelocation);
    }
    for (let i = 0; i < this.#fdes.length; i++) {
      const at = this.#offsets[i]! + 4;
      view.setUint32(offset + at, at - this.#cieOffsetsOfFdes[i]!, true);
    }
    view.setUint32(offset + this.#size, 0, true);
  }

  /** Rows of the search table, ascending by the code's address. */
  rows(context: RelocationContext): { readonly codes: readonly number[]; readonly frames: readonly number[] } {
    const codes: number[] = [];
    let sorted = true;
    let last = 0;
    for (const { section, firstRelocation: i } of this.#fdes) {
      const { file, relocations } = section;
      const code = context.target(file.resolved[relocations.symbols[i]!]!, relocations.addends[i]!);
      if (code < last) sorted = false;
      last = code;
      codes.push(code);
    }
    const frames = this.#offsets.map((offset) => this.va + offset);
    if (sorted) return { codes, frames };
    const order = [...codes.keys()].sort((a, b) => codes[a]! - codes[b]!);
    return { codes: order.map((i) => codes[i]!), frames: order.map((i) => frames[i]!) };
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
  const { codes, frames: records } = frames.rows(context);
  view.setUint8(offset, 1);
  view.setUint8(offset + 1, 0x1b); // pointer to .eh_frame: pcrel sdata4
  view.setUint8(offset + 2, 0x03); // count: udata4
  view.setUint8(offset + 3, 0x3b); // table: datarel sdata4
  view.setInt32(offset + 4, frames.va - (va + 4), true);
  view.setUint32(offset + 8, codes.length, true);
  for (let i = 0, at = offset + 12; i < codes.length; i++, at += 8) {
    view.setInt32(at, codes[i]! - va, true);
    view.setInt32(at + 4, records[i]! - va, true);
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
