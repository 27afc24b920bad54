import { Errno } from '../errno.ts';
import { CodeMap } from './code-map.ts';
import { Heap } from './heap.ts';
import { type Mappable, type OwnedFile, SharedMemory } from './mappable.ts';
import { type Fault, PageFaults } from './page-fault.ts';
import { spanOf } from './page-table.ts';
import { PAGE_SIZE, type PhysicalMemory, pageDown, pageUp } from './physical.ts';
import { type Range, TASK_SIZE } from './range.ts';
import { UserMemory } from './user-memory.ts';
import { type ViewModel, Views } from './views.ts';
import { Prot, protIn, VmaList } from './vma.ts';

const MMAP_LOW = 0x10000;
const MMAP_TOP = 0x7fff_f000_0000 - 2 ** 30; // below the stack
/**
 * Up to so many pages the kernel invalidates one by one, otherwise all of the process: `tlb_single_page_flush_ceiling` in Linux'
 * arch/x86/mm/tlb.c. (AArch64 goes on to 512, MAX_TLBI_OPS; here both have the one kernel.)
 */
const MOST_PAGES_INVALIDATED = 33;

/** A request of mmap; `address` page aligned, `length` not 0. */
export interface MapRequest {
  readonly address: number;
  readonly length: number;
  readonly prot: number;
  /** MAP_FIXED: replaces what is there. */
  readonly fixed?: boolean;
  /** MAP_FIXED_NOREPLACE. */
  readonly noReplace?: boolean;
  readonly shared?: boolean;
  readonly file?: { readonly mappable: Mappable; readonly offset: number };
  readonly growsDownTo?: number;
  readonly name?: string;
  readonly port?: number;
  /** MAP_LOCKED. */
  readonly locked?: boolean;
}

/**
 * The address space of a process: areas, and the views' page tables that are filled as pages are touched. A thread sees it
 * through one view. `tlbGeneration` grows whenever a right was taken away or a page moved: cores that run in any of the views
 * have their engine forget its translations before they run again. `tlbFlushes` grows with those of the changes for which Linux invalidates
 * every entry of the process: from them on the modelled TLB is empty.
 */
export class AddressSpace {
  readonly physical: PhysicalMemory;
  readonly views: Views;
  readonly areas = new VmaList();
  tlbGeneration = 0;
  tlbFlushes = 0;
  /** Hull of the unshared ranges: only here can views hold different code. Empty while there are none. */
  window: Range = { start: 0, end: 0 };
  /** MCL_FUTURE: new mappings are locked. */
  locksFuture = false;
  readonly heap = new Heap(this);
  readonly #faults = new PageFaults(this);
  readonly #memories = new Map<number, UserMemory>();
  readonly #owned: OwnedFile[] = [];
  #codeMap: CodeMap;
  #users = 1;

  constructor(physical: PhysicalMemory, model: ViewModel = 'subtree', codeMap: CodeMap = new CodeMap()) {
    this.physical = physical;
    this.views = new Views(physical, model);
    this.#codeMap = codeMap;
  }

  /** Which code is where; another object once the code here differs from that of a process forked from it. */
  get codeMap(): CodeMap {
    return this.#codeMap;
  }

  /** Code at an address may have become other code. */
  codeChanges(): void {
    this.leaveSharedCodeMap();
    this.#codeMap.generation++;
  }

