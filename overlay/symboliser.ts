// Names for code addresses of one executable: in the overlay window by the linker's table of slots, elsewhere by the symbol table.

import type { MelfFile } from '../linker/melf-reader.ts';

const STT_FUNC = 2;
const SHN_UNDEF = 0;

interface NamedRange {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** Gives names to addresses as the file has them; those of a program that lies elsewhere need its bias taken off. */
export class Symboliser {
  readonly #slots: readonly NamedRange[];
  readonly #symbols: readonly NamedRange[];

  constructor(file: MelfFile) {
    const byStart = (a: NamedRange, b: NamedRange): number => a.start - b.start;
    this.#slots = (file.melf?.functions ?? [])
      .map(({ name, va, slotSize }) => ({ name, start: va, end: va + slotSize }))
      .sort(byStart);
    // Functions written in assembly have no size, such as musl's clone, at the foot of every thread's stack: up to the next one.
    const starts = file
      .symbols()
      .filter(({ type, section }) => type === STT_FUNC && section !== SHN_UNDEF)
      .sort((a, b) => a.va - b.va);
    let next: number | undefined;
    this.#symbols = starts
      .reverse()
      .map(({ name, va, size }, index) => {
        const after = starts[index - 1]?.va;
        if (after !== undefined && after > va) next = after;
        return { name, start: va, end: size > 0 ? va + size : (next ?? va + 1) };
      })
      .reverse();
  }

  /** The function that holds an address. */
  functionAt(address: number): string | undefined {
    return (find(this.#slots, address) ?? find(this.#symbols, address))?.name;
  }

  /** `function+0x12`; the address alone where there is no function. */
  at(address: number): string {
    const found = find(this.#slots, address) ?? find(this.#symbols, address);
    return found === undefined
      ? `0x${address.toString(16)}`
      : `${found.name}+0x${(address - found.start).toString(16)}`;
  }
}

/** The range that holds an address, of ranges in order. Of symbols with one start the last one is taken. */
function find(ranges: readonly NamedRange[], address: number): NamedRange | undefined {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ranges[middle]!.start <= address) low = middle + 1;
    else high = middle;
  }
  const found = ranges[low - 1];
  return found !== undefined && address < found.end ? found : undefined;
}
