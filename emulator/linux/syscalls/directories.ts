import { Errno } from '../../errno.ts';
import { Directory } from '../files/directory.ts';
import { type Inode, Permission, permits } from '../files/inode.ts';
import { OpenDirectory } from '../files/inode-file.ts';
import type { Place } from '../files/path.ts';
import { FileType } from '../files/stat.ts';
import { Symlink } from '../files/symlink.ts';
import { AT_FDCWD } from '../files/vfs.ts';
import type { SyscallTopic } from '../syscall.ts';
import type { Thread } from '../thread.ts';
import { fileOf, int, pathAt } from './arguments.ts';

const AT = { REMOVEDIR: 0x200, SYMLINK_FOLLOW: 0x400, EMPTY_PATH: 0x1000 } as const;
const RENAME = { NOREPLACE: 1, EXCHANGE: 2 } as const;

/** Does something with the place that a path names, without following a link at its end. */
function atPlace(thread: Thread, at: number, path: string, action: (place: Place) => number): number {
  const place = thread.kernel.files.resolve(thread, int(at), path, false);
  return typeof place === 'number' ? place : action(place);
}

const made = (result: Inode | number): number => (typeof result === 'number' ? result : 0);

const mkdir = (thread: Thread, at: number, pathVa: number, mode: number): number =>
  atPlace(thread, at, pathAt(thread, pathVa), (place) =>
    made(thread.kernel.files.make(thread, place, FileType.DIRECTORY, mode & 0o1777)),
  );

