import { Errno } from '../../errno.ts';
import type { Thread } from '../thread.ts';
import { Directory, type NewInode } from './directory.ts';
import { FileTree } from './file-tree.ts';
import { GeneratedFile, GeneratedOpenFile } from './generated-file.ts';
import { type Inode, Permission, permits } from './inode.ts';
import { OpenDirectory, OpenRegularFile, PathFile } from './inode-file.ts';
import { MemoryDirectory } from './memory-directory.ts';
import type { OpenFile } from './open-file.ts';
import { isReadable, isWritable, OpenFlag } from './open-flags.ts';
import { type Place, walk } from './path.ts';
import { RegularFile } from './regular-file.ts';
import { SpecialFile } from './special-file.ts';
import { FileType } from './stat.ts';
import { Symlink } from './symlink.ts';

export const AT_FDCWD = -100;

/** Opens a device by its number. */
export type DeviceOpener = (caller: Thread, flags: number, path: string) => OpenFile | number;

/** What processes do with files by their names, with the checks that Linux makes. One for all; where each stands is its `FsContext`. */
export class Vfs extends FileTree {
  readonly devices = new Map<number, DeviceOpener>();

  /** Where a path leads for `thread`, from descriptor `at` on. */
  resolve(thread: Thread, at: number, path: string, follow = true): Place | number {
    const { process } = thread;
    const { root, cwd } = process.fs;
    let start = cwd;
    if (path === '') return -Errno.ENOENT; // whatever `at` is
    if (at !== AT_FDCWD && !path.startsWith('/')) {
      const inode = process.files.get(at)?.inode;
      if (process.files.get(at) === undefined) return -Errno.EBADF;
      if (!(inode instanceof Directory)) return -Errno.ENOTDIR;
      start = inode;
    }
    return walk(thread, root, start, path, { follow, credentials: process.credentials });
  }

  /** As {@link resolve}, but something must be there; an empty path means descriptor `at` itself if `allowEmpty`. */
  find(
    thread: Thread,
    at: number,
    path: string,
    options: { follow?: boolean; allowEmpty?: boolean } = {},
  ): Inode | OpenFile | number {
    if (path === '' && options.allowEmpty) {
      if (at === AT_FDCWD) return thread.process.fs.cwd;
      const file = thread.process.files.get(at);
      return file === undefined ? -Errno.EBADF : (file.inode ?? file);
    }
    const place = this.resolve(thread, at, path, options.follow ?? true);
    if (typeof place === 'number') return place;
    return place.file ?? place.inode ?? -Errno.ENOENT;
  }

  /** open(2), all but the descriptor. `flags` are in the kernel's numbering. */
  open(thread: Thread, at: number, path: string, flags: number, mode: number): OpenFile | number {
    const exclusive = (flags & OpenFlag.CREAT) !== 0 && (flags & OpenFlag.EXCL) !== 0;
    const place = this.resolve(thread, at, path, (flags & OpenFlag.NOFOLLOW) === 0 && !exclusive);
    if (typeof place === 'number') return place;
    const { process } = thread;
    const kept = flags & ~(OpenFlag.CREAT | OpenFlag.EXCL | OpenFlag.NOCTTY | OpenFlag.TRUNC | OpenFlag.CLOEXEC);
    if (place.file !== undefined && !(place.inode instanceof RegularFile)) return place.file;
    let { inode } = place;

    if ((flags & OpenFlag.TMPFILE) === OpenFlag.TMPFILE) return this.#temporary(thread, inode, kept, mode);
    if (inode === undefined) {
      if (!(flags & OpenFlag.CREAT)) return -Errno.ENOENT;
      if (place.wantsDirectory) return -Errno.EISDIR;
      const made = this.make(thread, place, FileType.REGULAR, mode);
      if (typeof made === 'number') return made;
      return this.openInode(thread, made, kept, this.pathOf(thread, place));
    }
    if (exclusive) return -Errno.EEXIST;
    if (flags & OpenFlag.PATH) return new PathFile(inode, kept, this.pathOf(thread, place));
    if (inode instanceof Symlink) return -Errno.ELOOP;
    if (flags & OpenFlag.DIRECTORY && !(inode instanceof Directory)) return -Errno.ENOTDIR;
    if (inode instanceof Directory && (isWritable(flags) || flags & OpenFlag.CREAT)) return -Errno.EISDIR;
    const want = (isReadable(flags) ? Permission.READ : 0) | (isWritable(flags) ? Permission.WRITE : 0);
    if (!permits(inode, process.credentials, want)) return -Errno.EACCES;
    if (isWritable(flags) && inode.fileSystem.readOnly && !(inode instanceof SpecialFile)) return -Errno.EROFS;
    if (flags & OpenFlag.TRUNC && inode instanceof RegularFile) {
      if (inode.fileSystem.readOnly) return -Errno.EROFS;
      const result = inode.truncate(0);
      if (result !== 0) return result;
    }
    inode = place.inode!;
    return this.openInode(thread, inode, kept, this.pathOf(thread, place));
  }

