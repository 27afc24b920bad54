import { RELA_SIZE, SHT_NOBITS, wordsOf } from './elf.ts';
import { type RelocationColumns, Relocations } from './relocations.ts';
import type { InputSection } from './section.ts';

const WORDS = RELA_SIZE / 4;

/** Reads the relocation tables of an object into columns, which are one for all: most sections have a handful of relocations. */
export class RelocationReader {
  readonly #symbolCount: number;
  readonly #fail: (message: string) => never;
  readonly #columns: { -readonly [name in keyof RelocationColumns]: RelocationColumns[name] };
  #used = 0;

  constructor(total: number, symbolCount: number, fail: (message: string) => never) {
    this.#symbolCount = symbolCount;
    this.#fail = fail;
    this.#columns = {
      offsets: new Uint32Array(total),
      types: new Uint32Array(total),
      symbols: new Uint32Array(total),
      addends: new Int32Array(total),
    };
  }

  /** Gives the section the relocations of a table, which is `data`. */
  read(data: Uint8Array, target: InputSection): void {
    if (target.relocations.count > 0) this.#fail(`two relocation tables for ${target.name}`);
    if (data.length % RELA_SIZE !== 0) this.#fail('a relocation table of odd size');
    const first = this.#used;
    const last = first + data.length / RELA_SIZE;
    if (target.type === SHT_NOBITS && last > first) this.#fail(`relocations for ${target.name}, which has no bytes`);
    const words = wordsOf(data, 0, data.length);
    const { offsets, types, symbols } = this.#columns;
    let { addends } = this.#columns;
    const symbolCount = this.#symbolCount;
    const limit = Math.max(target.size, 1);
    for (let i = first, at = 0; i < last; i++, at += WORDS) {
      const offset = words[at]!;
      const type = words[at + 2]!;
      const symbol = words[at + 3]!;
      // One without an effect (R_…_NONE, 0 on both ISAs), which only keeps its symbol, may stand at the end.
      if (words[at + 1] !== 0 || offset > limit || (offset === limit && type !== 0)) {
        this.#fail(`relocation ${i - first} of ${target.name} lies outside the section`);
      }
      if (symbol >= symbolCount) this.#fail(`relocation ${i - first} of ${target.name} names no symbol`);
      offsets[i] = offset;
      types[i] = type;
      symbols[i] = symbol;
      const low = words[at + 4]! | 0;
      const high = words[at + 5]! | 0;
      addends[i] = low;
      if (high !== low >> 31) {
        // Sections that were read before keep the narrow column, which is enough for them.
        if (addends instanceof Int32Array) addends = this.#columns.addends = Float64Array.from(addends);
        addends[i] = high * 0x100000000 + (low >>> 0);
      }
    }
    target.relocations = new Relocations(this.#columns, first, last);
    this.#used = last;
  }
}
