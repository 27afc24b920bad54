// mremap, as the paper's kernel does it (mm/mremap.c of linux-mmview): the same change in every view, each with what it has there.

import { Errno } from '../errno.ts';
import type { AddressSpace } from './address-space.ts';
import { PAGE_SIZE, pageUp } from './physical.ts';
import { TASK_SIZE } from './range.ts';
import { Prot, protIn, type Vma } from './vma.ts';

/** A request of mremap(2), in bytes as the program gives them. */
export interface RemapRequest {
  readonly address: number;
  readonly oldLength: number;
  readonly newLength: number;
  /** MREMAP_MAYMOVE. */
  readonly mayMove: boolean;
  /** MREMAP_FIXED: where to. With `dontUnmap` alone, `newAddress` is a hint. */
  readonly fixed: boolean;
  /** MREMAP_DONTUNMAP: the old range stays, without its pages. */
  readonly dontUnmap: boolean;
  readonly newAddress: number;
}

/**
 * Grows, shrinks or moves a mapping in all views: contents and rights of each view go along, what is unshared stays so, and what is added
 * is like the page before it. Only the rights in `view`, the caller's, can make a range more than one mapping.
 * Returns the address or a negated errno. Throws OutOfMemory, and nothing has changed then.
 */
export function remap(space: AddressSpace, view: number, request: RemapRequest): number {
  const { address, mayMove, fixed, dontUnmap, newAddress } = request;
  const oldEnd = address + pageUp(request.oldLength);
  const length = pageUp(request.newLength);
  if (address % PAGE_SIZE !== 0 || request.oldLength < 0 || length <= 0) return -Errno.EINVAL;
  if (dontUnmap && (!mayMove || request.oldLength !== request.newLength)) return -Errno.EINVAL;
  if (fixed || dontUnmap) {
    if (newAddress % PAGE_SIZE !== 0 || newAddress < 0 || newAddress + length > TASK_SIZE) return -Errno.EINVAL;
    if (newAddress < oldEnd && address < newAddress + length) return -Errno.EINVAL;
  }
  // As Linux' mremap_to and move_vma have it: what is split on the way must fit in, whatever that is.
  const isFull = !space.areas.hasRoomFor(4);
  if ((fixed || dontUnmap) && !space.areas.hasRoomFor(6)) return -Errno.ENOMEM;
  const first = space.areas.find(address);
  if (first === undefined) return -Errno.EFAULT;
  const keptEnd = Math.min(oldEnd, address + length);
  if (!fixed && !dontUnmap && keptEnd === address + length) {
    const refusal = keptEnd < oldEnd ? space.unmap(keptEnd, oldEnd - keptEnd) : 0;
    return refusal < 0 ? refusal : address;
  }
  // Of no old bytes at all a MAP_SHARED mapping gets a second place.
  if (oldEnd === address && !first.sharedMapping) return -Errno.EINVAL;
  // Over the first place: Linux unmaps the target, and has nothing to map again then.
  if (oldEnd === address && fixed && newAddress === address) return -Errno.EFAULT;
  const parts = oldEnd === address ? [first] : space.areas.overlapping(address, keptEnd);
  if (!isOneMapping(parts, keptEnd, view)) return -Errno.EFAULT;
  const last = parts.at(-1)!;
  if (!fixed && !dontUnmap) {
    const newEnd = address + length;
    const isFree = last.end === oldEnd && newEnd <= TASK_SIZE && space.areas.overlapping(oldEnd, newEnd).length === 0;
    if (isFree) {
      grow(space, last, newEnd);
      return address;
    }
    if (!mayMove || isFull) return -Errno.ENOMEM;
  }
  const target = fixed ? newAddress : space.placeFor(length, newAddress);
  if (target === undefined) return -Errno.ENOMEM;
  move(space, parts, { address, oldEnd, keptEnd, target, length, dontUnmap });
  return target;
}

/** Whether areas up to `end` would be one but for what other views have there. */
function isOneMapping(parts: readonly Vma[], end: number, view: number): boolean {
  return (
    parts.at(-1)!.end >= end &&
    parts.every((area, at) => {
      const before = parts[at - 1];
      return before === undefined || continues(before, area, view);
    })
  );
}

function continues(before: Vma, area: Vma, view: number): boolean {
  const offset = before.file && before.file.offset + (before.end - before.start);
  return (
    before.end === area.start &&
    before.file?.mappable === area.file?.mappable &&
    offset === area.file?.offset &&
    before.sharedMapping === area.sharedMapping &&
    before.name === area.name &&
    before.locked === area.locked &&
    before.port === undefined &&
    area.port === undefined &&
    protIn(before, view) === protIn(area, view)
  );
}

function grow(space: AddressSpace, area: Vma, end: number): void {
  const { viewShared, end: start } = area;
  if (!viewShared) space.views.separate(start, end);
  area.end = end;
  if (!viewShared) moveWindow(space);
}

function moveWindow(space: AddressSpace): void {
  space.noteUnshared();
  space.codeChanges();
}

interface Move {
  readonly address: number;
  readonly oldEnd: number;
  /** End of what moves: what is beyond it goes away. */
  readonly keptEnd: number;
  readonly target: number;
  readonly length: number;
  readonly dontUnmap: boolean;
}

function move(space: AddressSpace, parts: readonly Vma[], request: Move): void {
  const { address, oldEnd, keptEnd, target, length, dontUnmap } = request;
  const { areas, views } = space;
  const distance = target - address;
  const isExecuted = parts.some(({ prot, protOf }) => [prot, ...(protOf?.values() ?? [])].some((p) => p & Prot.exec));
  const places = parts.map((area, at): Vma => {
    const start = Math.max(area.start, address);
    const end = at === parts.length - 1 ? target + length : area.end + distance;
    return {
      ...area,
      start: start + distance,
      end,
      file: area.file && { mappable: area.file.mappable, offset: area.file.offset + (start - area.start) },
      protOf: area.protOf && new Map(area.protOf),
      growsDownTo: undefined,
    };
  });
  // All that needs memory comes first.
  const ranges = places.map(({ start, end, viewShared }) => ({
    start: start - distance,
    end: Math.min(end - distance, keptEnd),
    viewShared,
  }));
  try {
    for (const range of ranges) views.preparePlace(range, distance, range.viewShared);
    for (const { start, end, viewShared } of places) if (!viewShared) views.separate(start, end);
  } catch (error) {
    views.prune(target, target + length);
    throw error;
  }

  // The tables have been made for what comes, which nothing says until it is there.
  if (areas.overlapping(target, target + length).length > 0) space.unmap(target, length, true);
  for (const place of places) areas.insert(place);
  for (const range of ranges) views.mapAgain(range, distance, range.viewShared);
  // Two calls, as in Linux: each tells by its own size whether TLBs are flushed.
  if (keptEnd < oldEnd) space.unmap(keptEnd, oldEnd - keptEnd);
  if (dontUnmap) {
    if (isExecuted) space.codeChanges();
    space.changeEntries(address, keptEnd, (entry) => views.clear(entry));
    if (parts.some(({ locked }) => locked)) space.setLocked(address, keptEnd, false);
  } else if (keptEnd > address) {
    space.unmap(address, keptEnd - address);
  }
  if (places.some(({ viewShared }) => !viewShared)) moveWindow(space);
}
