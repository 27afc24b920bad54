import type { Directory } from './directory.ts';
import type { Inode } from './inode.ts';

/** A name that appears, leads elsewhere or (without an inode) goes. */
export interface NameChange {
  readonly directory: Directory;
  readonly name: string;
  readonly inode: Inode | undefined;
}

/** Changes that happen together: a rename is one of them. */
type Transaction = readonly NameChange[];

/** A kernel writes its journal now and then, whether asked or not. */
const MOST_PENDING = 256;

/**
 * The names of a file system, as its disk has them, and the changes that are not there yet, in their order: a disk never has a change without all those
 * before it. fsync of a directory writes the journal up to its last change.
 */
export class NameJournal {
  readonly #durable = new Map<Directory, Map<string, Inode>>();
  #pending: Transaction[] = [];
  /** How many names, on the disk or in pending changes, lead to an inode. */
  readonly #leading = new Map<Inode, number>();

  /** Changes that the disk has not got. */
  get pending(): number {
    return this.#pending.length;
  }

  record(...changes: Transaction): void {
    for (const { inode } of changes) this.#lead(inode, 1);
    this.#pending.push(changes);
    if (this.#pending.length > MOST_PENDING) this.#write(MOST_PENDING / 2);
  }

  /** Writes the changes of the directory, and so all before the last of them; without one, all. */
  sync(directory?: Directory): void {
    const last = this.#pending.findLastIndex(
      (changes) => directory === undefined || changes.some((change) => change.directory === directory),
    );
    this.#write(last + 1);
  }

  /** Power fails: some of the changes had reached the disk, in their order; the others never happened. */
  loseUnsynced(draw: (bound: number) => number): void {
    this.#write(draw(this.#pending.length + 1));
    this.#pending = [];
  }

  /** What the disk has in the directory. */
  entries(directory: Directory): ReadonlyMap<string, Inode> {
    return this.#durable.get(directory) ?? new Map();
  }

  leadsTo(inode: Inode): boolean {
    return this.#leading.has(inode);
  }

  #write(count: number): void {
    const left: Inode[] = [];
    for (const { directory, name, inode } of this.#pending.splice(0, count).flat()) {
      let names = this.#durable.get(directory);
      if (names === undefined) {
        names = new Map();
        this.#durable.set(directory, names);
      }
      const before = names.get(name);
      // What leads to the inode from now on is the name on the disk instead of the pending change.
      if (inode === undefined) names.delete(name);
      else names.set(name, inode);
      if (before !== undefined && this.#lead(before, -1)) left.push(before);
    }
    for (const inode of left) {
      this.#durable.delete(inode as Directory);
      inode.forget();
    }
  }

  /** Returns whether nothing leads there any more. */
  #lead(inode: Inode | undefined, by: number): boolean {
    if (inode === undefined) return false;
    const count = (this.#leading.get(inode) ?? 0) + by;
    if (count > 0) this.#leading.set(inode, count);
    else this.#leading.delete(inode);
    return count <= 0;
  }
}
