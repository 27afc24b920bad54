import * as fs from 'node:fs';
import { join } from 'node:path';
import { Errno } from '../../errno.ts';
import type { Content, FrameStore } from './content.ts';
import { Directory, type DirectoryEntry, type NewInode } from './directory.ts';
import { FILE_PAGE } from './file-page.ts';
import type { FileSystem } from './file-system.ts';
import { type HostEntry, HostFile, hostEntries, hostEntry, hostErrno } from './host-access.ts';
import type { Inode } from './inode.ts';
import { RegularFile } from './regular-file.ts';
import { SpecialFile } from './special-file.ts';
import { FileType } from './stat.ts';
import { Symlink } from './symlink.ts';

/** What the files of one read-write host folder share. */
interface HostTree {
  readonly frames: FrameStore | undefined;
  /** Files by host identity: two names of one host file are one file here too. */
  readonly known: Map<string, Inode>;
  readonly contents: Set<HostContent>;
}

/** Content that lives in a host file and is written through to it. */
export class HostContent implements Content {
  readonly #file: HostFile;
  readonly #frames: FrameStore | undefined;
  /** Pages that guests mapped shared: their frames are what counts until {@link flush}. */
  readonly #shared = new Map<number, number>();

  constructor(file: HostFile, frames: FrameStore | undefined) {
    this.#file = file;
    this.#frames = frames;
  }

  get name(): string {
    return this.#file.path;
  }

  set path(path: string) {
    this.#file.path = path;
  }

  get size(): number {
    return Math.max(
      0,
      this.#file.use((descriptor) => fs.fstatSync(descriptor).size),
    );
  }

  get pages(): number {
    return Math.ceil(this.size / FILE_PAGE);
  }

  read(offset: number, into: Uint8Array): number {
    const count = this.#file.read(offset, into);
    if (count > 0)
      this.#eachShared(offset, count, (page, at, from, length) => into.set(page.subarray(at, at + length), from));
    return count;
  }

  write(offset: number, from: Uint8Array): number {
    const count = this.#file.use((descriptor) => fs.writeSync(descriptor, from, 0, from.length, offset));
    if (count > 0)
      this.#eachShared(offset, count, (page, at, start, length) => page.set(from.subarray(start, start + length), at));
    return count;
  }

