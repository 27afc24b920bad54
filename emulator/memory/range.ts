/** A half-open range of virtual addresses, page aligned. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Whether one of the ranges touches [start, end). */
export const overlaps = (ranges: readonly Range[], start: number, end: number): boolean =>
  ranges.some((range) => range.start < end && start < range.end);
