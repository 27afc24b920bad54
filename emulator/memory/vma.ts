import type { Mappable } from './mappable.ts';

/** PROT_* of mmap(2). */
export const Prot = { none: 0, read: 1, write: 2, exec: 4 } as const;

/** Linux' default of /proc/sys/vm/max_map_count. */
export const MOST_AREAS = 65_530;

/** One virtual memory area. Areas never overlap; a change of part of one splits it. */
export interface Vma {
  start: number;
  end: number;
  /** In the base view and wherever `protOf` says nothing else. */
  prot: number;
  /** MAP_SHARED: writes reach the file (or the other mappings of the same frames). */
  readonly sharedMapping: boolean;
  readonly file?: { readonly mappable: Mappable /** bytes, page aligned */; readonly offset: number };
  /** Grows down on a touch below it (stack), as far as this address. */
  readonly growsDownTo?: number;
  /** Shown in /proc/self/maps: "[heap]", "[stack]", a path. */
  readonly name: string;
  /** The model port: physical page outside RAM. */
  readonly port?: number;
  /** mlock: what is left of it where nothing is swapped, see linux/syscalls/memory-locks.ts. */
  locked: boolean;
  /** mmview: false once UNSHARE took the range; each view then has its own pages here, and its own rights. */
  viewShared: boolean;
  protOf?: Map<number, number>;
}

/** PROT_* of the area in one view. */
export const protIn = (vma: Vma, view: number): number => vma.protOf?.get(view) ?? vma.prot;

/** The areas of a process in address order. */
export class VmaList {
  readonly #areas: Vma[] = [];

  get length(): number {
    return this.#areas.length;
  }

  [Symbol.iterator](): IterableIterator<Vma> {
    return this.#areas[Symbol.iterator]();
  }

  /** Index of the first area that ends above `va`. */
  #lowerBound(va: number): number {
    let low = 0;
    let high = this.#areas.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#areas[middle]!.end > va) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  find(va: number): Vma | undefined {
    const area = this.#areas[this.#lowerBound(va)];
    return area !== undefined && area.start <= va ? area : undefined;
  }

  /** The first area at or above `va`. */
  next(va: number): Vma | undefined {
    return this.#areas[this.#lowerBound(va)];
  }

  /** Areas that touch [start, end). */
  overlapping(start: number, end: number): Vma[] {
    const found: Vma[] = [];
    for (let index = this.#lowerBound(start); index < this.#areas.length; index++) {
      const area = this.#areas[index]!;
      if (area.start >= end) break;
      found.push(area);
    }
    return found;
  }

  /** Where the first hole in [start, end) begins; `end` if there is none. */
  holeIn(start: number, end: number): number {
    let at = start;
    for (const area of this.overlapping(start, end)) {
      if (area.start > at) return at;
      at = area.end;
    }
    return Math.min(at, end);
  }

  /** Whether there is an area at every address of [start, end). */
  isGapless(start: number, end: number): boolean {
    return this.holeIn(start, end) >= end;
  }

  /** Bytes that mlock holds in a part of the address space, or in all of it. */
  lockedBytes(start = 0, end = Number.POSITIVE_INFINITY): number {
    let bytes = 0;
    for (const area of this.#areas)
      if (area.locked) bytes += Math.max(0, Math.min(area.end, end) - Math.max(area.start, start));
    return bytes;
  }

  /** Adds an area in free space, merging with equal anonymous neighbours. */
  insert(area: Vma): void {
    const index = this.#lowerBound(area.start);
    this.#areas.splice(index, 0, area);
    this.#mergeWithNext(index);
    if (index > 0) this.#mergeWithNext(index - 1);
  }

  #mergeWithNext(index: number): void {
    const a = this.#areas[index];
    const b = this.#areas[index + 1];
    if (a === undefined || b === undefined || a.end !== b.start || !mergeable(a, b)) return;
    a.end = b.end;
    this.#areas.splice(index + 1, 1);
  }

  /**
   * Whether there may be so many areas more. Neighbours that have become equal are made one only when it comes to that: borders that a program once
   * drew tell where its stacks end.
   */
  hasRoomFor(count: number): boolean {
    if (this.#areas.length + count > MOST_AREAS) this.#mergeAll();
    return this.#areas.length + count <= MOST_AREAS;
  }

  #mergeAll(): void {
    for (let index = this.#areas.length - 2; index >= 0; index--) this.#mergeWithNext(index);
  }

  /** Whether borders at `start` and `end` are possible: each splits an area. (That a piece could join a neighbour is not counted on.) */
  mayBound(start: number, end: number): boolean {
    const splits = (): number => [start, end].filter((va) => (this.find(va)?.start ?? va) < va).length;
    // Making room can take a border away.
    return splits() === 0 || this.hasRoomFor(splits()) || this.hasRoomFor(splits());
  }

  /** Splits so that `va` is a border. */
  split(va: number): void {
    const index = this.#lowerBound(va);
    const area = this.#areas[index];
    if (area === undefined || area.start >= va) return;
    const upper: Vma = {
      ...area,
      start: va,
      file: area.file && { mappable: area.file.mappable, offset: area.file.offset + (va - area.start) },
      protOf: area.protOf && new Map(area.protOf),
    };
    area.end = va;
    this.#areas.splice(index + 1, 0, upper);
  }

  /** Removes [start, end). */
  remove(start: number, end: number): void {
    this.split(start);
    this.split(end);
    const first = this.#lowerBound(start);
    let last = first;
    while (last < this.#areas.length && this.#areas[last]!.start < end) last++;
    this.#areas.splice(first, last - first);
  }

  /** The highest address below `high` where `length` bytes are free above `low`; undefined if there is none. */
  findFree(length: number, low: number, high: number): number | undefined {
    let top = high;
    for (let index = this.#areas.length - 1; index >= 0; index--) {
      const area = this.#areas[index]!;
      if (area.start >= high) continue;
      if (top - Math.max(area.end, low) >= length) return top - length;
      top = Math.min(top, area.start);
      if (top - length < low) return undefined;
    }
    return top - low >= length ? top - length : undefined;
  }
}

function mergeable(a: Vma, b: Vma): boolean {
  const offset = a.file && a.file.offset + (a.end - a.start);
  return (
    a.file?.mappable === b.file?.mappable &&
    offset === b.file?.offset &&
    a.port === undefined &&
    b.port === undefined &&
    a.prot === b.prot &&
    a.sharedMapping === b.sharedMapping &&
    a.name === b.name &&
    a.viewShared === b.viewShared &&
    a.locked === b.locked &&
    a.growsDownTo === undefined &&
    b.growsDownTo === undefined &&
    [...(a.protOf?.keys() ?? []), ...(b.protOf?.keys() ?? [])].every((view) => protIn(a, view) === protIn(b, view))
  );
}
