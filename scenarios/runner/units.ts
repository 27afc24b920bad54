import { UsageError } from '../../base/arguments.ts';

const factors: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9 };

/** Reads "250us", "1.5ms" or "2s" as ns. */
export function parseDuration(flag: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ns|us|ms|s)$/.exec(text);
  if (match === null) {
    throw new UsageError('cli.value', `${flag} cannot be ${text === '' ? 'empty' : text}`, {
      hint: 'It is a duration such as 200us, 1.5ms or 2s.',
    });
  }
  return Number(match[1]) * factors[match[2]!]!;
}

/** ns as microseconds with three significant digits or more: "87.4", "1204". */
export function microseconds(nanoseconds: number): string {
  const us = nanoseconds / 1e3;
  return us >= 1000 ? us.toFixed(0) : us >= 100 ? us.toFixed(1) : us.toFixed(2);
}

/** A count with thin groups: 1 234 567. */
export function grouped(count: number): string {
  return Math.round(count)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ' ');
}

/** "+5.9 %" */
export function signedPercent(percent: number, digits: number = 2): string {
  return `${percent >= 0 ? '+' : '−'}${Math.abs(percent).toFixed(digits)} %`;
}
