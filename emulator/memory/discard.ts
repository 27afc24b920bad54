import { Errno } from '../errno.ts';
import type { AddressSpace } from './address-space.ts';
import { Prot, protIn } from './vma.ts';

/**
 * madvise(MADV_DONTNEED), or MADV_FREE if `lazily`, as seen from `view`: private pages of [start, end) read as zero, or as their file, again. Shared
 * ranges are forgotten in all views, unshared ones in this view alone (madvise_dontneed_single_vma in mm/madvise.c of linux-mmview).
 * Area after area, as Linux does it: one that cannot forget ends the call (EINVAL), and holes are told once all is done (ENOMEM).
 */
export function discard(space: AddressSpace, view: number, start: number, end: number, lazily = false): number {
  let at = start;
  let hasHole = false;
  for (const area of space.areas.overlapping(start, end)) {
    hasHole ||= area.start > at;
    at = area.end;
    if (area.locked || area.port !== undefined) return -Errno.EINVAL;
    // MADV_FREE is for anonymous private memory, whose pages may go at any time until they are written again: here they go at once.
    if (lazily && area.file !== undefined) return -Errno.EINVAL;
    if (protIn(area, view) & Prot.exec) space.codeChanges();
    space.changeEntries(
      Math.max(area.start, start),
      Math.min(area.end, end),
      (entry) => space.views.clear(entry),
      area.viewShared ? undefined : [view],
    );
  }
  return hasHole || at < end ? -Errno.ENOMEM : 0;
}
