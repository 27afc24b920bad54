import { SHF_ALLOC, SHF_EXECINSTR, SHF_TLS, SHF_WRITE, SHT_NOBITS } from './elf.ts';
import type { MergePieces } from './merge.ts';
import type { ObjectFile } from './object.ts';
import { NO_RELOCATIONS, type Relocations } from './relocations.ts';
import type { Slot, VariantGroup } from './variants.ts';

/**
 * What becomes of an input section:
 * `keep`: it is placed if it is live; `discard`: it has no part in the output (a duplicate COMDAT group, another variant's
 * debug information); `replace`: another section, `replacement`, stands for it at the same offsets.
 */
export type Fate = 'keep' | 'discard' | 'replace';

/** A section of an input object. All its fields are there from the start: V8 would keep those that come later in an object of their own. */
export class InputSection {
  readonly file: ObjectFile;
  readonly index: number;
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly align: number;
  readonly entrySize: number;
  readonly link: number;
  size: number;
  #bytes: Uint8Array;
  #start: number;
  relocations: Relocations = NO_RELOCATIONS;
  fate: Fate = 'keep';
  replacement: InputSection | undefined = undefined;
  live = false;
  /** Signature of its COMDAT group. */
  comdat: string | undefined = undefined;
  /** The same thing in the other variants' objects, when there are such. */
  group: VariantGroup | undefined = undefined;
  /** Set when this is a body of a multivariant function: its address is the slot's. */
  slot: Slot | undefined = undefined;
  /** Set for SHF_MERGE sections: their pieces are placed one by one. */
  pieces: MergePieces | undefined = undefined;
  /** Final virtual address; for sections that are not allocated the offset in the output section. */
  va = 0;
  /** Name of the output section that holds it; set by layout. */
  outputName = '';

  constructor(
    file: ObjectFile,
    index: number,
    name: string,
    type: number,
    flags: number,
    align: number,
    entrySize: number,
    link: number,
    bytes: Uint8Array,
    start: number,
    size: number,
  ) {
    this.file = file;
    this.index = index;
    this.name = name;
    this.type = type;
    this.flags = flags;
    this.align = align;
    this.entrySize = entrySize;
    this.link = link;
    this.#bytes = bytes;
    this.#start = start;
    this.size = size;
  }

  /** Contents; empty for SHT_NOBITS. Made when it is asked for: of tens of thousands of sections most are only copied. */
  get data(): Uint8Array {
    const length = this.type === SHT_NOBITS ? 0 : this.size;
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + this.#start, length);
  }

  /** Copies bytes [from, to) of the contents to `at` of `out`. */
  copy(out: Uint8Array, at: number, from: number, to: number): void {
    const start = this.#bytes.byteOffset + this.#start + from;
    if (to > from) out.set(new Uint8Array(this.#bytes.buffer, start, to - from), at);
  }

  /** `data[offset]` */
  byteAt(offset: number): number {
    return this.#bytes[this.#start + offset]!;
  }

  replaceData(data: Uint8Array): void {
    this.#bytes = data;
    this.#start = 0;
    this.size = data.length;
  }

  get isAlloc(): boolean {
    return (this.flags & SHF_ALLOC) !== 0;
  }
  get isExec(): boolean {
    return (this.flags & SHF_EXECINSTR) !== 0;
  }
  get isWritable(): boolean {
    return (this.flags & SHF_WRITE) !== 0;
  }
  get isTls(): boolean {
    return (this.flags & SHF_TLS) !== 0;
  }

  /** `file:(section)` as lld writes it; `file` names its variant. */
  get where(): string {
    return `${this.file.displayName}:(${this.name})`;
  }

  /** The section that stands for this one in the output, following `replacement`. */
  get final(): InputSection {
    let s: InputSection = this;
    while (s.fate === 'replace' && s.replacement !== undefined) s = s.replacement;
    return s;
  }
}
