import type { PhysicalMemory } from './physical.ts';
import { Prot } from './vma.ts';

/**
 * Flags of an entry (its low 32 bits); the high 32 bits are a frame number. `native/walk.cc` reads the same format.
 * One format for both ISAs: four levels of 512 eight-byte entries, as in Intel SDM vol. 3, 4.5.
 */
export const Pte = { present: 1, read: 2, write: 4, exec: 8 } as const;

export const ENTRIES = 512;
export const TOP_LEVEL = 3;
/** Bytes that one entry of a table at `level` maps: 4 KiB, 2 MiB, 1 GiB, 512 GiB. */
export const spanOf = (level: number): number => 2 ** (12 + 9 * level);
/** Index of `va` in a table at `level` (0 = last). */
export const indexAt = (va: number, level: number): number => Math.floor(va / spanOf(level)) % ENTRIES;

/** Word index (in `PhysicalMemory.u32`) of entry `index` of the table in `frame`: flags there, frame number one further. */
export const entryAt = (frame: number, index: number): number => frame * 1024 + index * 2;

/** Word index of the last-level entry for `va` below `root`, or -1 if a table on the way is missing. */
export function findEntry(physical: PhysicalMemory, root: number, va: number): number {
  const words = physical.u32;
  let frame = root;
  for (let level = TOP_LEVEL; level > 0; level--) {
    const entry = entryAt(frame, indexAt(va, level));
    if ((words[entry]! & Pte.present) === 0) return -1;
    frame = words[entry + 1]!;
  }
  return entryAt(frame, indexAt(va, 0));
}

/** As {@link findEntry}, but makes missing tables. */
export function ensureEntry(physical: PhysicalMemory, root: number, va: number): number {
  const words = physical.u32;
  let frame = root;
  for (let level = TOP_LEVEL; level > 0; level--) {
    const entry = entryAt(frame, indexAt(va, level));
    if ((words[entry]! & Pte.present) === 0) setEntry(physical, entry, Pte.present, physical.allocate());
    frame = words[entry + 1]!;
  }
  return entryAt(frame, indexAt(va, 0));
}

/** The rights of an entry for the PROT_* of an area. */
export function entryFlags(prot: number): number {
  // x86-64 and AArch64 user pages cannot be write-only; PROT_EXEC implies read on x86-64, harmless on AArch64.
  const read = prot & (Prot.read | Prot.write | Prot.exec) ? Pte.read : 0;
  return read | (prot & Prot.write ? Pte.write : 0) | (prot & Prot.exec ? Pte.exec : 0);
}

/** Overwrites an entry; reference counts are the caller's. */
export function setEntry(physical: PhysicalMemory, entry: number, flags: number, frame: number): void {
  physical.u32[entry] = flags;
  physical.u32[entry + 1] = frame;
}

/** Drops one reference to the table in `frame`; with the last one everything below is released, too. */
export function releaseTable(physical: PhysicalMemory, frame: number, level: number): void {
  if (physical.references(frame) === 1) {
    for (let index = 0; index < ENTRIES; index++) {
      const entry = entryAt(frame, index);
      if ((physical.u32[entry]! & Pte.present) === 0) continue;
      const child = physical.u32[entry + 1]!;
      if (level === 0) physical.release(child);
      else releaseTable(physical, child, level - 1);
    }
  }
  physical.release(frame);
}

/**
 * Calls `visit` for every present entry of one table, at `level` and for the addresses from `va` on, that maps some of [start, end). `visit` gets the
 * entry's word index and the first address that it maps, and may change the entry.
 */
export function forEachPresent(
  physical: PhysicalMemory,
  table: { readonly frame: number; readonly level: number; readonly va: number },
  start: number,
  end: number,
  visit: (entry: number, va: number) => void,
): void {
  const { frame, level, va } = table;
  const words = physical.u32;
  const span = spanOf(level);
  const first = Math.max(0, Math.floor((start - va) / span));
  const last = Math.min(ENTRIES - 1, Math.floor((end - 1 - va) / span));
  for (let index = first; index <= last; index++) {
    const entry = entryAt(frame, index);
    if ((words[entry]! & Pte.present) !== 0) visit(entry, va + index * span);
  }
}

/** Releases the tables on the way from `root` to [start, end) that have no entries. */
export function pruneTables(
  physical: PhysicalMemory,
  root: number,
  start: number,
  end: number,
  level: number = TOP_LEVEL,
  va = 0,
): void {
  if (level === 0) return;
  forEachPresent(physical, { frame: root, level, va }, start, end, (entry, at) => {
    const child = physical.u32[entry + 1]!;
    pruneTables(physical, child, start, end, level - 1, at);
    if (!isEmpty(physical, child)) return;
    setEntry(physical, entry, 0, 0);
    physical.release(child);
  });
}

function isEmpty(physical: PhysicalMemory, table: number): boolean {
  for (let index = 0; index < ENTRIES; index++)
    if ((physical.u32[entryAt(table, index)]! & Pte.present) !== 0) return false;
  return true;
}
