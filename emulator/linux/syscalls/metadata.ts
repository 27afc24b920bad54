import { Errno } from '../../errno.ts';
import { type Inode, Permission, permits } from '../files/inode.ts';
import type { OpenFile } from '../files/open-file.ts';
import { SpecialFile } from '../files/special-file.ts';
import { encodeStat, encodeStatfs, encodeStatx, type FileStat, FileType, type Timestamp } from '../files/stat.ts';
import { AT_FDCWD } from '../files/vfs.ts';
import type { SyscallTopic } from '../syscall.ts';
import type { Thread } from '../thread.ts';
import { fileOf, int, pathAt } from './arguments.ts';

const AT = { SYMLINK_NOFOLLOW: 0x100, EACCESS: 0x200, EMPTY_PATH: 0x1000 } as const;
const STATX = { SYNC_TYPE: 0x6000, NO_AUTOMOUNT: 0x800 } as const;

function found(thread: Thread, at: number, pathVa: number, flags: number): Inode | OpenFile | number {
  return thread.kernel.files.find(thread, int(at), pathAt(thread, pathVa), {
    follow: (flags & AT.SYMLINK_NOFOLLOW) === 0,
    allowEmpty: (flags & AT.EMPTY_PATH) !== 0,
  });
}

/** Does something with an inode; what is none (a pipe, a socket) gets `otherwise`. */
function withInode(
  target: Inode | OpenFile | number | undefined,
  action: (inode: Inode) => number,
  otherwise: number = -Errno.EPERM,
): number {
  if (target === undefined) return -Errno.EBADF;
  if (typeof target === 'number') return target;
  const inode = 'fileSystem' in target ? target : target.inode;
  return inode === undefined ? otherwise : action(inode);
}

function tell(thread: Thread, va: number, target: { stat(): FileStat } | number | undefined): number {
  if (target === undefined) return -Errno.EBADF;
  if (typeof target === 'number') return target;
  thread.memory.write(va, encodeStat(thread.kernel.isa, target.stat()));
  return 0;
}

function statx(thread: Thread, at: number, pathVa: number, flags: number, mask: number, va: number): number {
  if (flags & ~(AT.SYMLINK_NOFOLLOW | AT.EMPTY_PATH | STATX.SYNC_TYPE | STATX.NO_AUTOMOUNT)) return -Errno.EINVAL;
  if ((flags & STATX.SYNC_TYPE) === STATX.SYNC_TYPE) return -Errno.EINVAL;
  if (int(mask) < 0) return -Errno.EINVAL; // STATX__RESERVED
  const target = found(thread, at, pathVa, flags);
  if (typeof target === 'number') return target;
  thread.memory.write(va, encodeStatx(target.stat()));
  return 0;
}

function access(thread: Thread, at: number, pathVa: number, mode: number, flags: number): number {
  if (mode & ~7 || flags & ~(AT.SYMLINK_NOFOLLOW | AT.EACCESS | AT.EMPTY_PATH)) return -Errno.EINVAL;
  return withInode(
    found(thread, at, pathVa, flags),
    (inode) => {
      const { credentials } = thread.process;
      const who = flags & AT.EACCESS ? credentials : { ...credentials, euid: credentials.uid, egid: credentials.gid };
      if (!permits(inode, who, mode)) return -Errno.EACCES;
      const readOnly = inode.fileSystem.readOnly && !(inode instanceof SpecialFile);
      return mode & Permission.WRITE && readOnly ? -Errno.EROFS : 0;
    },
    0,
  );
}

const mayChange = (thread: Thread, inode: Inode): number => {
  if (inode.fileSystem.readOnly) return -Errno.EROFS;
  const { euid } = thread.process.credentials;
  return euid === 0 || euid === inode.uid ? 0 : -Errno.EPERM;
};

