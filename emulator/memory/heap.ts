import type { MapRequest } from './address-space.ts';
import { PAGE_SIZE, pageUp } from './physical.ts';
import { TASK_SIZE } from './range.ts';
import { Prot, type VmaList } from './vma.ts';

/** What a heap needs of the address space that it is in. */
interface HeapSpace {
  readonly areas: VmaList;
  map(request: MapRequest): number;
  unmap(address: number, length: number): number;
}

/** What brk(2) makes larger and smaller, from behind the program on. */
export class Heap {
  readonly #space: HeapSpace;
  #start = 0;
  #end = 0;

  constructor(space: HeapSpace) {
    this.#space = space;
  }

  /** Where it begins: the loader says so once. */
  begin(address: number): void {
    this.#start = pageUp(address);
    this.#end = this.#start;
  }

  /** It is where another one is, whose areas have been copied. */
  follow(other: Heap): void {
    this.#start = other.#start;
    this.#end = other.#end;
  }

  /** The break. */
  get end(): number {
    return this.#end;
  }

  /** brk: the new break, or the old one if the request cannot be met. */
  brk(address: number): number {
    if (address < this.#start || address > TASK_SIZE) return this.#end;
    const oldEnd = pageUp(this.#end);
    const newEnd = pageUp(address);
    if (newEnd > oldEnd) {
      // A page stays free between the heap and what comes next (mm/mmap.c).
      if (this.#space.areas.overlapping(oldEnd, newEnd + PAGE_SIZE).length > 0) return this.#end;
      const rights = Prot.read | Prot.write;
      const request = { address: oldEnd, length: newEnd - oldEnd, prot: rights, fixed: true, name: '[heap]' };
      if (this.#space.map(request) < 0) return this.#end;
    } else if (newEnd < oldEnd && this.#space.unmap(newEnd, oldEnd - newEnd) < 0) {
      return this.#end;
    }
    this.#end = address;
    return address;
  }
}
