import {
  ensureEntry,
  findEntry,
  forEachPresent,
  Pte,
  pruneTables,
  releaseTable,
  setEntry,
  spanOf,
  TOP_LEVEL,
} from './page-table.ts';
import type { PhysicalMemory } from './physical.ts';
import { overlaps, type Range } from './range.ts';
import { copyTree, countOwnTables, ensureOwnEntry, ownTables } from './shared-tables.ts';

/**
 * How views keep what they share in step. `subtree`: by sharing page tables. `mmview-5.15`: as the paper's kernel does (README.org and
 * mm/memory.c of linux-mmview): each view has tables of its own, CREATE copies every entry, and a page that appears or moves later is entered
 * in the base view and in the one that faulted; the others get it from the base when they fault.
 */
export const viewModels = ['subtree', 'mmview-5.15'] as const;
export type ViewModel = (typeof viewModels)[number];

/**
 * The page-table roots of one process, one per view. A view owns tables only along the paths to unshared ranges; every other
 * subtree is the base view's, by reference. So what is mapped in a shared range is there in all views at once, and a new view
 * costs the size of the unshared ranges, not of the process.
 *
 * Invariant: below any two roots, the entries for a shared address are equal. Where tables are private (a path to an unshared
 * range passes through them, or a last-level table holds both kinds), every change is made in each of them.
 *
 * In the model `mmview-5.15` all tables are private, and the invariant is that an entry for a shared address in any view leads to the
 * base view's frame, with no more rights than there.
 */
export class Views {
  readonly model: ViewModel;
  /** Last-level entries that were looked at or changed one by one so far: what changes of ranges cost. */
  entriesVisited = 0;
  readonly #physical: PhysicalMemory;
  readonly #roots = new Map<number, number>();
  /** Ranges in which each view has its own pages. Before they grow while there is more than one view, {@link separate} has to prepare the new ones. */
  unshared: readonly Range[] = [];
  #nextId = 1;
  #base = 0;

  constructor(physical: PhysicalMemory, model: ViewModel = 'subtree') {
    this.model = model;
    this.#physical = physical;
    this.#roots.set(0, physical.allocate());
  }

  get base(): number {
    return this.#base;
  }

  get size(): number {
    return this.#roots.size;
  }