  /** What comes into the address space may be code: from now on it is not the one of the process that this one was forked from. */
  leaveSharedCodeMap(): void {
    if (!this.#codeMap.isShared) return;
    this.#codeMap.release();
    this.#codeMap = new CodeMap();
  }

  /** Guest memory as the view sees it. */
  userMemory(view: number): UserMemory {
    let memory = this.#memories.get(view);
    if (memory === undefined) {
      memory = new UserMemory(this, view);
      this.#memories.set(view, memory);
    }
    return memory;
  }

  /** mmap: returns the address or a negated errno. New mappings are shared by all views, as in the paper's kernel. */
  map(request: MapRequest): number {
    const length = pageUp(request.length);
    let address = request.address;
    if (!this.areas.hasRoomFor(0)) return -Errno.ENOMEM;
    if (request.fixed || request.noReplace) {
      if (address < 0 || address + length > TASK_SIZE) return -Errno.ENOMEM;
      if (address % PAGE_SIZE !== 0) return -Errno.EINVAL;
      const taken = this.areas.overlapping(address, address + length);
      if (taken.length > 0 && request.noReplace) return -Errno.EEXIST;
      const refusal = taken.length > 0 ? this.unmap(address, length) : 0;
      if (refusal < 0) return refusal;
    } else {
      const found = this.placeFor(length, address);
      if (found === undefined) return -Errno.ENOMEM;
      address = found;
    }
    if (request.prot & Prot.exec) this.leaveSharedCodeMap();
    this.areas.insert({
      start: address,
      end: address + length,
      prot: request.prot,
      sharedMapping: request.shared ?? false,
      file: request.file ?? (request.shared ? this.#sharedMemory(length) : undefined),
      growsDownTo: request.growsDownTo,
      name: request.name ?? request.file?.mappable.name ?? '',
      port: request.port,
      viewShared: true,
      locked: request.locked === true || this.locksFuture,
    });
    return address;
  }

  /** Where mmap puts `length` bytes: at the hint if that is free, else as high as there is room; undefined: nowhere. */
  placeFor(length: number, wanted: number): number | undefined {
    const hint = pageDown(wanted);
    const isFree =
      hint >= MMAP_LOW && hint + length <= TASK_SIZE && this.areas.overlapping(hint, hint + length).length === 0;
    return isFree ? hint : this.areas.findFree(length, MMAP_LOW, MMAP_TOP);
  }

  #sharedMemory(length: number): MapRequest['file'] {
    const mappable = new SharedMemory(this.physical, length);
    this.own(mappable);
    return { mappable, offset: 0 };
  }

  /** munmap, in all views. Returns 0 or a negated errno: ENOMEM where a hole would make one area too many. With `keepsTables` empty page tables stay. */
  unmap(address: number, length: number, keepsTables = false): number {
    const end = address + pageUp(length);
    if (address % PAGE_SIZE !== 0 || address < 0 || length <= 0 || end > TASK_SIZE) return -Errno.EINVAL;
    const around = this.areas.find(address);
    const isHole = around !== undefined && around.start < address && end < around.end;
    if (isHole && !this.areas.hasRoomFor(1)) return -Errno.ENOMEM;
    const memories = new Set<SharedMemory>();
    let unshared = false;
    for (const { prot, file, viewShared } of this.areas.overlapping(address, end)) {
      if (prot & Prot.exec) this.codeChanges();
      if (file?.mappable instanceof SharedMemory) memories.add(file.mappable);
      unshared ||= !viewShared;
    }
    this.areas.remove(address, end);
    this.changeEntries(address, end, (entry) => this.views.clear(entry));
    if (!keepsTables) this.#dropTables(address, end);
    // What is mapped there next is shared. (`window` keeps its size: views may differ in less than it says.)
    if (unshared) this.views.unshared = this.unsharedRanges();
    for (const memory of memories) this.#disownUnlessMapped(memory);
    return 0;
  }

  /** Gives back the last-level tables where [start, end) was the last that could need them, as Linux' free_pgtables does. */
  #dropTables(start: number, end: number): void {
    const span = spanOf(1);
    const [first, last] = [Math.floor(start / span) * span, Math.ceil(end / span) * span];
    const from = this.areas.overlapping(first, start).length > 0 ? first + span : first;
    const to = this.areas.overlapping(end, last).length > 0 ? last - span : last;
    if (from < to) this.views.prune(from, to);
  }

  /**
   * Changes the entries that are there in [start, end), of all views or of `ids`. Where none is, no TLB holds anything. (A few pages whose
   * rights change stay known to the modelled TLB: the next walk for each is not charged.)
   */
  changeEntries(start: number, end: number, change: (entry: number) => void, ids?: readonly number[]): void {
    let [first, last] = [Number.POSITIVE_INFINITY, -1];
    this.views.forEach(
      start,
      end,
      (entry, va) => {
        first = Math.min(first, va);
        last = Math.max(last, va);
        change(entry);
      },
      ids,
    );
    if (last < 0) return;
    this.tlbGeneration++;
    if (last - first >= MOST_PAGES_INVALIDATED * PAGE_SIZE) this.tlbFlushes++;
  }

