import { Errno } from '../../errno.ts';
import type { Thread } from '../thread.ts';
import type { Content } from './content.ts';
import type { Directory, DirectoryEntry } from './directory.ts';
import type { Inode } from './inode.ts';
import { OpenFile } from './open-file.ts';
import { OpenFlag } from './open-flags.ts';
import type { RegularFile } from './regular-file.ts';
import { type FileStat, FileType } from './stat.ts';

const SEEK = { SET: 0, CUR: 1, END: 2, DATA: 3, HOLE: 4 } as const;

/** Where a seek leads, or a negated errno. */
export function seekTarget(position: number, size: number, offset: number, whence: number): number {
  let target: number;
  switch (whence) {
    case SEEK.SET:
      target = offset;
      break;
    case SEEK.CUR:
      target = position + offset;
      break;
    case SEEK.END:
      target = size + offset;
      break;
    case SEEK.DATA:
      return offset >= size || offset < 0 ? -Errno.ENXIO : offset;
    case SEEK.HOLE:
      return offset >= size || offset < 0 ? -Errno.ENXIO : size;
    default:
      return -Errno.EINVAL;
  }
  return target < 0 ? -Errno.EINVAL : target;
}

/** An open regular file. */
export class OpenRegularFile extends OpenFile {
  readonly #file: RegularFile;

  constructor(file: RegularFile, flags: number, path: string) {
    super(flags, path);
    this.#file = file;
    file.opens++;
    file.content.opened?.();
  }

  override get inode(): RegularFile {
    return this.#file;
  }

  override get seekable(): boolean {
    return true;
  }

  override read(into: Uint8Array, _now: number, offset?: number): number {
    const count = this.#file.content.read(offset ?? this.offset, into);
    if (offset === undefined && count > 0) this.offset += count;
    return count;
  }

  override write(from: Uint8Array, _now: number, offset?: number): number {
    const { content } = this.#file;
    const append = (this.flags & OpenFlag.APPEND) !== 0;
    const at = append ? content.size : (offset ?? this.offset);
    const refusal = this.#file.sealedAgainst(at + from.length > content.size);
    if (refusal !== 0) return refusal;
    const count = content.write(at, from);
    if (count > 0) {
      if (offset === undefined) this.offset = at + count;
      this.#file.modified();
    }
    return count;
  }

  override seek(offset: number, whence: number): number {
    const target = seekTarget(this.offset, this.#file.size, offset, whence);
    if (target >= 0) this.offset = target;
    return target;
  }

  override truncate(size: number): number {
    return this.#file.truncate(size);
  }

  override sync(): number {
    return this.#file.content.flush();
  }

  override stat(): FileStat {
    return this.#file.stat();
  }

  override available(): number {
    return Math.max(0, this.#file.size - this.offset);
  }

  override get mappable(): Content {
    this.#file.mapped = true;
    return this.#file.content;
  }

  protected override closed(): void {
    this.#file.content.closed?.();
    this.#file.opens--;
    this.#file.forget();
  }
}

/** An open directory: getdents64 reads the list as it was when reading began, so entries may come and go meanwhile. */
export class OpenDirectory extends OpenFile {
  readonly directory: Directory;
  #list: DirectoryEntry[] | undefined;

  constructor(directory: Directory, flags: number, path: string) {
    super(flags, path);
    this.directory = directory;
  }

  override get inode(): Directory {
    return this.directory;
  }

  override read(): number {
    return -Errno.EISDIR;
  }

  override seek(offset: number, whence: number): number {
    const target = seekTarget(this.offset, this.#list?.length ?? 0, offset, whence);
    if (target >= 0) this.offset = target;
    if (target === 0) this.#list = undefined;
    return target;
  }

  /** The entries from the current position on; the caller moves `offset` by as many as it used. */
  remaining(caller: Thread): DirectoryEntry[] {
    if (this.#list === undefined || this.offset === 0) {
      const { directory } = this;
      const mounted = [...directory.mounts].map(([name, inode]) => ({ name, ino: inode.ino, type: inode.type }));
      this.#list = [
        { name: '.', ino: directory.ino, type: FileType.DIRECTORY },
        { name: '..', ino: directory.parent.ino, type: FileType.DIRECTORY },
        ...directory.entries(caller).filter(({ name }) => !directory.mounts.has(name)),
        ...mounted,
      ];
    }
    return this.#list.slice(this.offset);
  }

  override sync(): number {
    this.directory.fileSystem.storage?.names.sync(this.directory);
    return 0;
  }

  override stat(): FileStat {
    return this.directory.stat();
  }
}

/** A descriptor opened with O_PATH: a place in the tree, nothing more. */
export class PathFile extends OpenFile {
  readonly #inode: Inode;

  constructor(inode: Inode, flags: number, path: string) {
    super(flags, path);
    this.#inode = inode;
  }

  override get inode(): Inode {
    return this.#inode;
  }

  override read(): number {
    return -Errno.EBADF;
  }

  override write(): number {
    return -Errno.EBADF;
  }

  override seek(): number {
    return -Errno.EBADF;
  }

  override stat(): FileStat {
    return this.#inode.stat();
  }
}
