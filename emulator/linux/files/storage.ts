// What a disk holds as against what the kernel's caches show: the difference is what a power failure may take.

import type { Content } from './content.ts';
import type { Directory } from './directory.ts';
import type { DiskImage } from './disk-image.ts';
import type { Draw } from './file-page.ts';
import type { Inode } from './inode.ts';
import { NameJournal } from './name-journal.ts';

/** What the machine's disk holds at first, and how long it takes. */
export interface DiskOptions {
  /** What an earlier machine left; default: an empty disk. */
  readonly image?: DiskImage;
  /** Virtual ns from a request to make data durable until it is; default {@link DISK_FLUSH_NS}. */
  readonly flushTime?: number;
}

/**
 * M. Callaghan, "SSDs, power loss protection and fsync latency" (smalldatum, 2026-01-07): fsync after a write of 16 KiB takes 12 to 58 us on drives with
 * power-loss protection, 891 us on a Samsung 990 Pro, which has none. The slowest of the former.
 */
export const DISK_FLUSH_NS = 58e3;

/** Content whose cache differs from the disk. */
export interface CachedContent extends Content {
  /** Makes the content what a disk may hold if power fails now. */
  loseUnsynced(draw: Draw): void;
}

/**
 * The disk under a file system in memory. What was written is in the cache at once, and on the disk for certain once it was synced: content by
 * fsync(2) and its kind, names by fsync of their directory. Whatever is not may be there or not when power fails: each sector of a page as it was at
 * the last sync or as it is now, the size likewise, and of the changes of names the first so many, as a journal keeps them in order.
 */
export class Storage {
  readonly names: NameJournal;
  /** Virtual ns that a flush takes: the caller waits for the disk. */
  readonly flushTime: number;
  readonly #contents = new Set<CachedContent>();
  /** Flushes that guests waited for. */
  flushes = 0;

  constructor(options: DiskOptions = {}) {
    this.flushTime = options.flushTime ?? DISK_FLUSH_NS;
    this.names = new NameJournal();
  }

  add(content: CachedContent): void {
    this.#contents.add(content);
  }

  remove(content: CachedContent): void {
    this.#contents.delete(content);
  }

  /** sync(2): everything. */
  sync(): void {
    for (const content of this.#contents) content.flush();
    this.names.sync();
  }

  /** Whether the disk may lead to a file that no name leads to any more, so that its content has to stay. */
  leadsTo(inode: Inode): boolean {
    return this.names.leadsTo(inode);
  }

  /** Power fails. Afterwards contents are what the disk holds, and {@link NameJournal.entries} says by which names it finds them. */
  loseUnsynced(draw: Draw): void {
    this.names.loseUnsynced(draw);
    for (const content of this.#contents) content.loseUnsynced(draw);
  }

  entries(directory: Directory): ReadonlyMap<string, Inode> {
    return this.names.entries(directory);
  }
}
