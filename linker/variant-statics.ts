import { SHT_NOBITS } from './elf.ts';
import type { ObjectFile } from './object.ts';
import type { InputSection } from './section.ts';
import type { SectionKey } from './variant-keys.ts';
import { baseFunction, textSuffix } from './variant-keys.ts';

interface Candidate {
  readonly section: InputSection;
  readonly key: SectionKey;
}

type Row = (InputSection | undefined)[];

/**
 * Pairs the sections of one name. Mostly there is one in each variant; of function-local statics (`count.1234`) and of
 * nameless sections there may be several, and not the same number in each variant: those are aligned in the order of
 * their numbers, which is the source's, by size, content and the functions that use them.
 */
export function matchStatics(byVariant: readonly (readonly Candidate[])[], defaultIndex: number): Row[] {
  const count = byVariant.length;
  if (byVariant.every((list) => list.length <= 1)) return [byVariant.map((list) => list[0]?.section)];
  const order = [defaultIndex, ...byVariant.keys()].filter((v, i) => i === 0 || v !== defaultIndex);
  const rows: Row[] = [];
  for (const v of order) {
    const list = [...byVariant[v]!].sort((a, b) => a.key.order - b.key.order).map((c) => c.section);
    for (const [i, row] of align(rows, list).entries()) {
      if (row !== undefined) row[v] = list[i];
      else {
        const fresh: Row = new Array(count).fill(undefined);
        fresh[v] = list[i];
        rows.push(fresh);
      }
    }
  }
  return rows;
}

/** For each section of `list` the row it belongs to: the alignment of highest score that keeps both orders. */
function align(rows: readonly Row[], list: readonly InputSection[]): (Row | undefined)[] {
  const heads = rows.map((row) => row.find((s) => s !== undefined)!);
  const [n, m] = [heads.length, list.length];
  const width = m + 1;
  const best = new Float64Array((n + 1) * width);
  for (let i = n - 1; i >= 0; i--) {
    for (let j = m - 1; j >= 0; j--) {
      const pair = score(heads[i]!, list[j]!);
      const skip = Math.max(best[(i + 1) * width + j]!, best[i * width + j + 1]!);
      best[i * width + j] = Math.max(skip, pair === 0 ? 0 : pair + best[(i + 1) * width + j + 1]!);
    }
  }
  const result: (Row | undefined)[] = new Array(m).fill(undefined);
  for (let i = 0, j = 0; i < n && j < m; ) {
    const pair = score(heads[i]!, list[j]!);
    if (pair > 0 && best[i * width + j] === pair + best[(i + 1) * width + j + 1]!) result[j++] = rows[i++];
    else if (best[i * width + j] === best[(i + 1) * width + j]) i++;
    else j++;
  }
  return result;
}

/** 0: cannot be the same object. Sharing a user weighs more than any number of mere likenesses. */
function score(a: InputSection, b: InputSection): number {
  const shared = haveCommonUser(a, b);
  const alike = a.size === b.size && a.isWritable === b.isWritable && a.isTls === b.isTls && sameBytes(a, b);
  if (shared) return alike ? 1001 : 1000;
  return alike ? 1 : 0;
}

/** Equal contents, where a section without bytes is all zero. */
export function sameBytes(a: InputSection, b: InputSection): boolean {
  return firstDifference(a, b) < 0;
}

/** Offset of the first byte that differs, or -1. Sizes must be equal. */
export function firstDifference(a: InputSection, b: InputSection): number {
  const [x, y] = [a.type === SHT_NOBITS ? undefined : a.data, b.type === SHT_NOBITS ? undefined : b.data];
  if (x === undefined && y === undefined) return -1;
  if (x === undefined || y === undefined) return (x ?? y)!.findIndex((byte) => byte !== 0);
  if (Buffer.compare(x, y) === 0) return -1;
  return x.findIndex((byte, i) => byte !== y[i]);
}

const usersByFile = new WeakMap<ObjectFile, Map<InputSection, Set<string>>>();

function usersOf(section: InputSection): ReadonlySet<string> {
  const { file } = section;
  let users = usersByFile.get(file);
  if (users === undefined) {
    users = new Map();
    usersByFile.set(file, users);
    for (const text of file.sections) {
      if (text === undefined || !text.isExec) continue;
      const name = baseFunction(textSuffix(text.name));
      const { symbols, count } = text.relocations;
      for (let i = 0; i < count; i++) {
        const target = file.symbols[symbols[i]!]?.section;
        if (target === undefined || target.isExec) continue;
        const names = users.get(target);
        if (names === undefined) users.set(target, new Set([name]));
        else names.add(name);
      }
    }
  }
  return users.get(section) ?? new Set();
}

function haveCommonUser(a: InputSection, b: InputSection): boolean {
  const [x, y] = [usersOf(a), usersOf(b)];
  for (const name of x) if (y.has(name)) return true;
  return false;
}
