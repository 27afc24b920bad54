// Files are kept in pages, and lose what was not synced by sectors.

export const FILE_PAGE = 4096;
/** Disks write sectors whole or not at all. */
const SECTOR = 512;

/** Draws an integer from 0 to `bound - 1`. */
export type Draw = (bound: number) => number;

/** A page of which each sector is as it was or as it is; those from `end` on, which nobody wrote since, are as they were. */
export function tornPage(before: Uint8Array, now: Uint8Array, draw: Draw, end: number = FILE_PAGE): Uint8Array {
  const page = new Uint8Array(FILE_PAGE);
  for (let at = 0; at < FILE_PAGE; at += SECTOR) {
    const source = at >= end || draw(2) === 0 ? before : now;
    page.set(source.subarray(at, at + SECTOR), at);
  }
  return page;
}