const rmdir = (thread: Thread, at: number, pathVa: number): number => {
  const path = pathAt(thread, pathVa);
  if (/(^|\/)\.\/*$/.test(path)) return -Errno.EINVAL;
  return atPlace(thread, at, path, (place) => thread.kernel.files.rmdir(thread, place));
};

function unlink(thread: Thread, at: number, pathVa: number, flags: number): number {
  if (flags & ~AT.REMOVEDIR) return -Errno.EINVAL;
  if (flags & AT.REMOVEDIR) return rmdir(thread, at, pathVa);
  return atPlace(thread, at, pathAt(thread, pathVa), (place) => thread.kernel.files.unlink(thread, place));
}

function rename(thread: Thread, fromAt: number, fromVa: number, toAt: number, toVa: number, flags: number): number {
  if (flags & ~(RENAME.NOREPLACE | RENAME.EXCHANGE) || flags === (RENAME.NOREPLACE | RENAME.EXCHANGE))
    return -Errno.EINVAL;
  const { files } = thread.kernel;
  const mode = flags & RENAME.NOREPLACE ? 'keep' : flags & RENAME.EXCHANGE ? 'exchange' : 'replace';
  return atPlace(thread, fromAt, pathAt(thread, fromVa), (from) =>
    atPlace(thread, toAt, pathAt(thread, toVa), (to) => files.rename(thread, from, to, mode)),
  );
}

function link(thread: Thread, fromAt: number, fromVa: number, toAt: number, toVa: number, flags: number): number {
  if (flags & ~(AT.SYMLINK_FOLLOW | AT.EMPTY_PATH)) return -Errno.EINVAL;
  const { files } = thread.kernel;
  const found = files.find(thread, int(fromAt), pathAt(thread, fromVa), {
    follow: (flags & AT.SYMLINK_FOLLOW) !== 0,
    allowEmpty: (flags & AT.EMPTY_PATH) !== 0,
  });
  if (typeof found === 'number') return found;
  const inode = 'fileSystem' in found ? found : found.inode;
  if (inode === undefined) return -Errno.EXDEV;
  return atPlace(thread, toAt, pathAt(thread, toVa), (place) => files.link(thread, inode, place));
}

function symlink(thread: Thread, targetVa: number, at: number, pathVa: number): number {
  const target = pathAt(thread, targetVa);
  if (target === '') return -Errno.ENOENT;
  if (target.length >= 4096) return -Errno.ENAMETOOLONG;
  return atPlace(thread, at, pathAt(thread, pathVa), (place) =>
    made(thread.kernel.files.make(thread, place, FileType.SYMLINK, 0o777, { target })),
  );
}

function readlink(thread: Thread, at: number, pathVa: number, va: number, size: number): number {
  if (int(size) <= 0) return -Errno.EINVAL;
  const path = pathAt(thread, pathVa);
  const found =
    path === ''
      ? (fileOf(thread, at)?.inode ?? -Errno.ENOENT)
      : thread.kernel.files.find(thread, int(at), path, { follow: false });
  if (typeof found === 'number') return found;
  if (!(found instanceof Symlink)) return -Errno.EINVAL;
  const target = Buffer.from(found.target(thread)).subarray(0, int(size));
  thread.memory.write(va, target);
  return target.length;
}

function mknod(thread: Thread, at: number, pathVa: number, mode: number, rdev: number): number {
  const type = mode & FileType.MASK || FileType.REGULAR;
  const known: readonly number[] = [
    FileType.REGULAR,
    FileType.FIFO,
    FileType.SOCKET,
    FileType.CHARACTER,
    FileType.BLOCK,
  ];
  if (!known.includes(type)) return -Errno.EINVAL;
  return atPlace(thread, at, pathAt(thread, pathVa), (place) =>
    made(thread.kernel.files.make(thread, place, type, mode, { rdev })),
  );
}

/** d_type of each file type: the type bits shifted, see dirent.h's IFTODT. */
const direntType = (type: number): number => type >> 12;

/** getdents64, and getdents, which keeps the type in the last byte of the record instead. */
function listDirectory(thread: Thread, fd: number, va: number, size: number, wide: boolean): number {
  const file = fileOf(thread, fd);
  if (file === undefined) return -Errno.EBADF;
  if (!(file instanceof OpenDirectory)) return -Errno.ENOTDIR;
  if (file.directory.removed) return -Errno.ENOENT;
  let done = 0;
  for (const { name, ino, type } of file.remaining(thread)) {
    const bytes = Buffer.from(name);
    const head = wide ? 19 : 18;
    const length = Math.ceil((head + bytes.length + (wide ? 1 : 2)) / 8) * 8;
    if (done + length > size) {
      if (done === 0) return -Errno.EINVAL;
      break;
    }
    const record = Buffer.alloc(length);
    record.writeUInt32LE(ino, 0);
    record.writeUInt32LE(file.offset + 1, 8);
    record.writeUInt16LE(length, 16);
    record[wide ? 18 : length - 1] = direntType(type);
    record.set(bytes, head);
    thread.memory.write(va + done, record);
    done += length;
    file.offset++;
  }
  return done;
}

function getcwd(thread: Thread, va: number, size: number): number {
  const { cwd, root } = thread.process.fs;
  const path = cwd.path(root);
  if (path === undefined) return -Errno.ENOENT;
  const bytes = Buffer.from(`${path}\0`);
  if (bytes.length > size) return -Errno.ERANGE;
  thread.memory.write(va, bytes);
  return bytes.length;
}

function enter(thread: Thread, found: Inode | undefined): number {
  if (!(found instanceof Directory)) return -Errno.ENOTDIR;
  if (!permits(found, thread.process.credentials, Permission.EXECUTE)) return -Errno.EACCES;
  thread.process.fs.cwd = found;
  return 0;
}

function chdir(thread: Thread, pathVa: number): number {
  const found = thread.kernel.files.find(thread, AT_FDCWD, pathAt(thread, pathVa));
  if (typeof found === 'number') return found;
  return enter(thread, 'fileSystem' in found ? found : found.inode);
}

function fchdir(thread: Thread, fd: number): number {
  const file = fileOf(thread, fd);
  return file === undefined ? -Errno.EBADF : enter(thread, file.inode);
}

function chroot(thread: Thread, pathVa: number): number {
  if (thread.process.credentials.euid !== 0) return -Errno.EPERM;
  const found = thread.kernel.files.find(thread, AT_FDCWD, pathAt(thread, pathVa));
  if (typeof found === 'number') return found;
  if (!(found instanceof Directory)) return -Errno.ENOTDIR;
  thread.process.fs.root = found;
  return 0;
}

function umask(thread: Thread, mask: number): number {
  const { fs } = thread.process;
  const old = fs.umask;
  fs.umask = mask & 0o777;
  return old;
}

/** Names: making, moving, listing and deleting them. */
export const directorySyscalls: SyscallTopic = {
  mkdir: { handler: (thread, path, mode) => mkdir(thread, AT_FDCWD, path, mode), note: 'complete' },
  mkdirat: { handler: mkdir, note: 'complete' },
  rmdir: { handler: (thread, path) => rmdir(thread, AT_FDCWD, path), note: 'complete' },
  unlink: { handler: (thread, path) => unlink(thread, AT_FDCWD, path, 0), note: 'complete' },
  unlinkat: { handler: unlink, note: 'complete' },
  rename: { handler: (thread, from, to) => rename(thread, AT_FDCWD, from, AT_FDCWD, to, 0), note: 'complete' },
  renameat: { handler: (thread, a, from, b, to) => rename(thread, a, from, b, to, 0), note: 'complete' },
  renameat2: { handler: rename, note: 'NOREPLACE, EXCHANGE; the latter not in read-write host folders' },
  link: { handler: (thread, from, to) => link(thread, AT_FDCWD, from, AT_FDCWD, to, 0), note: 'complete' },
  linkat: { handler: link, note: 'complete' },
  symlink: { handler: (thread, target, path) => symlink(thread, target, AT_FDCWD, path), note: 'complete' },
  symlinkat: { handler: symlink, note: 'complete' },
  readlink: { handler: (thread, path, va, size) => readlink(thread, AT_FDCWD, path, va, size), note: 'complete' },
  readlinkat: { handler: readlink, note: 'complete' },
  mknod: {
    handler: (thread, path, mode, rdev) => mknod(thread, AT_FDCWD, path, mode, rdev),
    note: 'devices that /dev has; not in read-write host folders',
  },
  mknodat: { handler: mknod, note: 'see mknod' },
  getdents: {
    handler: (thread, fd, va, size) => listDirectory(thread, fd, va, size, false),
    note: 'a list as of the first call after opening or rewinding',
  },
  getdents64: {
    handler: (thread, fd, va, size) => listDirectory(thread, fd, va, size, true),
    note: 'a list as of the first call after opening or rewinding',
  },
  getcwd: { handler: getcwd, note: 'complete' },
  chdir: { handler: chdir, note: 'complete' },
  fchdir: { handler: fchdir, note: 'complete' },
  chroot: { handler: chroot, note: 'complete' },
  umask: { handler: umask, note: 'complete' },
};
