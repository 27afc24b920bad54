// A disk on its own, as it lies between two machines.

import { Directory, type NewInode } from './directory.ts';
import type { Inode } from './inode.ts';
import type { MemoryDirectory } from './memory-directory.ts';
import { RegularFile } from './regular-file.ts';
import { FileType } from './stat.ts';
import type { Storage } from './storage.ts';
import { Symlink } from './symlink.ts';

/** A file as a disk holds it. Two names of one file lead to the same object. */
export interface DiskFile {
  /** One of {@link FileType}. */
  readonly type: number;
  readonly permissions: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
  /** Of a regular file. */
  readonly bytes?: Uint8Array;
  /** Of a symbolic link. */
  readonly target?: string;
  /** Of a directory. */
  readonly names?: ReadonlyMap<string, DiskFile>;
}

/** What power failure or shutdown left: the root directory. */
export type DiskImage = DiskFile;

/** Reads what the disk holds below a directory. Contents must be those on the disk: power has failed, or everything is synced. */
export function imageOf(storage: Storage, root: Directory): DiskImage {
  const known = new Map<Inode, DiskFile>();
  const read = (inode: Inode): DiskFile => {
    const found = known.get(inode);
    if (found !== undefined) return found;
    const { type, permissions, uid, gid, rdev } = inode;
    const file = { type, permissions, uid, gid, rdev, ...own(inode) };
    known.set(inode, file);
    return file;
  };
  const own = (inode: Inode): Pick<DiskFile, 'bytes' | 'target' | 'names'> => {
    if (inode instanceof RegularFile) {
      const bytes = new Uint8Array(inode.size);
      inode.content.read(0, bytes);
      return { bytes };
    }
    if (inode instanceof Symlink) return { target: inode.text };
    if (!(inode instanceof Directory)) return {};
    return { names: new Map([...storage.entries(inode)].map(([name, child]) => [name, read(child)])) };
  };
  return read(root);
}

/** Puts the files of an image into an empty or prepared directory, over what has the same names. */
export function restore(directory: MemoryDirectory, image: DiskImage, known = new Map<DiskFile, Inode>()): void {
  for (const [name, file] of image.names ?? []) {
    const present = directory.lookup(name);
    if (present instanceof Directory && file.type === FileType.DIRECTORY) {
      Object.assign(present, { permissions: file.permissions, uid: file.uid, gid: file.gid });
      restore(present as MemoryDirectory, file, known);
      continue;
    }
    if (present !== undefined) directory.unlink(name, present);
    const linked = known.get(file);
    if (linked !== undefined) {
      directory.link(name, linked);
      continue;
    }
    const inode = directory.create(name, file satisfies NewInode);
    known.set(file, inode);
    if (inode instanceof RegularFile) inode.content.write(0, file.bytes ?? new Uint8Array());
    else if (inode instanceof Directory) restore(inode as MemoryDirectory, file, known);
  }
}
