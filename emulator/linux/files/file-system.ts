import type { FileSystemStat, Timestamp } from './stat.ts';
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