  ids(): number[] {
    return [...this.#roots.keys()];
  }

  has(id: number): boolean {
    return this.#roots.has(id);
  }

  /** Frame of the view's top table. The view must exist. */
  root(id: number): number {
    const root = this.#roots.get(id);
    if (root === undefined) throw new RangeError(`no view ${id}`);
    return root;
  }

  /**
   * A new view that equals `from`: the pages of unshared ranges are shared copy-on-write, all else is the same tables.
   * Returns its id (ids grow and are never reused). Throws OutOfMemory: then there is no new view, and `from` differs only in that its pages are
   * copied when written.
   */
  create(from: number): number {
    const root = copyTree(this.#physical, this.root(from), this.unshared, this.model === 'mmview-5.15');
    const id = this.#nextId++;
    this.#roots.set(id, root);
    return id;
  }

  /** Forgets the view and frees what only it used. No thread may be in it. */
  delete(id: number): void {
    releaseTable(this.#physical, this.root(id), TOP_LEVEL);
    this.#roots.delete(id);
  }

  /**
   * Another view leads. With shared tables any can: shared entries are the same below every root. Without, it first gets the shared pages
   * that it has not met yet. Returns how many entries that took. Throws OutOfMemory: then the base is what it was, and the view has met some more.
   */
  switchBase(id: number): number {
    const root = this.root(id);
    let copied = 0;
    if (this.model === 'mmview-5.15' && id !== this.#base) {
      const words = this.#physical.u32;
      const everything = spanOf(TOP_LEVEL + 1);
      this.forEach(
        0,
        everything,
        (entry, va) => {
          if (overlaps(this.unshared, va, va + 1)) return;
          const own = ensureEntry(this.#physical, root, va);
          copied++;
          this.#physical.retain(words[entry + 1]!);
          this.#replace(own, words[entry]!, words[entry + 1]!);
        },
        [this.#base],
      );
    }
    this.#base = id;
    return copied;
  }

  /** The last-level entry for `va` in one view, or -1. */
  find(id: number, va: number): number {
    return findEntry(this.#physical, this.root(id), va);
  }

  /** Maps a page of an unshared range in one view. Takes over the caller's reference to `frame`. */
  mapLocal(id: number, va: number, flags: number, frame: number): void {
    this.#replace(ensureEntry(this.#physical, this.root(id), va), flags, frame);
  }

  /**
   * Maps a page of a shared range in every view; in the model `mmview-5.15` in the base and in `view`, and no other keeps another frame or
   * more rights. Takes over the caller's reference to `frame`.
   */
  mapShared(va: number, flags: number, frame: number, view: number = this.#base): void {
    const physical = this.#physical;
    const base = this.root(this.#base);
    const leaf = ensureEntry(physical, base, va);
    if (this.model === 'mmview-5.15') {
      this.#mapLazily(va, flags, frame, view);
      this.#replace(leaf, flags, frame);
      return;
    }
    for (const [id, root] of this.#roots) {
      if (id === this.#base) continue;
      const own = ensureOwnEntry(physical, root, base, va, this.unshared);
      if (own < 0) continue;
      physical.retain(frame);
      this.#replace(own, flags, frame);
    }
    this.#replace(leaf, flags, frame);
  }

  #mapLazily(va: number, flags: number, frame: number, view: number): void {
    const physical = this.#physical;
    const words = physical.u32;
    for (const [id, root] of this.#roots) {
      if (id === this.#base) continue;
      if (id === view) {
        physical.retain(frame);
        this.#replace(ensureEntry(physical, root, va), flags, frame);
        continue;
      }
      const own = findEntry(physical, root, va);
      if (own < 0 || (words[own]! & Pte.present) === 0) continue;
      if (words[own + 1] === frame) words[own] = words[own]! & flags;
      else this.clear(own);
    }
  }

  /**
   * Gives each view tables of its own on the way to [start, end), so that its pages there can be its own. What views show stays the same.
   * Throws OutOfMemory.
   */
  separate(start: number, end: number): void {
    const own = (root: number): void => {
      this.entriesVisited += ownTables(this.#physical, root, start, end);
    };
    for (const [id, root] of this.#roots) if (id !== this.#base) own(root);
    own(this.root(this.#base)); // what nobody else refers to any more it keeps
  }

  /** The views whose entries for a range have to be looked at to know all: where tables are shared, the base's show what is shared. */
  #holders(isShared: boolean): number[] {
    return isShared && this.model === 'subtree' ? [this.#base] : this.ids();
  }

  /** Makes the tables that {@link mapAgain} needs. Throws OutOfMemory; what views show stays the same anyhow. */
  preparePlace({ start, end }: Range, distance: number, isShared: boolean): void {
    for (const id of this.#holders(isShared)) {
      const prepare = (_entry: number, va: number): void => {
        ensureEntry(this.#physical, this.root(id), va + distance);
        if (id !== this.#base || this.model !== 'subtree' || !isShared) return;
        for (const [other, root] of this.#roots)
          if (other !== id) ensureOwnEntry(this.#physical, root, this.root(id), va + distance, this.unshared);
      };
      this.forEach(start, end, prepare, [id]);
    }
  }

  /** Gives back the tables on the way to [start, end) that hold nothing. */
  prune(start: number, end: number): void {
    for (const root of this.#roots.values()) pruneTables(this.#physical, root, start, end);
  }

  /** Maps the pages of a range a second time, `distance` further, in each view those that it has. Nothing is there yet. */
  mapAgain({ start, end }: Range, distance: number, isShared: boolean): void {
    const words = this.#physical.u32;
    for (const id of this.#holders(isShared)) {
      const add = (entry: number, va: number): void => {
        this.#physical.retain(words[entry + 1]!);
        if (isShared && this.model === 'subtree') this.mapShared(va + distance, words[entry]!, words[entry + 1]!);
        else this.mapLocal(id, va + distance, words[entry]!, words[entry + 1]!);
      };
      this.forEach(start, end, add, [id]);
    }
  }

  #replace(entry: number, flags: number, frame: number): void {
    const words = this.#physical.u32;
    const old = (words[entry]! & Pte.present) === 0 ? 0 : words[entry + 1]!;
    setEntry(this.#physical, entry, flags, frame);
    if (old !== 0) this.#physical.release(old);
  }

  /**
   * Calls `visit` for every present last-level entry in [start, end): in the views `ids`, or in all, each table once.
   * `visit` gets the entry's word index and its address.
   */
  forEach(
    start: number,
    end: number,
    visit: (entry: number, va: number) => void,
    ids: Iterable<number> = this.#roots.keys(),
  ): void {
    const seen = new Set<number>();
    for (const id of ids) this.#visit(this.root(id), TOP_LEVEL, 0, start, end, visit, seen);
  }

  #visit(
    table: number,
    level: number,
    va: number,
    start: number,
    end: number,
    visit: (entry: number, va: number) => void,
    seen: Set<number>,
  ): void {
    if (seen.has(table)) return;
    seen.add(table);
    forEachPresent(this.#physical, { frame: table, level, va }, start, end, (entry, at) => {
      if (level > 0) {
        this.#visit(this.#physical.u32[entry + 1]!, level - 1, at, start, end, visit, seen);
        return;
      }
      this.entriesVisited++;
      visit(entry, at);
    });
  }

  /** Removes an entry. */
  clear(entry: number): void {
    const frame = this.#physical.u32[entry + 1]!;
    setEntry(this.#physical, entry, 0, 0);
    this.#physical.release(frame);
  }

  /** How many last-level tables hold the shared page `va`: its frame is exclusive if it has no more references than that. */
  tablesHolding(va: number): number {
    let count = 0;
    this.forEach(va, va + 1, () => count++);
    return count;
  }

  /** Pages present in a view. */
  mappedPages(id: number): number {
    let pages = 0;
    this.forEach(0, spanOf(TOP_LEVEL + 1), () => pages++, [id]);
    return pages;
  }

  /** Frames used by page tables that are not shared with the base view: a view's memory cost. */
  privateTables(id: number): number {
    return countOwnTables(this.#physical, this.root(id), this.root(this.#base));
  }

  /** Frees every view. */
  destroy(): void {
    for (const root of this.#roots.values()) releaseTable(this.#physical, root, TOP_LEVEL);
    this.#roots.clear();
  }
}
