import Table from 'cli-table3';
import pc from 'picocolors';
import type { Check } from './checks.ts';
import type { JobFailure } from './jobs.ts';
import type { TextTable } from './text-table.ts';

/** A table for the terminal: the first column to the left, numbers to the right. */
export function terminalTable({ head, rows }: TextTable): string {
  const table = new Table({
    head: head.map((cell) => pc.bold(cell)),
    colAligns: head.map((_, column) => (column === 0 ? 'left' : 'right')),
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) table.push([...row]);
  return table.toString();
}

/** A line for each check, with what was found where it does not hold. */
export const checkLines = (checks: readonly Check[]): string =>
  checks.map(({ ok, name, detail }) => `${ok ? '✓' : '✗'} ${name}${ok ? '' : ` — ${detail}`}`).join('\n');

/** A failed run: what, the facts, what to do. */
export function failureLines({ label, message, hint, facts }: JobFailure): string {
  const shown = Object.entries(facts).filter(([, value]) => value !== undefined && value !== '');
  return [
    `${label} failed: ${message}`,
    ...shown.map(([fact, value]) => `  ${fact}: ${value}`),
    ...(hint === undefined ? [] : [`  ${hint}`]),
  ].join('\n');
}
