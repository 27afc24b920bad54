import { Errno } from '../errno.ts';
import type { AddressSpace } from './address-space.ts';
import { entryFlags, Pte } from './page-table.ts';
import { PAGE_SIZE, pageUp } from './physical.ts';
import { TASK_SIZE } from './range.ts';
import { Prot, protIn, type Vma } from './vma.ts';

/**
 * mprotect as seen from `view`: in shared ranges for all views, in unshared ranges for this view alone; a mix is EACCES.
 * Pages that are there get the right to read or to execute at once, as Linux' change_pte_range does it. The right to write comes with the
 * next fault: it may need a copy of the page, and ends what was executed from it.
 */
export function protect(space: AddressSpace, view: number, address: number, length: number, prot: number): number {
  const { areas } = space;
  const end = address + pageUp(length);
  if (address % PAGE_SIZE !== 0 || end > TASK_SIZE || length < 0) return -Errno.EINVAL;
  if (length === 0) return 0;
  const covered = areas.overlapping(address, end);
  if (!areas.isGapless(address, end)) return -Errno.ENOMEM;
  if (covered.some((area) => area.viewShared !== covered[0]!.viewShared)) return -Errno.EACCES;
  const changes = covered.some((area) => protIn(area, view) !== prot);
  if (changes && !areas.mayBound(address, end)) return -Errno.ENOMEM;
  if (prot & Prot.exec) space.leaveSharedCodeMap();
  if (changes) {
    areas.split(address);
    areas.split(end);
    for (const area of areas.overlapping(address, end)) {
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
  space.changeEntries(address, end, give, covered[0]!.viewShared ? undefined : [view]);
  return 0;
}

function rightsPerView(area: Vma, views: readonly number[]): Map<number, number> {
  if (area.protOf === undefined) area.protOf = new Map(views.map((id) => [id, area.prot]));
  return area.protOf;
}
