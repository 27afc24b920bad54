import type { Thread } from '../thread.ts';
import { type FrameStore, PagedContent } from './content.ts';
import { Directory, type DirectoryEntry, type NewInode } from './directory.ts';
import type { FileSystem } from './file-system.ts';
import { type HostEntry, HostFile, hostEntries } from './host-access.ts';
import type { Inode } from './inode.ts';
import { RegularFile } from './regular-file.ts';
import { SpecialFile } from './special-file.ts';
import { FileType } from './stat.ts';
import { Symlink } from './symlink.ts';

/**
 * A directory in memory. Given host folders it is an overlay: it shows what they hold (the first folder that has a name wins,
 * directories are merged) and keeps every change to itself. A moved or deleted name needs no mark on the host: the tree in
 * memory is what counts, the host is only read once per directory.
 */
export class MemoryDirectory extends Directory {
  readonly #frames: FrameStore | undefined;
  readonly #children = new Map<string, Inode>();
  /** Host folders whose entries have not been taken over yet. */
  #pending: readonly string[];
  /** Regular files by host identity, shared by the whole overlay, so that hard links stay one file. */
  readonly #seen: Map<string, RegularFile>;

  constructor(
    fileSystem: FileSystem,
    parent: Directory | undefined,
    name: string,
    options: {
      permissions?: number;
      uid?: number;
      gid?: number;
      frames?: FrameStore | undefined;
      folders?: readonly string[];
      seen?: Map<string, RegularFile>;
    } = {},
  ) {
    super(fileSystem, parent, name, options.permissions ?? 0o755, options.uid, options.gid);
    this.#frames = options.frames;
    this.#pending = options.folders ?? [];
    this.#seen = options.seen ?? new Map();
  }

  override get size(): number {
    return 4096;
  }

  override get pages(): number {
    return 0;
  }

  override lookup(name: string, _caller?: Thread): Inode | undefined {
    this.#takeOver();
    return this.#children.get(name);
  }

  override entries(_caller?: Thread): DirectoryEntry[] {
    this.#takeOver();
    return [...this.#children].map(([name, inode]) => ({ name, ino: inode.ino, type: inode.type }));
  }

  override create(name: string, what: NewInode): Inode {
    this.#takeOver();
    const { fileSystem } = this;
    let inode: Inode;
    switch (what.type) {
      case FileType.DIRECTORY:
        inode = new MemoryDirectory(fileSystem, this, name, { ...what, frames: this.#frames, seen: this.#seen });
        this.nlink++;
        break;
      case FileType.REGULAR:
        inode = this.newFile(name, what);
        break;
      case FileType.SYMLINK:
        inode = new Symlink(fileSystem, what.target ?? '', what.uid, what.gid);
        break;
      default:
        inode = new SpecialFile(fileSystem, what.type, what.permissions, what);
    }
    this.add(name, inode);
    return inode;
  }

  /** An empty file without a name (O_TMPFILE). */
  newFile(name: string, what: NewInode): RegularFile {
    const content = new PagedContent(name, this.fileSystem, this.#frames);
    return new RegularFile(this.fileSystem, content, what.permissions, what.uid, what.gid);
  }

  /** Puts a ready-made file in. */
  add(name: string, inode: Inode): void {
    this.#takeOver();
    this.#children.set(name, inode);
    this.fileSystem.storage?.names.record({ directory: this, name, inode });
    this.modified();
  }

  override link(name: string, inode: Inode): number {
    this.add(name, inode);
    inode.nlink++;
    inode.changed();
    return 0;
  }

  override unlink(name: string, inode: Inode): number {
    this.#children.delete(name);
    this.fileSystem.storage?.names.record({ directory: this, name, inode: undefined });
    this.#dropped(inode);
    this.modified();
    return 0;
  }

  override move(name: string, inode: Inode, to: Directory, newName: string, replaced: Inode | undefined): number {
    const target = to as MemoryDirectory;
    target.#takeOver();
    this.#children.delete(name);
    this.fileSystem.storage?.names.record(
      { directory: this, name, inode: undefined },
      { directory: target, name: newName, inode },
    );
    if (replaced !== undefined) target.#dropped(replaced);
    target.#children.delete(newName); // a new name goes to the end of the order, an old one does too
    target.#place(newName, inode, this);
    inode.changed();
    this.modified();
    target.modified();
    return 0;
  }

  override exchange(name: string, inode: Inode, to: Directory, newName: string, other: Inode): number {
    const target = to as MemoryDirectory;
    this.fileSystem.storage?.names.record(
      { directory: target, name: newName, inode },
      { directory: this, name, inode: other },
    );
    target.#place(newName, inode, this);
    this.#place(name, other, target);
    this.modified();
    target.modified();
    return 0;
  }

  #place(name: string, inode: Inode, from: MemoryDirectory): void {
    this.#children.set(name, inode);
    if (!(inode instanceof Directory)) return;
    inode.name = name;
    inode.parent = this;
    from.nlink--;
    this.nlink++;
  }

  #dropped(inode: Inode): void {
    inode.nlink--;
    inode.changed();
    if (inode instanceof Directory) {
      inode.nlink = 0;
      inode.removed = true;
      this.nlink--;
    }
    if (inode instanceof RegularFile) inode.forget();
  }

  /** Takes over the names of the host folders, once. */
  #takeOver(): void {
    if (this.#pending.length === 0) return;
    const folders = this.#pending;
    this.#pending = [];
    const found = new Map<string, HostEntry[]>();
    for (const folder of folders) {
      for (const entry of hostEntries(folder)) {
        const above = found.get(entry.name);
        if (above === undefined) found.set(entry.name, [entry]);
        else if (above[0]!.type === FileType.DIRECTORY && entry.type === FileType.DIRECTORY) above.push(entry);
      }
    }
    for (const name of [...found.keys()].sort()) this.#children.set(name, this.#adopt(name, found.get(name)!));
  }

  #adopt(name: string, entries: readonly HostEntry[]): Inode {
    const entry = entries[0]!;
    const { fileSystem } = this;
    if (entry.type === FileType.DIRECTORY) {
      this.nlink++;
      return new MemoryDirectory(fileSystem, this, name, {
        permissions: entry.permissions,
        frames: this.#frames,
        folders: entries.map(({ path }) => path),
        seen: this.#seen,
      });
    }
    if (entry.type === FileType.SYMLINK) return new Symlink(fileSystem, entry.target!);
    const known = this.#seen.get(entry.identity);
    if (known !== undefined) {
      known.nlink++;
      return known;
    }
    const source = new HostFile(entry.path, entry.size, false);
    const content = new PagedContent(name, fileSystem, this.#frames, source);
    const file = new RegularFile(fileSystem, content, entry.permissions);
    this.#seen.set(entry.identity, file);
    return file;
  }
}