  /** An open file description for something found. */
  openInode(thread: Thread, inode: Inode, flags: number, path: string): OpenFile | number {
    if (inode instanceof RegularFile) return new OpenRegularFile(inode, flags, path);
    if (inode instanceof Directory) return new OpenDirectory(inode, flags, path);
    if (inode instanceof GeneratedFile) return new GeneratedOpenFile(inode, thread, flags, path);
    if (inode.type === FileType.FIFO) return new PathFile(inode, flags, path); // openat makes it an end of the pipe
    if (inode.type === FileType.CHARACTER) return this.devices.get(inode.rdev)?.(thread, flags, path) ?? -Errno.ENXIO;
    return -Errno.ENXIO;
  }

  /** Makes a file at a free place, with the caller as owner and its umask applied. */
  make(
    thread: Thread,
    place: Place,
    type: number,
    mode: number,
    more: { target?: string; rdev?: number } = {},
  ): Inode | number {
    if (place.name === '' || place.inode !== undefined) return -Errno.EEXIST;
    if (place.wantsDirectory && type !== FileType.DIRECTORY) return -Errno.ENOENT;
    const refusal = this.#mayChange(thread, place.directory);
    if (refusal !== 0) return refusal;
    const { credentials, fs } = thread.process;
    const what: NewInode = {
      type,
      permissions: mode & 0o7777 & ~fs.umask,
      uid: credentials.euid,
      gid: credentials.egid,
      ...more,
    };
    return place.directory.create(place.name, what);
  }

  link(thread: Thread, inode: Inode, place: Place): number {
    if (place.inode !== undefined || place.name === '') return -Errno.EEXIST;
    if (place.wantsDirectory) return -Errno.ENOENT;
    if (inode instanceof Directory) return -Errno.EPERM;
    if (inode.fileSystem !== place.directory.fileSystem) return -Errno.EXDEV;
    return this.#mayChange(thread, place.directory) || place.directory.link(place.name, inode);
  }

  unlink(thread: Thread, place: Place): number {
    const { directory, name, inode } = place;
    if (inode === undefined) return -Errno.ENOENT;
    if (name === '' || inode instanceof Directory) return -Errno.EISDIR;
    if (directory.mounts.has(name)) return -Errno.EBUSY;
    if (place.wantsDirectory) return -Errno.ENOTDIR;
    return this.#mayRemove(thread, directory, inode) || directory.unlink(name, inode);
  }

  rmdir(thread: Thread, place: Place): number {
    const { directory, name, inode } = place;
    if (inode === undefined) return -Errno.ENOENT;
    if (!(inode instanceof Directory)) return -Errno.ENOTDIR;
    if (name === '') return inode === this.root ? -Errno.EBUSY : -Errno.ENOTEMPTY;
    if (directory.mounts.has(name) || inode.mounts.size > 0) return -Errno.EBUSY;
    if (inode.entries(thread).length > 0) return -Errno.ENOTEMPTY;
    return this.#mayRemove(thread, directory, inode) || directory.unlink(name, inode);
  }

