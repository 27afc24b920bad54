import { readMelf } from '../../linker/melf-reader.ts';

/** A function of an executable. In a MELF its address is the same in all variants. */
export interface FunctionSymbol {
  readonly name: string;
  readonly address: number;
}

const STT_FUNC = 2;
const SHN_UNDEF = 0;

/** The functions of an executable by address, from its symbol table. */
export class FunctionTable {
  /** Sorted by address; one for each address. */
  readonly functions: readonly FunctionSymbol[];

  constructor(functions: Iterable<FunctionSymbol>) {
    const byAddress = new Map<number, FunctionSymbol>();
    for (const one of functions) if (!byAddress.has(one.address)) byAddress.set(one.address, one);
    this.functions = [...byAddress.values()].sort((a, b) => a.address - b.address);
  }

  /** The function that starts last at or before `address`. */
  containing(address: number): FunctionSymbol | undefined {
    let low = 0;
    let high = this.functions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.functions[middle]!.address <= address) low = middle + 1;
      else high = middle;
    }
    return this.functions[low - 1];
  }

  named(name: string): FunctionSymbol | undefined {
    return this.functions.find((one) => one.name === name);
  }
}

/** Reads the functions of an executable that our linker made. */
export function readFunctions(elf: Uint8Array): FunctionTable {
  return new FunctionTable(
    readMelf(elf)
      .symbols()
      .filter(({ type, section }) => type === STT_FUNC && section !== SHN_UNDEF)
      .map(({ name, va }) => ({ name, address: va })),
  );
}