const chmod = (thread: Thread, target: Inode | OpenFile | number | undefined, mode: number): number =>
  withInode(target, (inode) => {
    const refusal = mayChange(thread, inode);
    if (refusal !== 0) return refusal;
    inode.permissions = mode & 0o7777;
    inode.changed();
    return 0;
  });

const chown = (thread: Thread, target: Inode | OpenFile | number | undefined, uid: number, gid: number): number =>
  withInode(target, (inode) => {
    if (inode.fileSystem.readOnly) return -Errno.EROFS;
    const { euid, egid, groups } = thread.process.credentials;
    const newUid = int(uid) === -1 ? inode.uid : uid >>> 0;
    const newGid = int(gid) === -1 ? inode.gid : gid >>> 0;
    const own = euid === inode.uid && newUid === inode.uid;
    if (euid !== 0 && !(own && (newGid === inode.gid || newGid === egid || groups.includes(newGid))))
      return -Errno.EPERM;
    inode.uid = newUid;
    inode.gid = newGid;
    // A new owner must not get a program that runs as the old one (chown(2)).
    if (inode.type === FileType.REGULAR) inode.permissions &= inode.permissions & 0o010 ? ~0o6000 : ~0o4000;
    inode.changed();
    return 0;
  });

const UTIME_NOW = 0x3fffffff;
const UTIME_OMIT = 0x3ffffffe;

function setTimes(
  thread: Thread,
  target: Inode | OpenFile | number | undefined,
  times: readonly [Timestamp | undefined, Timestamp | undefined] | undefined,
): number {
  return withInode(target, (inode) => {
    const refusal = mayChange(thread, inode);
    if (refusal !== 0) return refusal;
    const now = inode.fileSystem.now();
    const [atime, mtime] = times ?? [now, now];
    if (atime !== undefined) inode.atime = atime.nsec === UTIME_NOW ? now : atime;
    if (mtime !== undefined) inode.mtime = mtime.nsec === UTIME_NOW ? now : mtime;
    inode.changed();
    return 0;
  });
}

function utimensat(thread: Thread, at: number, pathVa: number, timesVa: number, flags: number): number {
  const { memory } = thread;
  let times: [Timestamp | undefined, Timestamp | undefined] | undefined;
  if (timesVa !== 0) {
    times = [undefined, undefined];
    for (const index of [0, 1] as const) {
      const sec = memory.word(timesVa + 16 * index);
      const nsec = memory.word(timesVa + 16 * index + 8);
      if (nsec === UTIME_OMIT) continue;
      if (nsec !== UTIME_NOW && (nsec < 0 || nsec >= 1e9)) return -Errno.EINVAL;
      times[index] = { sec, nsec };
    }
  }
  const target = pathVa === 0 ? fileOf(thread, at) : found(thread, at, pathVa, flags);
  return setTimes(thread, target, times);
}

/** utimes and futimesat: microseconds. */
function utimes(thread: Thread, at: number, pathVa: number, timesVa: number): number {
  const { memory } = thread;
  const stamp = (va: number): Timestamp => ({ sec: memory.word(va), nsec: memory.word(va + 8) * 1000 });
  const times = timesVa === 0 ? undefined : ([stamp(timesVa), stamp(timesVa + 16)] as const);
  if (times?.some(({ nsec }) => nsec < 0 || nsec >= 1e9)) return -Errno.EINVAL;
  return setTimes(thread, pathVa === 0 ? fileOf(thread, at) : found(thread, at, pathVa, 0), times);
}

function utime(thread: Thread, pathVa: number, timesVa: number): number {
  const { memory } = thread;
  const stamp = (va: number): Timestamp => ({ sec: memory.word(va), nsec: 0 });
  const times = timesVa === 0 ? undefined : ([stamp(timesVa), stamp(timesVa + 8)] as const);
  return setTimes(thread, found(thread, AT_FDCWD, pathVa, 0), times);
}

const PIPEFS = { type: 0x50495045, blockSize: 4096, blocks: 0, free: 0, files: 0, readOnly: false };

