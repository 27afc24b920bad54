import { Errno } from '../../errno.ts';
import { type Draw, FILE_PAGE, tornPage } from './file-page.ts';
import type { CachedContent, Storage } from './storage.ts';

/** What mmap and read need of a file's bytes, wherever they are kept. */
export interface Content {
  readonly name: string;
  readonly size: number;
  /** Pages kept in memory or on the host, for `st_blocks`. */
  readonly pages: number;
  /** Copies what there is from `offset`; returns the number of bytes, 0 at the end, or a negated errno. */
  read(offset: number, into: Uint8Array): number;
  /** Writes all of `from`, growing the file with zeros where needed. Returns its length or a negated errno. */
  write(offset: number, from: Uint8Array): number;
  /** Cuts the file, or grows it with zeros. Returns 0 or a negated errno. */
  truncate(size: number): number;
  /** Makes what was written durable (fsync). */
  flush(): number;
  /** For mmap: the page with zeros past the end. `into` is 4096 bytes. */
  readPage(index: number, into: Uint8Array): void;
  /** For MAP_SHARED: the frame that from now on holds this page. The content keeps one reference to it. */
  sharedFrame(index: number): number;
  /** An open file description came or went. */
  opened?(): void;
  closed?(): void;
  /** Nobody can reach it any more. */
  discard?(): void;
}

/** The frames of guest memory, as far as shared file pages need them (PhysicalMemory). */
export interface FrameStore {
  allocate(): number;
  release(frame: number): number;
  frameBytes(frame: number): Uint8Array;
  markChanged(frame: number): void;
}

/** Where unchanged bytes of a copied-up file come from. */
export interface PageSource {
  readonly size: number;
  /** Copies what there is from `offset`; returns the number of bytes or a negated errno. */
  read(offset: number, into: Uint8Array): number;
  opened?(): void;
  closed?(): void;
}

/** Room for pages in memory: a file system. */
interface Room {
  pagesUsed: number;
  readonly pageLimit: number;
  /** Where content is safe once it is flushed. */
  readonly storage?: Storage | undefined;
}

interface Page {
  bytes: Uint8Array;
  /** The frame that `bytes` is a window of, once the page has been mapped shared. */
  frame: number;
}

const MAX_SIZE = 2 ** 43;

/**
 * File content in memory, page by page, holes left out. With a `base` it is copy-on-write over a host file: only pages that
 * were written are kept, so opening a large file for writing copies nothing.
 *
 * In a file system with a {@link Storage} it also keeps what the disk has of pages that differ from there.
 */
export class PagedContent implements CachedContent {
  readonly name: string;
  readonly #room: Room;
  readonly #frames: FrameStore | undefined;
  readonly #base: PageSource | undefined;
  /** Bytes of the base that still show: shrinks with truncate and never grows again. */
  #baseSize: number;
  #size: number;
  readonly #pages = new Map<number, Page>();
  /** Size on the disk, and its pages that may differ from ours. Pages mapped shared are always among them: the guest writes without a word. */
  #sizeOnDisk = 0;
  readonly #onDisk = new Map<number, Uint8Array>();

  constructor(name: string, room: Room, frames: FrameStore | undefined, base?: PageSource) {
    this.name = name;
    this.#room = room;
    this.#frames = frames;
    this.#base = base;
    this.#baseSize = this.#size = base?.size ?? 0;
    room.storage?.add(this);
  }

  get size(): number {
    return this.#size;
  }