  /** mlock and munlock of whole pages: of all views, as areas are. Returns 0 or a negated errno. */
  setLocked(start: number, end: number, locked: boolean): number {
    if (this.areas.overlapping(start, end).every((area) => area.locked === locked)) return 0;
    if (!this.areas.mayBound(start, end)) return -Errno.ENOMEM;
    this.areas.split(start);
    this.areas.split(end);
    for (const area of this.areas.overlapping(start, end)) area.locked = locked;
    return 0;
  }

  /** Lets `core` run in `view`. */
  attach(core: { enter(space: AddressSpace, view: number): void }, view: number): void {
    core.enter(this, view);
  }

  /**
   * UNSHARE and SHARE: whether each view has its own pages in [address, address + length). Only while one view exists.
   * Holes are tolerated. Returns 0, or a negated errno: ENOMEM where there would be too many areas.
   */
  setViewShared(address: number, length: number, shared: boolean): number {
    const end = address + pageUp(length);
    if (!this.areas.mayBound(address, end)) return -Errno.ENOMEM;
    this.areas.split(address);
    this.areas.split(end);
    for (const area of this.areas.overlapping(address, end)) {
      if (area.viewShared === shared) continue;
      area.prot = protIn(area, this.views.base);
      area.viewShared = shared;
      area.protOf = undefined;
    }
    this.noteUnshared();
    this.codeChanges();
    this.tlbGeneration++;
    return 0;
  }

  /** Where views may differ has changed: code there is known by its view from now on, as soon as threads enter their views anew or run again. */
  noteUnshared(): void {
    const ranges = this.unsharedRanges();
    this.views.unshared = ranges;
    this.window = { start: ranges[0]?.start ?? 0, end: ranges.at(-1)?.end ?? 0 };
  }

  /** One more process runs in this space (vfork, clone with CLONE_VM). */
  retain(): this {
    this.#users++;
    return this;
  }

  /** A process leaves; with the last one everything is freed. */
  release(): void {
    if (--this.#users === 0) this.destroy();
  }

  /** Whether more than one process runs in it. */
  get isShared(): boolean {
    return this.#users > 1;
  }

  /** A new view that equals `from`; see {@link Views.create}. */
  createView(from: number): number {
    // Pages become copy-on-write, even where memory is out in the midst of it: as after fork, the whole address space is flushed.
    this.tlbGeneration++;
    this.tlbFlushes++;
    const id = this.views.create(from);
    for (const area of this.areas) {
      if (!area.viewShared && area.protOf !== undefined) area.protOf.set(id, protIn(area, from));
    }
    return id;
  }

  /** Frees a view that no thread is in. */
  deleteView(id: number): void {
    this.views.delete(id);
    for (const area of this.areas) area.protOf?.delete(id);
    this.#memories.delete(id);
  }

  /** Ranges that UNSHARE took. */
  unsharedRanges(): Range[] {
    const ranges: { start: number; end: number }[] = [];
    for (const area of this.areas) {
      if (area.viewShared) continue;
      const last = ranges.at(-1);
      if (last !== undefined && last.end === area.start) last.end = area.end;
      else ranges.push({ start: area.start, end: area.end });
    }
    return ranges;
  }

  /** Tries to make `access` at `va` possible in `view`. Not negative: done, go on; negative: deliver a signal. */
  fault(view: number, va: number, access: number): Fault {
    return this.#faults.handle(view, va, access);
  }

  /** How often the last fault went through the handler, see {@link PageFaults.passes}. */
  get faultPasses(): number {
    return this.#faults.passes;
  }

  /** A file that only this space uses: its page cache goes with the space. */
  own(file: OwnedFile): void {
    this.#owned.push(file);
  }

  get ownedFiles(): readonly OwnedFile[] {
    return this.#owned;
  }

  #disownUnlessMapped(memory: SharedMemory): void {
    for (const { file } of this.areas) if (file?.mappable === memory) return;
    this.#owned.splice(this.#owned.indexOf(memory), 1);
    memory.release();
  }

  /** Frees every page, table and owned file. No core may run in the space afterwards. */
  destroy(): void {
    this.views.destroy();
    this.#codeMap.release();
    for (const file of this.#owned.splice(0)) file.release();
  }
}
