import { Errno } from '../../errno.ts';
import type { Content } from './content.ts';
import type { FileSystem } from './file-system.ts';
import { Inode } from './inode.ts';
import { FileType } from './stat.ts';

/** A regular file. */
export class RegularFile extends Inode {
  readonly type = FileType.REGULAR;
  readonly content: Content;
  /** Seals of memfd_create(2), bits of {@link Seal}. */
  seals = 0;
  /** Open file descriptions. */
  opens = 0;
  /** Has been mapped into memory. */
  mapped = false;

  constructor(fileSystem: FileSystem, content: Content, permissions: number, uid = 0, gid = 0) {
    super(fileSystem, permissions, uid, gid);
    this.content = content;
  }

  override get size(): number {
    return this.content.size;
  }

  override get pages(): number {
    return this.content.pages;
  }

  /** -EPERM if a seal forbids a write, or one that grows the file. */
  sealedAgainst(growing: boolean): number {
    if (this.seals & (Seal.WRITE | Seal.FUTURE_WRITE)) return -Errno.EPERM;
    return growing && this.seals & Seal.GROW ? -Errno.EPERM : 0;
  }

  truncate(size: number): number {
    if (size < 0) return -Errno.EINVAL;
    if (size < this.size && this.seals & Seal.SHRINK) return -Errno.EPERM;
    if (size > this.size && this.seals & Seal.GROW) return -Errno.EPERM;
    const result = this.content.truncate(size);
    if (result === 0) this.modified();
    return result;
  }

  /** Frees its memory when neither a name nor a descriptor leads to it, on the disk neither. A mapping may outlive them, and keeps it. */
  override forget(): void {
    if (this.nlink > 0 || this.opens > 0 || this.mapped || this.fileSystem.storage?.leadsTo(this)) return;
    this.content.discard?.();
  }
}

/** F_ADD_SEALS bits (include/uapi/linux/fcntl.h). */
export const Seal = { SEAL: 1, SHRINK: 2, GROW: 4, WRITE: 8, FUTURE_WRITE: 16 } as const;
