import { Errno } from '../errno.ts';
import type { AddressSpace } from './address-space.ts';
import { entryFlags, Pte } from './page-table.ts';
import { PAGE_SIZE } from './physical.ts';
import { rangeOf } from './range.ts';
import { Prot, protIn, type Vma } from './vma.ts';

/**
 * mprotect as seen from `view`: in shared ranges for all views, in unshared ranges for this view alone; a mix is EACCES, and nothing has changed then.
 * Up to a hole what is there changes before the answer is ENOMEM, as in Linux.
 * Pages that are there get the right to read or to execute at once, as Linux' change_pte_range does it. The right to write comes with the
 * next fault: it may need a copy of the page, and ends what was executed from it.
 */
export function protect(space: AddressSpace, view: number, address: number, length: number, prot: number): number {
  const { areas } = space;
  if (address % PAGE_SIZE !== 0) return -Errno.EINVAL;
  if (length === 0) return 0;
  const asked = rangeOf(address, length);
  if (asked === undefined) return -Errno.ENOMEM;
  const { start } = asked;
  const all = areas.overlapping(start, asked.end);
  if (all.some((area) => area.viewShared !== all[0]!.viewShared)) return -Errno.EACCES;
  const end = areas.holeIn(start, asked.end);
  if (end <= start) return -Errno.ENOMEM;
  const covered = areas.overlapping(start, end);
  const changes = covered.some((area) => protIn(area, view) !== prot);
  if (changes && !areas.mayBound(start, end)) return -Errno.ENOMEM;
  if (prot & Prot.exec) space.leaveSharedCodeMap();
  if (changes) {
    areas.split(start);
    areas.split(end);
    for (const area of areas.overlapping(start, end)) {
      if (area.viewShared) area.prot = prot;
      else rightsPerView(area, space.views.ids()).set(view, prot);
    }
  }
  const allowed = Pte.present | entryFlags(prot);
  // A page of an area that may be written and executed has one of these rights at a time: here it keeps the one it has.
  const given = entryFlags(prot) & (prot & Prot.write ? Pte.read : Pte.read | Pte.exec);
  const words = space.physical.u32;
  const give = (entry: number): void => {
    words[entry] = (words[entry]! & allowed) | given;
    if (given & Pte.exec) space.physical.markExecuted(words[entry + 1]!);
  };
  space.changeEntries(start, end, give, covered[0]!.viewShared ? undefined : [view]);
  return end < asked.end ? -Errno.ENOMEM : 0;
}

function rightsPerView(area: Vma, views: readonly number[]): Map<number, number> {
  if (area.protOf === undefined) area.protOf = new Map(views.map((id) => [id, area.prot]));
  return area.protOf;
}
