import { Access } from '../native/binding.ts';
import { entryFlags, Pte } from './page-table.ts';
import { PAGE_SIZE, type PhysicalMemory, pageDown } from './physical.ts';
import type { Views } from './views.ts';
import { protIn, type Vma, type VmaList } from './vma.ts';

/** How a fault was resolved, or why not (negative). */
export const Fault = {
  minor: 0,
  file: 1,
  copyOnWrite: 2,
  unmapped: -1,
  denied: -2,
  beyondFile: -3,
  outOfMemory: -4,
} as const;
export type Fault = (typeof Fault)[keyof typeof Fault];

/** As many frames as a fault can take: a page of a file and its copy, and tables of three levels in each view. */
export const framesForFault = (views: number): number => 2 + 3 * views;

/** What the fault handler uses of an address space. */
export interface FaultingSpace {
  readonly physical: PhysicalMemory;
  readonly views: Views;
  readonly areas: VmaList;
  tlbGeneration: number;
  codeChanges(): void;
  noteUnshared(): void;
}

/** Page faults of one address space: demand paging, copy-on-write, rights that mprotect gave back, the growing stack. */
export class PageFaults {
  /**
   * How often the last fault went through the handler. More than once only in the model `mmview-5.15`, where pages come to other views by way of
   * the base.
   */
  passes = 1;
  readonly #space: FaultingSpace;

  constructor(space: FaultingSpace) {
    this.#space = space;
  }

  /**
   * Tries to make `access` at `va` possible in `view`. Not negative: done, go on; negative: deliver a signal. Throws OutOfMemory, and has
   * changed nothing then.
   */
  handle(view: number, va: number, access: number): Fault {
    const { physical, views, areas } = this.#space;
    const page = pageDown(va);
    this.passes = 1;
    const area = areas.find(va) ?? this.#growStack(page);
    if (area === undefined) return Fault.unmapped;
    const prot = protIn(area, view);
    if ((entryFlags(prot) & access) === 0) return Fault.denied;
    physical.require(framesForFault(views.size));
    const entry = views.find(view, page);
    const isFollower = area.viewShared && view !== views.base && views.model === 'mmview-5.15';
    if (entry >= 0 && (physical.u32[entry]! & Pte.present) !== 0) {
      if (isFollower) this.passes = 3; // here, in the base, here again
      return this.#upgrade(view, area, page, access, entry);
    }
    if (area.viewShared) {
      // Another view's tables may hold the page already (a private path here that was never filled).
      const base = views.find(views.base, page);
      if (base >= 0 && view !== views.base && (physical.u32[base]! & Pte.present) !== 0) {
        const frame = physical.u32[base + 1]!;
        physical.retain(frame);
        views.mapShared(page, physical.u32[base]!, frame, view);
        if ((physical.u32[base]! & access) !== 0) return Fault.minor;
        if (isFollower) this.passes = 3;
        return this.#upgrade(view, area, page, access, views.find(view, page));
      }
    }
    if (isFollower) this.passes = 3; // not in the base either: first there, then here
    return this.#firstTouch(view, area, page, prot, access);
  }

  /** In all views, whichever it is touched in: what is added of an unshared area is each view's own, as all of it. */
  #growStack(page: number): Vma | undefined {
    const { areas, views } = this.#space;
    const above = areas.next(page);
    if (above?.growsDownTo === undefined || page < above.growsDownTo) return undefined;
    if (areas.overlapping(page, above.start).length > 0) return undefined;
    if (!above.viewShared) views.separate(page, above.start);
    above.start = page;
    if (!above.viewShared) this.#space.noteUnshared();
    return above;
  }

  #firstTouch(view: number, area: Vma, page: number, prot: number, access: number): Fault {
    const { physical } = this.#space;
    if (area.port !== undefined) {
      this.#install(view, area, page, Pte.present | Pte.read | Pte.write, area.port / PAGE_SIZE, false);
      return Fault.minor;
    }
    if (area.file === undefined) {
      this.#install(view, area, page, this.#grant(prot, access, true), physical.allocate(), true);
      return Fault.minor;
    }
    const { mappable, offset } = area.file;
    const position = offset + (page - area.start);
    if (position >= mappable.size) return Fault.beyondFile;
    const cached = mappable.sharedFrame(position / PAGE_SIZE);
    if (area.sharedMapping) {
      physical.retain(cached);
      this.#install(view, area, page, this.#grant(prot, access, true), cached, true);
    } else if (access === Access.write) {
      const copy = physical.allocate();
      physical.copyFrame(cached, copy);
      this.#install(view, area, page, this.#grant(prot, access, true), copy, true);
    } else {
      physical.retain(cached);
      this.#install(view, area, page, this.#grant(prot, access, false), cached, true);
    }
    return Fault.file;
  }

  /** The page is there, but without this right: copy on write, or a right that mprotect gave back. */
  #upgrade(view: number, area: Vma, page: number, access: number, entry: number): Fault {
    const { physical } = this.#space;
    const words = physical.u32;
    const frame = words[entry + 1]!;
    const prot = protIn(area, view);
    if ((words[entry]! & access) !== 0) return Fault.minor; // another core's fault did it; this core's TLB was older
    if (access === Access.write && !area.sharedMapping && !this.#isExclusive(area, page, frame)) {
      const copy = physical.allocate();
      physical.copyFrame(frame, copy);
      // Other code is about to stand here than in processes that share the frame.
      if (area.viewShared && physical.wasExecuted(frame)) this.#space.codeChanges();
      this.#install(view, area, page, this.#grant(prot, access, true), copy, true);
      this.#space.tlbGeneration++; // other cores still read the old frame
      return Fault.copyOnWrite;
    }
    physical.retain(frame);
    // A right is added; W and X exclude each other in the entry, so the other one may go, too.
    this.#install(
      view,
      area,
      page,
      this.#grant(prot, access, (words[entry]! & Pte.write) !== 0 || access === Access.write),
      frame,
      true,
    );
    this.#space.tlbGeneration++;
    return Fault.minor;
  }

  #isExclusive(area: Vma, page: number, frame: number): boolean {
    const references = this.#space.physical.references(frame);
    return references === 1 || (area.viewShared && references === this.#space.views.tablesHolding(page));
  }

  /** Entry flags for a page: W^X holds in every entry, whatever the area allows; the kind of access decides. */
  #grant(prot: number, access: number, writable: boolean): number {
    let flags = Pte.present | entryFlags(prot);
    if (!writable) flags &= ~Pte.write;
    if ((flags & Pte.write) !== 0 && (flags & Pte.exec) !== 0) flags &= access === Access.exec ? ~Pte.write : ~Pte.exec;
    return flags;
  }

  #install(view: number, area: Vma, page: number, flags: number, frame: number, inRam: boolean): void {
    const { physical, views } = this.#space;
    if (inRam && (flags & Pte.exec) !== 0) physical.markExecuted(frame);
    else if (inRam && (flags & Pte.write) !== 0) physical.markWritten(frame);
    if (area.viewShared) views.mapShared(page, flags, frame, view);
    else views.mapLocal(view, page, flags, frame);
  }
}
