// Tables that several roots lead to. Each of them counts as one reference to the table, and what is below a shared table is shared.

import {
  ENTRIES,
  entryAt,
  forEachPresent,
  indexAt,
  Pte,
  releaseTable,
  setEntry,
  spanOf,
  TOP_LEVEL,
} from './page-table.ts';
import type { PhysicalMemory } from './physical.ts';
import { overlaps, type Range } from './range.ts';

/**
 * A new root that shows what `source` does, with tables of its own on the way to unshared ranges, or with `ownsAll` everywhere; the others are shared.
 * Pages of unshared ranges are copied by whichever side writes first. Throws OutOfMemory: then there is no new root.
 */
export function copyTree(
  physical: PhysicalMemory,
  source: number,
  unshared: readonly Range[],
  ownsAll: boolean,
  level: number = TOP_LEVEL,
  va = 0,
): number {
  const words = physical.u32;
  const copy = physical.allocate();
  try {
    const span = spanOf(level);
    forEachPresent(physical, { frame: source, level, va }, va, va + ENTRIES * span, (entry, start) => {
      const child = words[entry + 1]!;
      const target = entryAt(copy, indexAt(start, level));
      const isUnshared = overlaps(unshared, start, start + span);
      if (level > 0 && (isUnshared || ownsAll)) {
        setEntry(physical, target, words[entry]!, copyTree(physical, child, unshared, ownsAll, level - 1, start));
        return;
      }
      physical.retain(child);
      if (level === 0 && isUnshared) words[entry] = words[entry]! & ~Pte.write; // both sides copy on write
      setEntry(physical, target, words[entry]!, child);
    });
  } catch (error) {
    releaseTable(physical, copy, level);
    throw error;
  }
  return copy;
}

/**
 * Makes every table on the way from `root` to [start, end) one that nobody else refers to, by copying. What the root leads to stays the same.
 * Returns how many last-level entries were copied. Throws OutOfMemory: then some tables are copied, which shows nowhere.
 */
export function ownTables(
  physical: PhysicalMemory,
  root: number,
  start: number,
  end: number,
  level: number = TOP_LEVEL,
  va = 0,
): number {
  if (level === 0) return 0;
  const words = physical.u32;
  let copied = 0;
  forEachPresent(physical, { frame: root, level, va }, start, end, (entry, at) => {
    const child = words[entry + 1]!;
    if (physical.references(child) > 1) {
      const copy = physical.allocate();
      const count = copyReferences(physical, child, copy);
      if (level === 1) copied += count;
      setEntry(physical, entry, words[entry]!, copy);
      physical.release(child);
    }
    copied += ownTables(physical, words[entry + 1]!, start, end, level - 1, at);
  });
  return copied;
}

/** Gives a new table the entries of another one, whatever they lead to. Returns how many there were. */
function copyReferences(physical: PhysicalMemory, source: number, copy: number): number {
  const words = physical.u32;
  let count = 0;
  for (let index = 0; index < ENTRIES; index++) {
    const entry = entryAt(source, index);
    if ((words[entry]! & Pte.present) === 0) continue;
    count++;
    physical.retain(words[entry + 1]!);
    setEntry(physical, entryAt(copy, index), words[entry]!, words[entry + 1]!);
  }
  return count;
}

/**
 * The last-level entry for a shared `va` that `root` has of its own, or -1 when it uses the table of `base`, which is there. A missing table is
 * taken over from there by reference, unless it leads to an unshared range: then it is made. Throws OutOfMemory.
 */
export function ensureOwnEntry(
  physical: PhysicalMemory,
  root: number,
  base: number,
  va: number,
  unshared: readonly Range[],
): number {
  const words = physical.u32;
  let mine = root;
  let theirs = base;
  for (let level = TOP_LEVEL; level > 0; level--) {
    const entry = entryAt(mine, indexAt(va, level));
    const child = words[entryAt(theirs, indexAt(va, level)) + 1]!;
    if ((words[entry]! & Pte.present) === 0) {
      const start = va - (va % spanOf(level));
      if (!overlaps(unshared, start, start + spanOf(level))) {
        physical.retain(child);
        setEntry(physical, entry, Pte.present, child);
        return -1;
      }
      setEntry(physical, entry, Pte.present, physical.allocate());
    }
    if (words[entry + 1] === child) return -1;
    mine = words[entry + 1]!;
    theirs = child;
  }
  return entryAt(mine, indexAt(va, 0));
}

/** Tables below `root`, itself among them, that are not below `base` at the same place. */
export function countOwnTables(
  physical: PhysicalMemory,
  root: number,
  base: number,
  level: number = TOP_LEVEL,
): number {
  if (root === base) return 0;
  let tables = 1;
  if (level === 0) return tables;
  for (let index = 0; index < ENTRIES; index++) {
    const entry = entryAt(root, index);
    if ((physical.u32[entry]! & Pte.present) === 0) continue;
    const other = base === 0 ? 0 : physical.u32[entryAt(base, index) + 1]!;
    tables += countOwnTables(physical, physical.u32[entry + 1]!, other, level - 1);
  }
  return tables;
}
