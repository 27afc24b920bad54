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

/**
 * The whole pages of `length` bytes from `address` on, both as system calls have them; undefined: they go beyond all addresses. A length of almost 2^64 is
 * rounded up to nothing, as PAGE_ALIGN does it.
 */
export function rangeOf(address: number, length: number): Range | undefined {
  const start = unsigned(address);
  const end = start + (pageUp(unsigned(length)) % 2 ** 64);
  return end < 2 ** 64 ? { start, end } : undefined;
}

/** Whether one of the ranges touches [start, end). */
export const overlaps = (ranges: readonly Range[], start: number, end: number): boolean =>
  ranges.some((range) => range.start < end && start < range.end);