function statfs(thread: Thread, target: Inode | OpenFile | number | undefined, va: number): number {
  if (target === undefined) return -Errno.EBADF;
  if (typeof target === 'number') return target;
  const inode = 'fileSystem' in target ? target : target.inode;
  thread.memory.write(va, encodeStatfs(inode?.fileSystem.stat() ?? PIPEFS));
  return 0;
}

const NO_ATTRIBUTES = {
  handler: () => -Errno.EOPNOTSUPP,
  note: 'files have no extended attributes: EOPNOTSUPP',
} as const;

/** What is known about files: stat, rights, owners, times. Times of host files are the machine's start, so that runs repeat. */
export const metadataSyscalls: SyscallTopic = {
  stat: { handler: (thread, path, va) => tell(thread, va, found(thread, AT_FDCWD, path, 0)), note: 'complete' },
  lstat: {
    handler: (thread, path, va) => tell(thread, va, found(thread, AT_FDCWD, path, AT.SYMLINK_NOFOLLOW)),
    note: 'complete',
  },
  fstat: { handler: (thread, fd, va) => tell(thread, va, fileOf(thread, fd)), note: 'complete' },
  newfstatat: {
    handler: (thread, at, path, va, flags) => tell(thread, va, found(thread, at, path, flags)),
    note: 'complete',
  },
  statx: { handler: statx, note: 'the basic fields' },
  access: { handler: (thread, path, mode) => access(thread, AT_FDCWD, path, mode, 0), note: 'complete' },
  faccessat: { handler: (thread, at, path, mode) => access(thread, at, path, mode, 0), note: 'complete' },
  faccessat2: { handler: access, note: 'complete' },
  chmod: { handler: (thread, path, mode) => chmod(thread, found(thread, AT_FDCWD, path, 0), mode), note: 'complete' },
  fchmod: { handler: (thread, fd, mode) => chmod(thread, fileOf(thread, fd), mode), note: 'complete' },
  fchmodat: { handler: (thread, at, path, mode) => chmod(thread, found(thread, at, path, 0), mode), note: 'complete' },
  chown: {
    handler: (thread, path, uid, gid) => chown(thread, found(thread, AT_FDCWD, path, 0), uid, gid),
    note: 'kept in memory, never applied to the host',
  },
  lchown: {
    handler: (thread, path, uid, gid) => chown(thread, found(thread, AT_FDCWD, path, AT.SYMLINK_NOFOLLOW), uid, gid),
    note: 'see chown',
  },
  fchown: { handler: (thread, fd, uid, gid) => chown(thread, fileOf(thread, fd), uid, gid), note: 'see chown' },
  fchownat: {
    handler: (thread, at, path, uid, gid, flags) => chown(thread, found(thread, at, path, flags), uid, gid),
    note: 'see chown',
  },
  utimensat: { handler: utimensat, note: 'complete' },
  utimes: { handler: (thread, path, times) => utimes(thread, AT_FDCWD, path, times), note: 'complete' },
  futimesat: { handler: utimes, note: 'complete' },
  utime: { handler: utime, note: 'complete' },
  statfs: { handler: (thread, path, va) => statfs(thread, found(thread, AT_FDCWD, path, 0), va), note: 'complete' },
  fstatfs: { handler: (thread, fd, va) => statfs(thread, fileOf(thread, fd), va), note: 'complete' },
  getxattr: NO_ATTRIBUTES,
  lgetxattr: NO_ATTRIBUTES,
  fgetxattr: NO_ATTRIBUTES,
  setxattr: NO_ATTRIBUTES,
  lsetxattr: NO_ATTRIBUTES,
  fsetxattr: NO_ATTRIBUTES,
  listxattr: NO_ATTRIBUTES,
  llistxattr: NO_ATTRIBUTES,
  flistxattr: NO_ATTRIBUTES,
};
