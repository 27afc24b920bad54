import { Errno } from '../../errno.ts';
import type { Credentials } from '../credentials.ts';
import type { Thread } from '../thread.ts';
import type { Content } from './content.ts';
import type { FileLocks } from './locks.ts';
import type { OpenFile } from './open-file.ts';
import { type FileStat, type FileSystemStat, FileType, type Timestamp } from './stat.ts';
import type { Storage } from './storage.ts';

/** One mounted file system: its device number, its inode numbers, its clock and its room. */
export class FileSystem {
  /** As in /proc/mounts: "tmpfs", "overlay", "proc", "host". */
  readonly type: string;
  /** `f_type` of statfs(2). */
  readonly magic: number;
  readonly device: number;
  readonly readOnly: boolean;
  /** The machine's wall clock. */
  readonly now: () => Timestamp;
  /** Most 4 KiB pages that its files may hold in memory, and how many they do. */
  readonly pageLimit: number;
  pagesUsed = 0;
  /** The disk below, if the files are to survive a crash as far as they were synced. */
  readonly storage: Storage | undefined;
  #lastIno = 0;

  constructor(options: {
    type: string;
    magic: number;
    device: number;
    readOnly?: boolean;
    now: () => Timestamp;
    pageLimit?: number;
    storage?: Storage | undefined;
  }) {
    this.type = options.type;
    this.magic = options.magic;
    this.device = options.device;
    this.readOnly = options.readOnly ?? false;
    this.now = options.now;
    this.pageLimit = options.pageLimit ?? 2 ** 18;
    this.storage = options.storage;
  }

  nextIno(): number {
    return ++this.#lastIno;
  }

  stat(): FileSystemStat {
    const free = Math.max(0, this.pageLimit - this.pagesUsed);
    return {
      type: this.magic,
      blockSize: 4096,
      blocks: this.pageLimit,
      free,
      files: 2 ** 20,
      readOnly: this.readOnly,
    };
  }
}

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

/** What to make: a file of `type` under a new name. */
export interface NewInode {
  readonly type: number;
  readonly permissions: number;
  readonly uid: number;
  readonly gid: number;
  /** Of a symbolic link. */
  readonly target?: string;
  /** Of a device. */
  readonly rdev?: number;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly ino: number;
  /** One of {@link FileType}. */
  readonly type: number;
}

/**
 * A directory. Its methods that change something assume that the caller has checked names, types and permissions
 * (`vfs.ts` does); they return 0 or a negated errno. Those of a read-only kind keep the refusals below.
 */
export abstract class Directory extends Inode {
  readonly type = FileType.DIRECTORY;
  /** The directory it stands in; itself at the root of everything. */
  parent: Directory;
  /** Its name in `parent`. */
  name: string;
  /** No longer reachable by a name. */
  removed = false;
  /** What is mounted on names of this directory. */
  readonly mounts = new Map<string, Inode>();

  constructor(
    fileSystem: FileSystem,
    parent: Directory | undefined,
    name: string,
    permissions: number,
    uid = 0,
    gid = 0,
  ) {
    super(fileSystem, permissions, uid, gid);
    this.parent = parent ?? this;
    this.name = name;
    this.nlink = 2;
  }

  /** `caller` is who asks: /proc answers each process differently. */
  abstract lookup(name: string, caller: Thread): Inode | undefined;

  /** Its entries without `.` and `..`, in a stable order. */
  abstract entries(caller: Thread): DirectoryEntry[];

  /** Makes a file; `name` is free. */
  create(_name: string, _what: NewInode): Inode | number {
    return -Errno.EACCES;
  }

  /** Gives `inode`, of the same file system, one more name. */
  link(_name: string, _inode: Inode): number {
    return -Errno.EPERM;
  }

  /** Takes the name away from a file, or from an empty directory. */
  unlink(_name: string, _inode: Inode): number {
    return -Errno.EPERM;
  }

  /** Moves `inode` from `name` here to `newName` in `to`, of the same file system, over what stands there. */
  move(_name: string, _inode: Inode, _to: Directory, _newName: string, _replaced: Inode | undefined): number {
    return -Errno.EPERM;
  }

  /** Swaps two names (RENAME_EXCHANGE). */
  exchange(_name: string, _inode: Inode, _to: Directory, _newName: string, _other: Inode): number {
    return -Errno.EINVAL;
  }

  /** Its absolute path, undefined when it has been removed. */
  path(root: Directory): string | undefined {
    const names: string[] = [];
    for (let at: Directory = this; at !== root; at = at.parent) {
      if (at.removed) return undefined;
      if (at.parent === at) break;
      names.push(at.name);
    }
    return `/${names.reverse().join('/')}`;
  }

  isInside(other: Directory): boolean {
    for (let at: Directory = this; ; at = at.parent) {
      if (at === other) return true;
      if (at.parent === at) return false;
    }
  }
}

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

/** A symbolic link with a fixed target. */
export class Symlink extends Inode {
  readonly type = FileType.SYMLINK;
  readonly text: string;

  constructor(fileSystem: FileSystem, text: string, uid = 0, gid = 0) {
    super(fileSystem, 0o777, uid, gid);
    this.text = text;
  }

  override get size(): number {
    return Buffer.byteLength(this.text);
  }

  override get pages(): number {
    return 0;
  }

  target(_caller: Thread): string {
    return this.text;
  }
}

/** A link of /proc whose text depends on who asks, and which may lead straight to a file, whatever its text says. */
export class MagicLink extends Symlink {
  readonly #target: (caller: Thread) => string;
  /** The file itself; undefined = go by the text. */
  readonly destination: ((caller: Thread) => OpenFile | undefined) | undefined;

  constructor(
    fileSystem: FileSystem,
    target: (caller: Thread) => string,
    destination?: (caller: Thread) => OpenFile | undefined,
  ) {
    super(fileSystem, '');
    this.#target = target;
    this.destination = destination;
  }

  override target(caller: Thread): string {
    return this.#target(caller);
  }
}

/** A device, named pipe or socket in a directory. */
export class SpecialFile extends Inode {
  readonly type: number;
  /** What stands behind it: a named pipe's pipe, a bound socket's listener. */
  attached: object | undefined;

  constructor(
    fileSystem: FileSystem,
    type: number,
    permissions: number,
    options: { uid?: number; gid?: number; rdev?: number } = {},
  ) {
    super(fileSystem, permissions, options.uid, options.gid);
    this.type = type;
    this.rdev = options.rdev ?? 0;
  }
}

/** A file whose text is made when it is opened (/proc, /sys). */
export class GeneratedFile extends Inode {
  readonly type = FileType.REGULAR;
  /** The text, for the thread that opens it. */
  readonly generate: (caller: Thread) => string;
  /** Takes what was written; returns 0 or a negated errno. Without it the file cannot be written. */
  readonly accept: ((text: string, caller: Thread) => number) | undefined;

  constructor(
    fileSystem: FileSystem,
    generate: (caller: Thread) => string,
    accept?: (text: string, caller: Thread) => number,
  ) {
    super(fileSystem, accept === undefined ? 0o444 : 0o644);
    this.generate = generate;
    this.accept = accept;
  }
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
