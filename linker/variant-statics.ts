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

/** Two statics of one name that could be each other's: told apart by nothing that the objects hold. */
export type ReportAmbiguous = (a: InputSection, b: InputSection) => void;

/**
 * Pairs the sections of one name. Mostly there is one in each variant; of function-local statics (`count.1234`) and of
 * nameless sections there may be several, and not the same number in each variant. The numbers mean little: gcc counts
 * them differently at different -O levels. So those are paired by the functions that use them, by the callers into which
 * such a function may have been inlined, by size and content, and only then by number.
 */
export function matchStatics(
  byVariant: readonly (readonly Candidate[])[],
  defaultIndex: number,
  ambiguous: ReportAmbiguous,
): Row[] {
  const count = byVariant.length;
  if (byVariant.every((list) => list.length <= 1)) return [byVariant.map((list) => list[0]?.section)];
  const order = [defaultIndex, ...byVariant.keys()].filter((v, i) => i === 0 || v !== defaultIndex);
  const rows: Row[] = [];
  const numbers = new Map<InputSection, number>();
  for (const v of order) {
    const list = [...byVariant[v]!].sort((a, b) => a.key.order - b.key.order);
    for (const c of list) numbers.set(c.section, c.key.order);
    const sections = list.map((c) => c.section);
    for (const [i, row] of assign(rows, sections, numbers, ambiguous).entries()) {
      if (row !== undefined) row[v] = sections[i];
      else {
        const fresh: Row = new Array(count).fill(undefined);
        fresh[v] = sections[i];
        rows.push(fresh);
      }
    }
  }
  return rows;
}

/** For each section of `list` the row it belongs to, if any. */
function assign(
  rows: readonly Row[],
  list: readonly InputSection[],
  numbers: ReadonlyMap<InputSection, number>,
  ambiguous: ReportAmbiguous,
): (Row | undefined)[] {
  const heads = rows.map((row) => row.find((s) => s !== undefined)!);
  const sameNumbers = heads.length === list.length && heads.every((h, i) => numbers.get(h) === numbers.get(list[i]!));
  if (sameNumbers && heads.every((h, i) => isPlainPair(h, list[i]!))) return [...rows];
  const pairs: { row: number; item: number; score: number }[] = [];
  for (const [row, head] of heads.entries()) {
    for (const [item, section] of list.entries()) {
      const score = likeness(head, section);
      const named = sameNumbers && numbers.get(head) === numbers.get(section) ? 1 : 0;
      if (score > 0) pairs.push({ row, item, score: score + named });
    }
  }
  pairs.sort((a, b) => b.score - a.score || a.row - b.row || a.item - b.item);
  const result: (Row | undefined)[] = new Array(list.length).fill(undefined);
  const taken = new Set<number>();
  for (const [at, { row, item, score }] of pairs.entries()) {
    if (taken.has(row) || result[item] !== undefined) continue;
    for (let i = at + 1; i < pairs.length && pairs[i]!.score === score; i++) {
      const other = pairs[i]!;
      const rivals = (other.row === row) !== (other.item === item);
      if (!rivals || taken.has(other.row) || result[other.item] !== undefined) continue;
      if (list[item]!.isWritable) ambiguous(heads[row]!, list[item]!);
      break;
    }
    taken.add(row);
    result[item] = rows[row];
  }
  return result;
}

/** Equal numbers, likeness and users: what compiles with the same -O level give. */
function isPlainPair(a: InputSection, b: InputSection): boolean {
  if (!isAlike(a, b)) return false;
  const [x, y] = [usersOf(a).direct, usersOf(b).direct];
  return x.size === 0 && y.size === 0 ? true : intersects(x, y);
}

function isAlike(a: InputSection, b: InputSection): boolean {
  return a.size === b.size && a.isWritable === b.isWritable && a.isTls === b.isTls && sameBytes(a, b);
}

/** 0: not the same object. A common user weighs more than a common caller of users, that more than looks. */
function likeness(a: InputSection, b: InputSection): number {
  const alike = isAlike(a, b);
  const [x, y] = [usersOf(a), usersOf(b)];
  if (intersects(x.direct, y.direct)) return 1000 + (alike ? 10 : 0);
  if (!alike) return 0;
  return intersects(x.all, y.all) ? 110 : 10;
}

function intersects(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  for (const name of a) if (b.has(name)) return true;
  return false;
}

/** Equal contents, where a section without bytes is all zero. */
function sameBytes(a: InputSection, b: InputSection): boolean {
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

/** Names of the functions that use a section, and of all that call those inside the file. */
class Users {
  readonly direct: ReadonlySet<string>;
  readonly #callers: ReadonlyMap<string, ReadonlySet<string>>;
  #all: ReadonlySet<string> | undefined;

  constructor(direct: ReadonlySet<string>, callers: ReadonlyMap<string, ReadonlySet<string>>) {
    this.direct = direct;
    this.#callers = callers;
  }

  /** Made when it is asked for: that is seldom, and in a large file it is most functions. */
  get all(): ReadonlySet<string> {
    if (this.#all === undefined) {
      const all = new Set(this.direct);
      // A set grows while it is walked: that is the transitive closure.
      for (const name of all) for (const caller of this.#callers.get(name) ?? []) all.add(caller);
      this.#all = all;
    }
    return this.#all;
  }
}

const NO_USERS = new Users(new Set(), new Map());
const usersByFile = new WeakMap<ObjectFile, Map<InputSection, Users>>();

function usersOf(section: InputSection): Users {
  let users = usersByFile.get(section.file);
  if (users === undefined) {
    users = findUsers(section.file);
    usersByFile.set(section.file, users);
  }
  return users.get(section) ?? NO_USERS;
}

function findUsers(file: ObjectFile): Map<InputSection, Users> {
  const direct = new Map<InputSection, Set<string>>();
  const callers = new Map<string, Set<string>>();
  const put = <K>(map: Map<K, Set<string>>, key: K, name: string): void => {
    const set = map.get(key);
    if (set === undefined) map.set(key, new Set([name]));
    else set.add(name);
  };
  const names = new Map<InputSection, string>();
  const nameOf = (text: InputSection): string => {
    let name = names.get(text);
    if (name === undefined) {
      name = baseFunction(textSuffix(text.name));
      names.set(text, name);
    }
    return name;
  };
  for (const text of file.sections) {
    if (text === undefined || !text.isExec) continue;
    const name = nameOf(text);
    const { symbols, first, last } = text.relocations;
    for (let i = first; i < last; i++) {
      const target = file.symbols[symbols[i]!]?.section;
      if (target === undefined || target === text) continue;
      if (target.isExec) put(callers, nameOf(target), name);
      else put(direct, target, name);
    }
  }
  const users = new Map<InputSection, Users>();
  for (const [section, own] of direct) users.set(section, new Users(own, callers));
  return users;
}