  truncate(size: number): number {
    const result = this.#file.use((descriptor) => {
      fs.ftruncateSync(descriptor, size);
      return 0;
    });
    if (result !== 0) return result;
    for (const [index, frame] of this.#shared) {
      const keep = Math.max(0, Math.min(FILE_PAGE, size - index * FILE_PAGE));
      if (keep < FILE_PAGE) this.#frames!.frameBytes(frame).fill(0, keep);
    }
    return 0;
  }

  flush(): number {
    const { size } = this;
    for (const [index, frame] of this.#shared) {
      const length = Math.min(FILE_PAGE, size - index * FILE_PAGE);
      if (length <= 0) continue;
      const page = this.#frames!.frameBytes(frame);
      const result = this.#file.use((descriptor) => fs.writeSync(descriptor, page, 0, length, index * FILE_PAGE));
      if (result < 0) return result;
    }
    return this.#file.use((descriptor) => {
      fs.fsyncSync(descriptor);
      return 0;
    });
  }

  /** At the end of the run: shared pages reach the host file. */
  settle(): number {
    return this.#shared.size > 0 ? this.flush() : 0;
  }

  readPage(index: number, into: Uint8Array): void {
    const count = this.read(index * FILE_PAGE, into);
    into.fill(0, Math.max(0, count));
  }

  sharedFrame(index: number): number {
    let frame = this.#shared.get(index);
    if (frame === undefined) {
      const frames = this.#frames;
      if (frames === undefined) throw new TypeError('this content was made without guest memory');
      frame = frames.allocate();
      this.readPage(index, frames.frameBytes(frame));
      this.#shared.set(index, frame);
    }
    return frame;
  }

  opened(): void {
    this.#file.opened();
  }

  closed(): void {
    this.settle();
    this.#file.closed();
  }

  #eachShared(
    offset: number,
    count: number,
    action: (page: Uint8Array, atInPage: number, atInBuffer: number, length: number) => void,
  ): void {
    if (this.#shared.size === 0) return;
    for (let done = 0; done < count; ) {
      const inPage = (offset + done) % FILE_PAGE;
      const length = Math.min(FILE_PAGE - inPage, count - done);
      const frame = this.#shared.get(Math.floor((offset + done) / FILE_PAGE));
      if (frame !== undefined) {
        this.#frames!.markChanged(frame);
        action(this.#frames!.frameBytes(frame), inPage, done, length);
      }
      done += length;
    }
  }
}

/**
 * A host folder that the guest may write to. Names are looked up on the host each time, so changes by others show; links are
 * never followed on the host, only inside the guest's own tree. Owners and times are the guest's and stay in memory.
 */
export class HostDirectory extends Directory {
  readonly #tree: HostTree;
  readonly #topPath: string | undefined;

  constructor(
    fileSystem: FileSystem,
    parent: Directory | undefined,
    name: string,
    options:
      | { path: string; permissions?: number; frames?: FrameStore | undefined }
      | { tree: HostTree; permissions: number },
  ) {
    super(fileSystem, parent, name, options.permissions ?? 0o755);
    if ('tree' in options) this.#tree = options.tree;
    else {
      this.#tree = { frames: options.frames, known: new Map(), contents: new Set() };
      this.#topPath = options.path;
    }
  }

  get hostPath(): string {
    return this.#topPath ?? join((this.parent as HostDirectory).hostPath, this.name);
  }

  override get size(): number {
    return 4096;
  }

  override lookup(name: string): Inode | undefined {
    const entry = hostEntry(this.hostPath, name);
    return entry === undefined ? undefined : this.#adopt(entry);
  }

  override entries(): DirectoryEntry[] {
    return hostEntries(this.hostPath).map((entry) => {
      const { ino, type } = this.#adopt(entry);
      return { name: entry.name, ino, type };
    });
  }

  override create(name: string, what: NewInode): Inode | number {
    const path = join(this.hostPath, name);
    const permissions = what.permissions & 0o777;
    try {
      switch (what.type) {
        case FileType.DIRECTORY:
          fs.mkdirSync(path);
          fs.chmodSync(path, permissions);
          break;
        case FileType.REGULAR: {
          const descriptor = fs.openSync(path, 'wx', permissions);
          fs.fchmodSync(descriptor, permissions);
          fs.closeSync(descriptor);
          break;
        }
        case FileType.SYMLINK:
          fs.symlinkSync(what.target ?? '', path);
          break;
        default:
          return -Errno.EPERM; // no devices, pipes or sockets on the host
      }
    } catch (error) {
      return hostErrno(error);
    }
    this.modified();
    const made = this.lookup(name);
    if (made === undefined) return -Errno.EIO;
    made.uid = what.uid;
    made.gid = what.gid;
    return made;
  }

  override link(name: string, inode: Inode): number {
    const source = this.#pathOf(inode);
    if (source === undefined) return -Errno.ENOENT;
    return this.#attempt(() => {
      fs.linkSync(source, join(this.hostPath, name));
      inode.nlink++;
      this.modified();
    });
  }

  override unlink(name: string, inode: Inode): number {
    const path = join(this.hostPath, name);
    return this.#attempt(() => {
      if (inode instanceof Directory) {
        fs.rmdirSync(path);
        inode.removed = true;
        inode.nlink = 0;
      } else {
        fs.unlinkSync(path);
        inode.nlink--;
      }
      this.modified();
    });
  }

  override move(name: string, inode: Inode, to: Directory, newName: string, replaced: Inode | undefined): number {
    const target = to as HostDirectory;
    return this.#attempt(() => {
      fs.renameSync(join(this.hostPath, name), join(target.hostPath, newName));
      if (replaced !== undefined) replaced.nlink = replaced instanceof Directory ? 0 : replaced.nlink - 1;
      if (replaced instanceof Directory) replaced.removed = true;
      if (inode instanceof Directory) {
        inode.parent = target;
        inode.name = newName;
      }
      target.lookup(newName); // tells the file its new path
      this.modified();
      target.modified();
    });
  }

  /** Brings shared mappings to the host files; at the end of a run. */
  settle(): void {
    for (const content of this.#tree.contents) content.settle();
  }

  #attempt(action: () => void): number {
    try {
      action();
      return 0;
    } catch (error) {
      return hostErrno(error);
    }
  }

  #pathOf(inode: Inode): string | undefined {
    return inode instanceof RegularFile ? inode.content.name : undefined;
  }

  #adopt(entry: HostEntry): Inode {
    const { known } = this.#tree;
    const found = known.get(entry.identity);
    if (found !== undefined && found.type === entry.type) {
      if (found instanceof RegularFile) (found.content as HostContent).path = entry.path;
      else if (found instanceof Directory) {
        found.parent = this;
        found.name = entry.name;
      }
      if (!(found instanceof Symlink) || found.text === entry.target) return found;
    }
    const inode = this.#make(entry);
    known.set(entry.identity, inode);
    return inode;
  }

  #make(entry: HostEntry): Inode {
    switch (entry.type) {
      case FileType.DIRECTORY:
        return new HostDirectory(this.fileSystem, this, entry.name, {
          tree: this.#tree,
          permissions: entry.permissions,
        });
      case FileType.SYMLINK:
        return new Symlink(this.fileSystem, entry.target!);
      case FileType.REGULAR: {
        const content = new HostContent(new HostFile(entry.path, entry.size, true), this.#tree.frames);
        this.#tree.contents.add(content);
        return new RegularFile(this.fileSystem, content, entry.permissions);
      }
      default:
        return new SpecialFile(this.fileSystem, entry.type, entry.permissions);
    }
  }
}
