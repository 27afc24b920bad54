/** Relocations as columns, so that a large input needs no object for each. */
export interface RelocationColumns {
  readonly offsets: Uint32Array;
  readonly types: Uint32Array;
  readonly symbols: Uint32Array;
  /** Of 32 bits where that is enough: V8 makes an object of each number that it reads from the other kind. */
  readonly addends: Int32Array | Float64Array;
}

/** The relocations of one section: the rows [first, last) of columns that all sections of its file share. */
export class Relocations implements RelocationColumns {
  readonly offsets: Uint32Array;
  readonly types: Uint32Array;
  readonly symbols: Uint32Array;
  readonly addends: Int32Array | Float64Array;
  readonly first: number;
  readonly last: number;

  constructor({ offsets, types, symbols, addends }: RelocationColumns, first: number, last: number) {
    this.offsets = offsets;
    this.types = types;
    this.symbols = symbols;
    this.addends = addends;
    this.first = first;
    this.last = last;
  }

  /** Of columns made for one section alone. */
  static whole(columns: RelocationColumns): Relocations {
    return new Relocations(columns, 0, columns.offsets.length);
  }

  get count(): number {
    return this.last - this.first;
  }

  /** The numbers of the rows. */
  rows(): number[] {
    return Array.from({ length: this.count }, (_, i) => this.first + i);
  }

  /** Some of the rows, or all in another order; `offsetOf`: where each then is. */
  picked(rows: readonly number[], offsetOf: (row: number, position: number) => number): Relocations {
    return Relocations.whole({
      offsets: Uint32Array.from(rows, offsetOf),
      types: Uint32Array.from(rows, (i) => this.types[i]!),
      symbols: Uint32Array.from(rows, (i) => this.symbols[i]!),
      addends: Float64Array.from(rows, (i) => this.addends[i]!),
    });
  }
}

export const NO_RELOCATIONS: Relocations = Relocations.whole({
  offsets: new Uint32Array(0),
  types: new Uint32Array(0),
  symbols: new Uint32Array(0),
  addends: new Int32Array(0),
});
