// A report as lines for a terminal.

import type { SourceLines } from '../source-lines.ts';
import type { Symboliser } from '../symboliser.ts';
import type { AsanReport, ReportedBlock } from './report-record.ts';

const RULE = '='.repeat(65);
const address = (value: number): string => `0x${value.toString(16).padStart(12, '0')}`;
const bytes = (count: number): string => `${count} byte${count === 1 ? '' : 's'}`;

/** A return address is behind its call: one byte before it is in the caller for certain. */
export const callSites = (stack: readonly number[]): number[] => stack.map((pc) => pc - 1);

type PlaceOf = (pc: number) => string;

const stackLines = (stack: readonly number[], placeOf: PlaceOf): string[] =>
  stack.length === 0
    ? ['    (nothing: no unwind table has this code)']
    : callSites(stack).map((pc, frame) => `    #${frame} ${address(pc)} in ${placeOf(pc)}`);

/** "3 bytes behind a block of 40 bytes [0x…, 0x…)" */
export function placeInBlock(at: number, { start, bytes: size }: ReportedBlock): string {
  const end = start + size;
  const [distance, side] =
    at < start ? [start - at, 'before'] : at < end ? [at - start, 'inside'] : [at - end, 'behind'];
  return `${bytes(distance)} ${side} a block of ${bytes(size)} [${address(start)}, ${address(end)})`;
}

const ROW = 16;
const legend =
  'eight bytes each: 08 all may be used, 01 to 07 so many, fa before a block, fb behind it, fd freed, 00 never allocated';

function shadowLines({ address: at, shadow }: AsanReport): string[] {
  if (shadow.bytes.length === 0) return [];
  const marked = Math.floor(at / 8) - Math.floor(heapOf(shadow.start) / 8);
  const lines: string[] = [`shadow around it (${legend}):`];
  for (let row = 0; row < shadow.bytes.length; row += ROW) {
    const cells = [...shadow.bytes.subarray(row, row + ROW)].map((byte, column) => {
      const text = byte.toString(16).padStart(2, '0');
      return row + column === marked ? `[${text}]` : ` ${text} `;
    });
    const arrow = marked >= row && marked < row + ROW ? '=>' : '  ';
    lines.push(`${arrow}${address(heapOf(shadow.start + row))}:${cells.join('')}`.trimEnd());
  }
  return lines;
}

/** As overlay/guest/asan/shadow.h says. */
const SHADOW_OFFSET = 0x0c00_0000_0000;
const heapOf = (shadow: number): number => (shadow - SHADOW_OFFSET) * 8;

/** The report, its addresses with names, and with lines where `lines` has them. */
export function formatReport(report: AsanReport, names: Symboliser, lines?: SourceLines): string {
  const { kind, access, threadName, thread, variant, block } = report;
  const placeIn =
    (executed: string | undefined): PlaceOf =>
    (pc) => {
      const line = lines?.at(pc, executed);
      return `${names.at(pc)}${line === undefined ? '' : ` ${line}`}`;
    };
  // Which variant allocated or freed is not recorded.
  const [now, before] = [placeIn(variant), placeIn(undefined)];
  const what = access === 'free' ? 'free' : `${access.toUpperCase()} of ${bytes(report.bytes)}`;
  const where = variant === '' ? '' : `, variant ${variant}`;
  const text = [
    RULE,
    `melf-asan: ERROR: ${kind} on address ${address(report.address)}`,
    `${what} by thread ${thread} (${threadName})${where}`,
    ...stackLines(report.stack, now),
    '',
  ];
  if (block === undefined) text.push('the address is in no block of the heap', '');
  else {
    text.push(placeInBlock(report.address, block));
    if (block.freed !== undefined)
      text.push(`freed by thread ${block.freed.by}`, ...stackLines(block.freed.stack, before), '');
    text.push(`allocated by thread ${block.allocatedBy}`, ...stackLines(block.allocation, before), '');
  }
  text.push(...shadowLines(report));
  if (lines?.problem !== undefined) text.push(`no lines: ${lines.problem}`);
  if (report.halts) text.push('the program ends here');
  return `${text.join('\n')}\n`;
}
