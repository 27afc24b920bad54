import { Access } from '../native/binding.ts';
import type { AddressSpace } from './address-space.ts';
import { Pte } from './page-table.ts';
import { PAGE_SIZE, pageDown } from './physical.ts';
import { UserFault } from './user-memory.ts';
import { Prot, protIn } from './vma.ts';

/**
 * Guest memory as one view sees it, for looking on: what a read would find, without the page fault that it would cause. A run goes the
 * same way whether somebody looks or not. Throws {@link UserFault} where the guest could not read.
 */
export class Peek {
  readonly #space: AddressSpace;
  readonly #view: number;

  constructor(space: AddressSpace, view: number) {
    this.#space = space;
    this.#view = view;
  }

  read(va: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const at = va + done;
      const part = Math.min(length - done, PAGE_SIZE - (at % PAGE_SIZE));
      this.#readInPage(at, bytes.subarray(done, done + part));
      done += part;
    }
    return bytes;
  }

  u64(va: number): bigint {
    const bytes = this.read(va, 8);
    return new DataView(bytes.buffer).getBigUint64(0, true);
  }

  /** An address. */
  pointer(va: number): number {
    return Number(this.u64(va));
  }

  #readInPage(va: number, into: Uint8Array): void {
    const { areas, physical } = this.#space;
    const area = areas.find(va);
    if (
      area === undefined ||
      (protIn(area, this.#view) & (Prot.read | Prot.write | Prot.exec)) === 0 ||
      area.port !== undefined
    )
      throw new UserFault(va, Access.read);
    const frame = this.#frameAt(va, area.viewShared);
    const offset = va % PAGE_SIZE;
    if (frame !== undefined) {
      into.set(physical.u8.subarray(frame * PAGE_SIZE + offset, frame * PAGE_SIZE + offset + into.length));
      return;
    }
    if (area.file === undefined) return; // a page of zeros
    const position = area.file.offset + pageDown(va) - area.start;
    if (position >= area.file.mappable.size) throw new UserFault(va, Access.read);
    const page = new Uint8Array(PAGE_SIZE);
    area.file.mappable.readPage(position / PAGE_SIZE, page);
    into.set(page.subarray(offset, offset + into.length));
  }

  /** The page's frame, if it has one: of this view, or the base's that this view has not met yet. */
  #frameAt(va: number, isShared: boolean): number | undefined {
    const { views, physical } = this.#space;
    for (const view of isShared && this.#view !== views.base ? [this.#view, views.base] : [this.#view]) {
      const entry = views.find(view, va);
      if (entry >= 0 && (physical.u32[entry]! & Pte.present) !== 0) return physical.u32[entry + 1]!;
    }
    return undefined;
  }
}
