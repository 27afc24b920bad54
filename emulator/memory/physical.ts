import { MelfError } from '../../base/errors.ts';
import type { MemoryHandle, NativeBinding } from '../native/binding.ts';

export const PAGE_SIZE = 4096;

/** The address of the page that holds `va`. */
export const pageDown = (va: number): number => va - (va % PAGE_SIZE);
/** `bytes`, or an address, rounded up to whole pages. */
export const pageUp = (bytes: number): number => Math.ceil(bytes / PAGE_SIZE) * PAGE_SIZE;

/** The guest used every frame of its physical memory. */
export class OutOfMemory extends MelfError {
  constructor(bytes: number) {
    super('machine.out-of-memory', `the guest used all of its ${Math.round(bytes / 2 ** 20)} MiB of physical memory`, {
      facts: { bytes },
      hint: 'give the machine more with --memory, or look for a leak in the guest',
    });
  }
}

/**
 * Guest-physical memory: 4 KiB frames of one lazily committed region that is RAM of every engine, with reference counts.
 *
 * It is also the one choke point through which a frame that may have been executed is rewritten or recycled: engines keep
 * translations by physical address and do not notice such writes (Unicorn 2.1.4, virtual TLB). `codeGeneration` grows
 * whenever translations may be stale; each core compares it before it runs and drops its translations.
 */
export class PhysicalMemory {
  readonly handle: MemoryHandle;
  readonly bytes: number;
  readonly u8: Uint8Array;
  readonly u32: Uint32Array;
  codeGeneration = 0;
  readonly #native: NativeBinding;
  readonly #references: Uint32Array;
  readonly #executed: Uint8Array;
  readonly #free: number[] = [];
  #fresh = 1; // frame 0 is never handed out, so that 0 can mean "none"
  #used = 0;

  /** @param bytes size of guest RAM, at most 4 GiB, a multiple of the page size; the host commits pages when they are touched */
  constructor(native: NativeBinding, bytes: number) {
    this.#native = native;
    this.bytes = bytes;
    this.handle = native.createMemory(bytes);
    const buffer = native.memoryBuffer(this.handle);
    this.u8 = new Uint8Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.#references = new Uint32Array(bytes / PAGE_SIZE);
    this.#executed = new Uint8Array(bytes / PAGE_SIZE);
  }

  /** Gives the host's memory back: all frames read as zero afterwards. */
  close(): void {
    this.#native.releaseFrames(this.handle, 0, this.bytes / PAGE_SIZE);
  }

  get framesUsed(): number {
    return this.#used;
  }

  get framesFree(): number {
    return this.#free.length + this.#references.length - this.#fresh;
  }

  /** Throws {@link OutOfMemory} unless so many frames are free: before a change that must not stop half way. */
  require(frames: number): void {
    if (this.framesFree < frames) throw new OutOfMemory(this.bytes);
  }

  /** A zeroed frame with one reference. Throws {@link OutOfMemory}. */
  allocate(): number {
    let frame = this.#free.pop();
    if (frame === undefined) {
      if (this.#fresh >= this.#references.length) throw new OutOfMemory(this.bytes);
      frame = this.#fresh++;
    } else {
      this.u8.fill(0, frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE);
    }
    this.#references[frame] = 1;
    this.#used++;
    return frame;
  }

  retain(frame: number): void {
    if (frame < this.#references.length) this.#references[frame]!++; // the model port is not RAM
  }

  /** Drops a reference; the frame is free for reuse when none is left. Returns how many are left. */
  release(frame: number): number {
    if (frame >= this.#references.length) return 1;
    const left = --this.#references[frame]!;
    if (left === 0) {
      this.#codeLeaves(frame);
      this.#free.push(frame);
      this.#used--;
    }
    return left;
  }

  references(frame: number): number {
    return this.#references[frame]!;
  }

  /** The frame's bytes in place. Write through {@link write} instead where the frame may hold code. */
  frameBytes(frame: number): Uint8Array {
    return this.u8.subarray(frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE);
  }

  /** Copies `from` to `to`, whole frames. */
  copyFrame(from: number, to: number): void {
    this.#codeLeaves(to);
    this.u8.copyWithin(to * PAGE_SIZE, from * PAGE_SIZE, (from + 1) * PAGE_SIZE);
  }

  /** Writes bytes at a physical address, within one frame. */
  write(pa: number, bytes: Uint8Array): void {
    this.#codeLeaves(Math.floor(pa / PAGE_SIZE));
    this.u8.set(bytes, pa);
  }

  /** The frame is about to be mapped executable. */
  markExecuted(frame: number): void {
    this.#executed[frame] = 1;
  }

  /** Whether code of the frame may have been executed since it was last written. */
  wasExecuted(frame: number): boolean {
    return this.#executed[frame] !== 0;
  }

  /** The frame is about to be mapped writable: nobody executes it any more until {@link markExecuted}. */
  markWritten(frame: number): void {
    this.#codeLeaves(frame);
  }

  /** The frame is about to be changed by us; whoever has it mapped executable goes on executing it. */
  markChanged(frame: number): void {
    if (this.#executed[frame] !== 0) this.codeGeneration++;
  }

  #codeLeaves(frame: number): void {
    if (this.#executed[frame] === 0) return;
    this.#executed[frame] = 0;
    this.codeGeneration++;
  }

  /** Gives the memory of all free frames back to the host. */
  trim(): void {
    for (const frame of this.#free) this.#native.releaseFrames(this.handle, frame, 1);
  }
}
