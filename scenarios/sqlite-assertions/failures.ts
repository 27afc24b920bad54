// Reports of failed assertions, as guest/assertion.c writes them, with names for their addresses.

import type { Symboliser } from '../../overlay/symboliser.ts';
import type { AssertionFailure } from './run-record.ts';

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
