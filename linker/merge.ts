import { alignUp, SHF_ALLOC, SHF_MERGE, SHF_STRINGS, SHT_NOBITS } from './elf.ts';
import { InputError } from './errors.ts';
import type { InputSection } from './section.ts';

/**
 * The pieces of an SHF_MERGE section (gABI, "Section Attribute Flags"): strings or constants of one size, of which equal
 * ones are placed once. That holds across variants, too: a variant keeps its own literals, equal ones cost nothing.
 */
export class MergePieces {
  readonly section: InputSection;
  readonly strings: boolean;
  /** Offset of each piece, ascending; the section's size ends the last. */
  readonly starts: Uint32Array;
  readonly live: Uint8Array;
  /** Offset of each piece in its pool; set by `MergePool.add`. */
  readonly placed: Uint32Array;
  pool: MergePool | undefined = undefined;
  /** All bytes of the section, one character each, of which every piece is a slice. */
  readonly #text: string;

  constructor(section: InputSection, strings: boolean, starts: Uint32Array, text: string) {
    this.section = section;
    this.strings = strings;
    this.starts = starts;
    this.#text = text;
    this.live = new Uint8Array(starts.length);
    this.placed = new Uint32Array(starts.length);
  }

  /** Index of the piece that holds `offset`, or -1 when it lies outside (one past the end counts as the last piece). */
  indexOf(offset: number): number {
    if (offset < 0 || offset > this.section.size || this.starts.length === 0) return -1;
    let low = 0;
    let high = this.starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The bytes of a piece as a string of one character per byte. */
  text(index: number): string {
    return this.#text.substring(this.starts[index]!, this.starts[index + 1] ?? this.#text.length);
  }

  /** Virtual address of `offset`; undefined when it lies outside the section. */
  addressOf(offset: number): number | undefined {
    const index = this.indexOf(offset);
    if (index < 0 || this.pool === undefined) return undefined;
    return this.pool.va + this.placed[index]! + (offset - this.starts[index]!);
  }
}

/**
 * Splits a section into its pieces, or returns undefined when it must be placed as a whole (not mergeable, writable,
 * with relocations or of a size that its entry size does not divide).
 */
export function splitMergeSection(section: InputSection): MergePieces | undefined {
  const { flags, entrySize, size } = section;
  if ((flags & SHF_MERGE) === 0 || section.isWritable || section.isExec || section.relocations.count > 0)
    return undefined;
  if (entrySize === 0 || entrySize > 0x1000 || size === 0 || size % entrySize !== 0 || section.type === SHT_NOBITS) {
    return undefined;
  }
  const { data } = section;
  const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('latin1');
  if ((flags & SHF_STRINGS) === 0) {
    const starts = new Uint32Array(size / entrySize);
    for (let i = 0; i < starts.length; i++) starts[i] = i * entrySize;
    return new MergePieces(section, false, starts, text);
  }
  const starts: number[] = [];
  for (let at = 0; at < size; ) {
    starts.push(at);
    const end = endOfString(text, at, entrySize);
    if (end < 0) {
      throw new InputError('link.malformed', section.file.displayName, `a string in ${section.name} is not terminated`);
    }
    at = end;
  }
  return new MergePieces(section, true, Uint32Array.from(starts), text);
}

/** Offset after the terminator of the string at `start`, or -1. */
function endOfString(text: string, start: number, width: number): number {
  const terminator = '\0'.repeat(width);
  let at = text.indexOf(terminator, start);
  // Of wide characters two may have zeros side by side.
  while (at >= 0 && at % width !== 0) at = text.indexOf(terminator, at + 1);
  return at < 0 ? -1 : at + width;
}

/** Where equal pieces of one kind meet; becomes one stretch of an output section. */
export class MergePool {
  readonly align: number;
  readonly alloc: boolean;
  readonly #offsets = new Map<string, number>();
  size = 0;
  /** Virtual address (or offset in an output section that is not allocated); set by layout. */
  va = 0;

  constructor(align: number, flags: number) {
    this.align = align;
    this.alloc = (flags & SHF_ALLOC) !== 0;
  }

  /** Adds the live pieces of a section, in order. */
  add(pieces: MergePieces): void {
    pieces.pool = this;
    const { live, placed } = pieces;
    for (let i = 0; i < live.length; i++) {
      if (live[i] === 0) continue;
      const text = pieces.text(i);
      let offset = this.#offsets.get(text);
      if (offset === undefined) {
        // Each piece keeps the section's alignment: a relocation cannot say which of them relies on it.
        offset = alignUp(this.size, this.align);
        this.#offsets.set(text, offset);
        this.size = offset + text.length;
      }
      placed[i] = offset;
    }
  }

  write(out: Uint8Array, offset: number): void {
    const parts: string[] = [];
    let end = 0;
    this.#offsets.forEach((at, text) => {
      if (at > end) parts.push('\0'.repeat(at - end));
      parts.push(text);
      end = at + text.length;
    });
    // One call for thousands of short texts.
    Buffer.from(out.buffer, out.byteOffset, out.byteLength).write(parts.join(''), offset, 'latin1');
  }
}
