import { MelfError } from '../../emulator/errors.ts';

/** A function of an executable. In a MELF its address is the same in all variants. */
export interface FunctionSymbol {
  readonly name: string;
  readonly address: number;
}

// ELF-64 Object File Format, version 1.5: figures 2, 5 and 6.
const SHT_SYMTAB = 2;
const STT_FUNC = 2;
const headerBytes = 64;
const sectionBytes = 64;
const symbolBytes = 24;

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

/** Reads the symbol table of an executable that our linker made. */
export function readFunctions(elf: Uint8Array): FunctionTable {
  const view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
  const u64 = (at: number): number => Number(view.getBigUint64(at, true));
  if (elf.length < headerBytes || view.getUint32(0) !== 0x7f454c46)
    throw new MelfError('symbols.elf', 'The executable is not an ELF file');
  const sections = Array.from({ length: view.getUint16(60, true) }, (_, index) => u64(40) + index * sectionBytes);
  const table = sections.find((at) => view.getUint32(at + 4, true) === SHT_SYMTAB);
  if (table === undefined) throw new MelfError('symbols.none', 'The executable has no symbol table');
  const strings = u64(sections[view.getUint32(table + 40, true)]! + 24);
  const functions: FunctionSymbol[] = [];
  for (let at = u64(table + 24), end = at + u64(table + 32); at < end; at += symbolBytes) {
    if ((elf[at + 4]! & 0xf) !== STT_FUNC || view.getUint16(at + 6, true) === 0) continue;
    const name = strings + view.getUint32(at, true);
    functions.push({
      name: Buffer.from(elf.subarray(name, elf.indexOf(0, name))).toString('latin1'),
      address: u64(at + 8),
    });
  }
  return new FunctionTable(functions);
}
