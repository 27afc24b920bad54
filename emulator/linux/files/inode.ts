import type { Credentials } from '../credentials.ts';
import type { FileSystem } from './file-system.ts';
import type { FileLocks } from './locks.ts';
import { type FileStat, FileType, type Timestamp } from './stat.ts';

/** A file of any type, apart from its names. `type` is one of {@link FileType}, `permissions` the other twelve mode bits. */
export abstract class Inode {
  abstract readonly type: number;
  readonly fileSystem: FileSystem;
  readonly ino: number;
  permissions: number;
  uid: number;
  gid: number;
  nlink = 1;
  rdev = 0;
  atime: Timestamp;
  mtime: Timestamp;
  ctime: Timestamp;
  locks: FileLocks | undefined;

  constructor(fileSystem: FileSystem, permissions: number, uid = 0, gid = 0) {
    this.fileSystem = fileSystem;
    this.ino = fileSystem.nextIno();
    this.permissions = permissions & 0o7777;
    this.uid = uid;
    this.gid = gid;
    this.atime = this.mtime = this.ctime = fileSystem.now();
  }

  get size(): number {
    return 0;
  }

  /** Memory pages that hold its content, for `st_blocks`. */
  get pages(): number {
    return Math.ceil(this.size / 4096);
  }

  stat(): FileStat {
    return {
      dev: this.fileSystem.device,
      ino: this.ino,
      mode: this.type | this.permissions,
      nlink: this.nlink,
      uid: this.uid,
      gid: this.gid,
      rdev: this.rdev,
      size: this.size,
      blksize: 4096,
      blocks: this.pages * 8,
      atime: this.atime,
      mtime: this.mtime,
      ctime: this.ctime,
    };
  }

  /** Its content changed. */
  modified(): void {
    this.mtime = this.ctime = this.fileSystem.now();
  }

  /** Its inode changed. */
  changed(): void {
    this.ctime = this.fileSystem.now();
  }

  /** Frees what it holds when nothing leads to it any more. */
  forget(): void {}
}

export const Permission = { READ: 4, WRITE: 2, EXECUTE: 1 } as const;

/** Whether `who` may do `want` (bits of {@link Permission}); the superuser may all but execute what nobody can. */
export function permits(inode: Inode, who: Credentials, want: number): boolean {
  if (who.euid === 0) {
    return !(want & Permission.EXECUTE) || inode.type === FileType.DIRECTORY || (inode.permissions & 0o111) !== 0;
  }
  const shift = who.euid === inode.uid ? 6 : who.egid === inode.gid || who.groups.includes(inode.gid) ? 3 : 0;
  return ((inode.permissions >> shift) & 7 & want) === want;
}
