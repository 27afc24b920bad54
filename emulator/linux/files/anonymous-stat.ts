import type { FileStat } from './stat.ts';

const START = { sec: 0, nsec: 0 };

/** stat(2) of a file that stands in no directory: eventfd, epoll, sockets. */
export function anonymousStat(mode: number, ino = 1, rdev = 0): FileStat {
  return {
    dev: 0,
    ino,
    mode,
    nlink: 1,
    uid: 0,
    gid: 0,
    rdev,
    size: 0,
    blksize: 4096,
    blocks: 0,
    atime: START,
    mtime: START,
    ctime: START,
  };
}
