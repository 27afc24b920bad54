import type { Thread } from '../thread.ts';
import { Directory, type DirectoryEntry } from './directory.ts';
import type { FileSystem } from './file-system.ts';
import type { Inode } from './inode.ts';

/** What a directory of /proc holds. */
export interface VirtualEntries {
  /** Names that there are now. */
  names(caller: Thread): readonly string[];
  /** Makes the file behind one of these names; it is kept as long as the name is there. */
  make(name: string, directory: VirtualDirectory, caller: Thread): Inode;
}

/** A directory whose entries follow from the kernel's state. Nothing can be made in it. */
export class VirtualDirectory extends Directory {
  readonly #entries: VirtualEntries;
  readonly #made = new Map<string, Inode>();

  constructor(
    fileSystem: FileSystem,
    parent: Directory | undefined,
    name: string,
    entries: VirtualEntries,
    permissions = 0o555,
  ) {
    super(fileSystem, parent, name, permissions);
    this.#entries = entries;
  }

  override lookup(name: string, caller: Thread): Inode | undefined {
    if (!this.#entries.names(caller).includes(name)) {
      this.#made.delete(name);
      return undefined;
    }
    let inode = this.#made.get(name);
    if (inode === undefined) {
      inode = this.#entries.make(name, this, caller);
      this.#made.set(name, inode);
    }
    return inode;
  }

  override entries(caller: Thread): DirectoryEntry[] {
    return this.#entries.names(caller).map((name) => {
      const { ino, type } = this.lookup(name, caller)!;
      return { name, ino, type };
    });
  }
}

/** A directory with fixed names. */
export const fixedEntries = (
  makers: Readonly<Record<string, (directory: VirtualDirectory) => Inode>>,
): VirtualEntries => {
  const names = Object.keys(makers);
  return { names: () => names, make: (name, directory) => makers[name]!(directory) };
};
