import { PAGE_SIZE, type PhysicalMemory } from './physical.ts';

/** What a mapping needs of a file. */
export interface Mappable {
  readonly name: string;
  /** Bytes; pages wholly beyond it cannot be touched (SIGBUS). */
  readonly size: number;
  /** Fills `into` (one page) with page `index`, zero past the end. */
  readPage(index: number, into: Uint8Array): void;
  /** The page cache's frame for page `index`; the file keeps its own reference. Writes by MAP_SHARED mappings land there. */
  sharedFrame(index: number): number;
  /** Makes what was written durable, where anything is. */
  flush?(): number;
}

/** A file that lives as long as the address spaces that own it. */
export interface OwnedFile {
  /** One more space owns it. */
  retain(): this;
  /** A space gives it up; with the last one its page cache goes. */
  release(): void;
}

/** Memory of a MAP_SHARED | MAP_ANONYMOUS mapping: a file of zeros without a name that lives as long as a mapping of it. */
export class SharedMemory implements Mappable, OwnedFile {
  readonly name = '/dev/zero (deleted)'; // as Linux shows it in /proc/self/maps
  readonly size: number;
  readonly #physical: PhysicalMemory;
  readonly #frames = new Map<number, number>();
  #owners = 1;

  constructor(physical: PhysicalMemory, size: number) {
    this.#physical = physical;
    this.size = size;
  }

  readPage(index: number, into: Uint8Array): void {
    const frame = this.#frames.get(index);
    if (frame === undefined) into.fill(0);
    else into.set(this.#physical.frameBytes(frame));
  }

  sharedFrame(index: number): number {
    const frame = this.#frames.get(index) ?? this.#physical.allocate();
    this.#frames.set(index, frame);
    return frame;
  }

  retain(): this {
    this.#owners++;
    return this;
  }

  release(): void {
    if (--this.#owners > 0) return;
    for (const frame of this.#frames.values()) this.#physical.release(frame);
    this.#frames.clear();
  }
}

/** A file that is just bytes, such as the program being loaded. Its page cache fills as pages are touched. */
export class BytesMappable implements Mappable, OwnedFile {
  readonly name: string;
  readonly #bytes: Uint8Array;
  readonly #physical: PhysicalMemory;
  readonly #frames = new Map<number, number>();
  #owners = 1;

  constructor(physical: PhysicalMemory, name: string, bytes: Uint8Array) {
    this.#physical = physical;
    this.name = name;
    this.#bytes = bytes;
  }

  get size(): number {
    return this.#bytes.length;
  }

  readPage(index: number, into: Uint8Array): void {
    const page = this.#bytes.subarray(index * PAGE_SIZE, (index + 1) * PAGE_SIZE);
    into.set(page);
    into.fill(0, page.length);
  }

  sharedFrame(index: number): number {
    let frame = this.#frames.get(index);
    if (frame === undefined) {
      frame = this.#physical.allocate();
      this.readPage(index, this.#physical.frameBytes(frame));
      this.#frames.set(index, frame);
    }
    return frame;
  }

  retain(): this {
    this.#owners++;
    return this;
  }

  release(): void {
    if (--this.#owners > 0) return;
    for (const frame of this.#frames.values()) this.#physical.release(frame);
    this.#frames.clear();
  }
}
