// Reports of failed assertions, as guest/assertion.c writes them, with names for their addresses.

import type { MelfFile } from '../../linker/melf-reader.ts';
import type { AssertionFailure } from './run-record.ts';

const STT_FUNC = 2;
const SHN_UNDEF = 0;

interface NamedRange {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** Names code addresses of an executable: those of the overlay window by the slots of the linker's own table. */
export class Symboliser {
  readonly #ranges: readonly NamedRange[];

  constructor(file: MelfFile) {
    const slots = (file.melf?.functions ?? []).map(({ name, va, slotSize }) => ({
      name,
      start: va,
      end: va + slotSize,
    }));
    const symbols = file
      .symbols()
      .filter(({ type, section }) => type === STT_FUNC && section !== SHN_UNDEF)
      .sort((a, b) => a.va - b.va);
    // Functions written in assembly have no size, such as musl's clone, at the foot of every thread's stack: up to the next one.
    const named = symbols.map(({ name, va, size }, index) => ({
      name,
      start: va,
      end: size > 0 ? va + size : (symbols.slice(index + 1).find((next) => next.va > va)?.va ?? va + 1),
    }));
    this.#ranges = [...slots, ...named];
  }

  /** `function+0x12`; the address alone where there is no function. */
  at(address: number): string {
    const found = this.#ranges.find(({ start, end }) => address >= start && address < end);
    return found === undefined
      ? `0x${address.toString(16)}`
      : `${found.name}+0x${(address - found.start).toString(16)}`;
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
