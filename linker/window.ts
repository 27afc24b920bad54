import { alignUp, TABLE_SPAN } from './elf.ts';
import type { MelfPageGroup } from './melf-format.ts';
import type { Slot } from './variants.ts';

const PAGE = 0x1000;
/** Bytes of the marker after the last slot: which variant the reader sees. */
const MARKER_SIZE = 8;

/** The overlay window: the slots of all multivariant functions, one after the other. */
export class Window {
  readonly slots: readonly Slot[];
  /** Bytes of one variant, whole pages. */
  readonly size: number;
  readonly groups: readonly MelfPageGroup[];
  /** By slot the page group it lies in. */
  readonly groupOf: ReadonlyMap<Slot, number>;
  readonly #offsets = new Map<Slot, number>();
  readonly #marker: number;
  #va = 0;

  constructor(slots: readonly Slot[]) {
    this.slots = slots;
    let at = 0;
    const groups: { va: number; size: number; firstFunction: number; functionCount: number }[] = [];
    const groupOf = new Map<Slot, number>();
    let groupEnd = 0;
    for (const [i, slot] of slots.entries()) {
      const align = slot.ownPages ? Math.max(slot.align, PAGE) : slot.align;
      at = alignUp(at, align);
      this.#offsets.set(slot, at);
      const end = at + slot.size;
      // A page group ends where no function crosses a page border.
      if (groups.length === 0 || at >= groupEnd) {
        const start = Math.floor(at / PAGE) * PAGE;
        groups.push({ va: start, size: 0, firstFunction: i, functionCount: 0 });
      }
      const group = groups.at(-1)!;
      group.functionCount++;
      groupOf.set(slot, groups.length - 1);
      groupEnd = Math.max(groupEnd, alignUp(end, PAGE));
      group.size = groupEnd - group.va;
      at = slot.ownPages ? alignUp(end, PAGE) : end;
    }
    this.#marker = alignUp(at, 8);
    this.size = alignUp(this.#marker + MARKER_SIZE, PAGE);
    this.groups = groups;
    this.groupOf = groupOf;
  }

  get va(): number {
    return this.#va;
  }

  /** Offset of the word that holds the number of the variant. */
  get markerOffset(): number {
    return this.#marker;
  }

  /** Address space up to the next last-level page table. */
  get span(): number {
    return alignUp(this.size, TABLE_SPAN);
  }

  offsetOf(slot: Slot): number {
    return this.#offsets.get(slot)!;
  }

  place(va: number): void {
    this.#va = va;
    for (const slot of this.slots) {
      slot.va = va + this.offsetOf(slot);
      for (const body of slot.bodies) if (body.section !== undefined) body.section.va = slot.va;
    }
  }
}
