import { PAGE_SIZE } from './physical.ts';

/** User addresses end here on both ISAs (47 bits). */
export const TASK_SIZE = 2 ** 47 - PAGE_SIZE;

/** A half-open range of virtual addresses, page aligned. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Whether one of the ranges touches [start, end). */
export const overlaps = (ranges: readonly Range[], start: number, end: number): boolean =>
  ranges.some((range) => range.start < end && start < range.end);
