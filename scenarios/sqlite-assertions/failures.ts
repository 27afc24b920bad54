// Reports of failed assertions, as guest/assertion.c writes them, with names for their addresses.

import type { MelfFile } from '../../linker/melf-reader.ts';
import { type FunctionSymbol, FunctionTable } from '../memcached-profiling/symbols.ts';
import type { AssertionFailure } from './run-record.ts';

const STT_FUNC = 2;

/** Names code addresses of an executable: those of the overlay window by the slots of the linker's own table. */
export class Symboliser {
  readonly #file: MelfFile;
  readonly #functions: FunctionTable;

  constructor(file: MelfFile) {
    this.#file = file;
    const common: FunctionSymbol[] = file
      .symbols()
      .filter(({ type, section }) => type === STT_FUNC && section !== 0)
      .map(({ name, va }) => ({ name, address: va }));
    this.#functions = new FunctionTable(common);
  }

  /** `function+0x12` */
  at(address: number): string {
    const slot = this.#file.melf?.functions.find(({ va, slotSize }) => address >= va && address < va + slotSize);
    const found = slot === undefined ? this.#functions.containing(address) : { name: slot.name, address: slot.va };
    if (found === undefined) return `0x${address.toString(16)}`;
    return `${found.name}+0x${(address - found.address).toString(16)}`;
  }
}

const line = /^assertion (\d+) (\S+) (\S+:\d+) ([0-9a-f,]*) (.*)$/;

/** The failed assertions in what a program wrote on stderr. */
export function readFailures(output: string, symboliser: Symboliser): AssertionFailure[] {
  return output.split('\n').flatMap((text) => {
    const match = line.exec(text);
    if (match === null) return [];
    const [, thread, variant, where, addresses, expression] = match as unknown as string[];
    // A return address is after the call: one byte before it is in the caller for certain.
    const stack = addresses!
      .split(',')
      .filter((one) => one !== '')
      .map((one) => symboliser.at(Number.parseInt(one, 16) - 1));
    return [{ thread: Number(thread), variant: variant!, where: where!, expression: expression!, stack }];
  });
}
