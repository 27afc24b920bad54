import type { Isa } from '../../isa/isa.ts';

/** File type bits of `st_mode` (include/uapi/linux/stat.h). */
export const FileType = {
  MASK: 0o170000,
  SOCKET: 0o140000,
  SYMLINK: 0o120000,
  REGULAR: 0o100000,
  BLOCK: 0o060000,
  DIRECTORY: 0o040000,
  CHARACTER: 0o020000,
  FIFO: 0o010000,
} as const;

/** A time since the Unix epoch; in one double it would lose its nanoseconds. */
export interface Timestamp {
  readonly sec: number;
  readonly nsec: number;
}

/** What stat(2) tells, before an ISA lays it out. Sizes in bytes, `blocks` in units of 512. */
export interface FileStat {
  dev: number;
  ino: number;
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  rdev: number;
  size: number;
  blksize: number;
  blocks: number;
  atime: Timestamp;
  mtime: Timestamp;
  ctime: Timestamp;
}

/** A device number as the kernel hands it out (new_encode_dev). */
export const makeDevice = (major: number, minor: number): number =>
  (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12);

function writer(length: number) {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  return {
    bytes,
    u32: (at: number, value: number) => view.setUint32(at, value, true),
    u16: (at: number, value: number) => view.setUint16(at, value, true),
    u64: (at: number, value: number) => {
      view.setUint32(at, value >>> 0, true);
      view.setInt32(at + 4, Math.floor(value / 2 ** 32), true);
    },
  };
}

/** `struct stat`: 144 bytes on x86-64 (arch/x86/include/uapi/asm/stat.h), 128 on AArch64 (asm-generic/stat.h). */
export function encodeStat(isa: Isa, stat: FileStat): Uint8Array {
  const arm = isa === 'aarch64';
  const out = writer(arm ? 128 : 144);
  out.u64(0, stat.dev);
  out.u64(8, stat.ino);
  if (arm) {
    out.u32(16, stat.mode);
    out.u32(20, stat.nlink);
    out.u32(24, stat.uid);
    out.u32(28, stat.gid);
    out.u64(32, stat.rdev);
    out.u64(48, stat.size);
    out.u32(56, stat.blksize);
    out.u64(64, stat.blocks);
  } else {
    out.u64(16, stat.nlink);
    out.u32(24, stat.mode);
    out.u32(28, stat.uid);
    out.u32(32, stat.gid);
    out.u64(40, stat.rdev);
    out.u64(48, stat.size);
    out.u64(56, stat.blksize);
    out.u64(64, stat.blocks);
  }
  let at = 72;
  for (const time of [stat.atime, stat.mtime, stat.ctime]) {
    out.u64(at, time.sec);
    out.u64(at + 8, time.nsec);
    at += 16;
  }
  return out.bytes;
}

const STATX_BASIC_STATS = 0x7ff;

/** `struct statx` (include/uapi/linux/stat.h), the same on both ISAs: the basic fields, no birth time. */
export function encodeStatx(stat: FileStat): Uint8Array {
  const out = writer(256);
  out.u32(0, STATX_BASIC_STATS);
  out.u32(4, stat.blksize);
  out.u32(16, stat.nlink);
  out.u32(20, stat.uid);
  out.u32(24, stat.gid);
  out.u16(28, stat.mode);
  out.u64(32, stat.ino);
  out.u64(40, stat.size);
  out.u64(48, stat.blocks);
  const times: [number, Timestamp][] = [
    [64, stat.atime],
    [96, stat.ctime],
    [112, stat.mtime],
  ];
  for (const [at, time] of times) {
    out.u64(at, time.sec);
    out.u32(at + 8, time.nsec);
  }
  const major = (device: number) => (device >>> 8) & 0xfff;
  const minor = (device: number) => (device & 0xff) | ((device >>> 12) & ~0xff);
  out.u32(128, major(stat.rdev));
  out.u32(132, minor(stat.rdev));
  out.u32(136, major(stat.dev));
  out.u32(140, minor(stat.dev));
  return out.bytes;
}

/** What statfs(2) tells of a mounted file system. */
export interface FileSystemStat {
  readonly type: number;
  readonly blockSize: number;
  readonly blocks: number;
  readonly free: number;
  readonly files: number;
  readonly readOnly: boolean;
}

/** `struct statfs`, 120 bytes on both ISAs. */
export function encodeStatfs(stat: FileSystemStat): Uint8Array {
  const out = writer(120);
  out.u64(0, stat.type);
  out.u64(8, stat.blockSize);
  out.u64(16, stat.blocks);
  out.u64(24, stat.free);
  out.u64(32, stat.free);
  out.u64(40, stat.files);
  out.u64(48, stat.files);
  out.u64(64, 255);
  out.u64(72, stat.blockSize);
  out.u64(80, stat.readOnly ? 0x21 : 0x20);
  return out.bytes;
}
