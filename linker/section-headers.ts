import { EHDR_SIZE, readU64, SHDR_SIZE, wideWord, wordsOf } from './elf.ts';

const WORDS = SHDR_SIZE / 4;

/** Finds the table of an ELF64 file; undefined where there is none, or it goes beyond the end. */
export function findSectionHeaders(bytes: Uint8Array): SectionHeaders | undefined {
  if (bytes.length < EHDR_SIZE) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shoff = readU64(view, 40);
  if (shoff === 0 || shoff + SHDR_SIZE > bytes.length) return undefined;
  // gABI: with 0xff00 sections or more the true count is in section header 0.
  const count = view.getUint16(60, true) || readU64(view, shoff + 32);
  return shoff + count * SHDR_SIZE > bytes.length ? undefined : new SectionHeaders(bytes, shoff, count);
}

/** An object's table of section headers (gABI, "Sections"), read field by field where it lies: a large input has a hundred thousand. */
export class SectionHeaders {
  readonly count: number;
  readonly #words: Uint32Array;

  constructor(bytes: Uint8Array, offset: number, count: number) {
    this.count = count;
    this.#words = wordsOf(bytes, offset, offset + count * SHDR_SIZE);
  }

  name(index: number): number {
    return this.#words[index * WORDS]!;
  }
  type(index: number): number {
    return this.#words[index * WORDS + 1]!;
  }
  flags(index: number): number {
    return wideWord(this.#words, index * WORDS + 2);
  }
  offset(index: number): number {
    return wideWord(this.#words, index * WORDS + 6);
  }
  size(index: number): number {
    return wideWord(this.#words, index * WORDS + 8);
  }
  link(index: number): number {
    return this.#words[index * WORDS + 10]!;
  }
  info(index: number): number {
    return this.#words[index * WORDS + 11]!;
  }
  align(index: number): number {
    return wideWord(this.#words, index * WORDS + 12);
  }
  entrySize(index: number): number {
    return wideWord(this.#words, index * WORDS + 14);
  }

  /** Indices of the sections of a type. */
  ofType(type: number): number[] {
    const found: number[] = [];
    const words = this.#words;
    for (let index = 0, at = 1; index < this.count; index++, at += WORDS) if (words[at] === type) found.push(index);
    return found;
  }
}