  /** renameat2(2); `mode` says what may stand at the target. */
  rename(thread: Thread, from: Place, to: Place, mode: 'replace' | 'keep' | 'exchange'): number {
    const { inode } = from;
    if (inode === undefined) return -Errno.ENOENT;
    if (from.name === '' || to.name === '') return -Errno.EBUSY;
    if (from.directory.mounts.has(from.name) || to.directory.mounts.has(to.name)) return -Errno.EBUSY;
    if (from.directory.fileSystem !== to.directory.fileSystem) return -Errno.EXDEV;
    if ((from.wantsDirectory || to.wantsDirectory) && !(inode instanceof Directory)) return -Errno.ENOTDIR;
    const other = to.inode;
    if (mode === 'keep' && other !== undefined) return -Errno.EEXIST;
    if (mode === 'exchange' && other === undefined) return -Errno.ENOENT;
    if (inode instanceof Directory && to.directory.isInside(inode)) return -Errno.EINVAL;
    if (other === inode) return 0;
    const refusal =
      this.#mayRemove(thread, from.directory, inode) ||
      (other === undefined ? this.#mayChange(thread, to.directory) : this.#mayRemove(thread, to.directory, other));
    if (refusal !== 0) return refusal;
    if (mode === 'exchange') {
      if (other instanceof Directory && from.directory.isInside(other)) return -Errno.EINVAL;
      return from.directory.exchange(from.name, inode, to.directory, to.name, other!);
    }
    if (other instanceof Directory) {
      if (!(inode instanceof Directory)) return -Errno.EISDIR;
      if (other.mounts.size > 0) return -Errno.EBUSY;
      if (other.entries(thread).length > 0) return -Errno.ENOTEMPTY;
    } else if (other !== undefined && inode instanceof Directory) return -Errno.ENOTDIR;
    return from.directory.move(from.name, inode, to.directory, to.name, other);
  }

  /** The absolute path of a place in `thread`'s tree, for /proc and getcwd. */
  pathOf(thread: Thread, place: Place): string {
    const folder = place.directory.path(thread.process.fs.root) ?? '(removed)';
    if (place.name === '') return folder;
    return folder === '/' ? `/${place.name}` : `${folder}/${place.name}`;
  }

  #temporary(thread: Thread, inode: Inode | undefined, flags: number, mode: number): OpenFile | number {
    if (inode === undefined) return -Errno.ENOENT;
    if (!(inode instanceof Directory)) return -Errno.ENOTDIR;
    if (!isWritable(flags)) return -Errno.EINVAL;
    if (!(inode instanceof MemoryDirectory)) return -Errno.EOPNOTSUPP;
    const refusal = this.#mayChange(thread, inode);
    if (refusal !== 0) return refusal;
    const { credentials, fs } = thread.process;
    const file = inode.newFile('(temporary)', {
      type: FileType.REGULAR,
      permissions: mode & ~fs.umask,
      uid: credentials.euid,
      gid: credentials.egid,
    });
    file.nlink = 0;
    return new OpenRegularFile(file, flags & ~OpenFlag.TMPFILE, `${inode.path(fs.root) ?? ''}/#${file.ino} (deleted)`);
  }

  #mayChange(thread: Thread, directory: Directory): number {
    if (directory.removed) return -Errno.ENOENT;
    if (directory.fileSystem.readOnly) return -Errno.EROFS;
    return permits(directory, thread.process.credentials, Permission.WRITE | Permission.EXECUTE) ? 0 : -Errno.EACCES;
  }

  #mayRemove(thread: Thread, directory: Directory, inode: Inode): number {
    const refusal = this.#mayChange(thread, directory);
    if (refusal !== 0) return refusal;
    const { euid } = thread.process.credentials;
    const sticky = (directory.permissions & 0o1000) !== 0;
    return sticky && euid !== 0 && euid !== inode.uid && euid !== directory.uid ? -Errno.EPERM : 0;
  }
}