  get pages(): number {
    return Math.max(this.#pages.size, Math.ceil(this.#baseSize / FILE_PAGE));
  }

  read(offset: number, into: Uint8Array): number {
    const length = Math.min(into.length, this.#size - offset);
    if (length <= 0) return 0;
    for (let done = 0; done < length; ) {
      const at = offset + done;
      const inPage = at % FILE_PAGE;
      const part = Math.min(FILE_PAGE - inPage, length - done);
      const target = into.subarray(done, done + part);
      const page = this.#pages.get(Math.floor(at / FILE_PAGE));
      if (page !== undefined) target.set(page.bytes.subarray(inPage, inPage + part));
      else {
        const error = this.#readBase(at, target);
        if (error !== 0) return done > 0 ? done : error;
      }
      done += part;
    }
    return length;
  }

  write(offset: number, from: Uint8Array): number {
    if (offset + from.length > MAX_SIZE) return -Errno.EFBIG;
    let done = 0;
    while (done < from.length) {
      const at = offset + done;
      const inPage = at % FILE_PAGE;
      const part = Math.min(FILE_PAGE - inPage, from.length - done);
      const page = this.#own(Math.floor(at / FILE_PAGE));
      if (typeof page === 'number') {
        if (done === 0) return page;
        break;
      }
      this.#keep(Math.floor(at / FILE_PAGE), page.bytes);
      if (page.frame !== 0) this.#frames!.markChanged(page.frame);
      page.bytes.set(from.subarray(done, done + part), inPage);
      done += part;
      if (offset + done > this.#size) this.#size = offset + done;
    }
    return done;
  }

  truncate(size: number): number {
    if (size > MAX_SIZE) return -Errno.EFBIG;
    if (size < this.#size) {
      const kept = Math.ceil(size / FILE_PAGE);
      for (const [index, page] of this.#pages) {
        if (index < kept) continue;
        this.#keep(index, page.bytes);
        // A mapping may still hold the frame: what it sees past the end does not matter to the file any more.
        if (page.frame !== 0) this.#frames!.release(page.frame);
        this.#pages.delete(index);
        this.#room.pagesUsed--;
      }
      if (size % FILE_PAGE !== 0) {
        const last = this.#pages.get(kept - 1);
        if (last !== undefined) {
          this.#keep(kept - 1, last.bytes);
          if (last.frame !== 0) this.#frames!.markChanged(last.frame);
          last.bytes.fill(0, size % FILE_PAGE);
        }
      }
      this.#baseSize = Math.min(this.#baseSize, size);
    }
    this.#size = size;
    return 0;
  }

  flush(): number {
    this.#sizeOnDisk = this.#size;
    this.#onDisk.clear();
    if (this.#room.storage !== undefined)
      for (const [index, { bytes, frame }] of this.#pages) if (frame !== 0) this.#keep(index, bytes);
    return 0;
  }

  loseUnsynced(draw: Draw): void {
    const hasOldSize = draw(2) === 0;
    const size = hasOldSize ? this.#sizeOnDisk : this.#size;
    for (const [index, before] of this.#onDisk) {
      const now = this.#pages.get(index);
      if (now !== undefined) {
        // Nobody wrote the zeros behind the end of a file that was cut: they come with its size or not at all.
        const end = hasOldSize ? this.#size - index * FILE_PAGE : FILE_PAGE;
        now.bytes.set(tornPage(before, now.bytes, draw, end));
      } else if (hasOldSize) {
        this.#room.pagesUsed++;
        this.#pages.set(index, { bytes: before, frame: 0 });
      }
    }
    this.#size = Math.max(this.#size, this.#sizeOnDisk);
    this.truncate(size);
    this.flush();
  }

  /** Keeps what the disk has of a page, before ours changes. */
  #keep(index: number, bytes: Uint8Array): void {
    if (this.#room.storage !== undefined && !this.#onDisk.has(index)) this.#onDisk.set(index, bytes.slice());
  }

  readPage(index: number, into: Uint8Array): void {
    const count = this.read(index * FILE_PAGE, into);
    into.fill(0, Math.max(0, count));
  }

  sharedFrame(index: number): number {
    const frames = this.#frames;
    if (frames === undefined) throw new TypeError('this content was made without guest memory');
    const page = this.#own(index);
    if (typeof page === 'number') throw new RangeError(`no room for a shared page of ${this.name}`);
    this.#keep(index, page.bytes);
    if (page.frame === 0) {
      const frame = frames.allocate();
      const bytes = frames.frameBytes(frame);
      bytes.set(page.bytes);
      page.bytes = bytes;
      page.frame = frame;
    }
    return page.frame;
  }

  opened(): void {
    this.#base?.opened?.();
  }

  closed(): void {
    this.#base?.closed?.();
  }

  discard(): void {
    this.truncate(0);
    this.#onDisk.clear();
    this.#room.storage?.remove(this);
  }

  /** The page `index`, copied up if need be, or a negated errno. */
  #own(index: number): Page | number {
    let page = this.#pages.get(index);
    if (page !== undefined) return page;
    if (this.#room.pagesUsed >= this.#room.pageLimit) return -Errno.ENOSPC;
    page = { bytes: new Uint8Array(FILE_PAGE), frame: 0 };
    const error = this.#readBase(index * FILE_PAGE, page.bytes);
    if (error !== 0) return error;
    this.#room.pagesUsed++;
    this.#pages.set(index, page);
    return page;
  }

  /** Fills `target` from the base at `offset`, with zeros where the base ends. Returns 0 or a negated errno. */
  #readBase(offset: number, target: Uint8Array): number {
    const shown = Math.max(0, Math.min(target.length, this.#baseSize - offset));
    const got = shown > 0 ? this.#base!.read(offset, target.subarray(0, shown)) : 0;
    if (got < 0) return got;
    target.fill(0, got);
    return 0;
  }
}
