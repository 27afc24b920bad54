import { PAGE_SIZE, pageUp } from './physical.ts';

/** User addresses end here on both ISAs (47 bits). */
export const TASK_SIZE = 2 ** 47 - PAGE_SIZE;

/** A half-open range of virtual addresses, page aligned. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** A register's 64 bits, which a system call's arguments give as a signed number, as C's `unsigned long`. */
const unsigned = (word: number): number => (word < 0 ? word + 2 ** 64 : word);

/** Where `length` bytes from `address` on end, in whole pages; undefined: beyond all addresses. Both as system calls have them. */
export function endOf(address: number, length: number): number | undefined {
  const end = unsigned(address) + pageUp(unsigned(length));
  return end < 2 ** 64 ? end : undefined;
}

/** Whether one of the ranges touches [start, end). */
export const overlaps = (ranges: readonly Range[], start: number, end: number): boolean =>
  ranges.some((range) => range.start < end && start < range.end);
