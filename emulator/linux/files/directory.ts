import { Errno } from '../../errno.ts';
import type { Thread } from '../thread.ts';
import type { FileSystem } from './file-system.ts';
import { Inode } from './inode.ts';
import { FileType } from './stat.ts';

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
