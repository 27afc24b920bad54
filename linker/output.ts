import type { MergePool } from './merge.ts';
import type { InputSection } from './section.ts';

/** Content that the linker makes itself. Its size is known before layout, its bytes after. */
export interface Synthetic {
  readonly name: string;
  readonly align: number;
  readonly size: number;
  /** Set by layout. */
  va: number;
  write(out: Uint8Array, offset: number): void;
}

/** What fills a piece of an output section. All have a size before layout and get an address from it. */
export type Content = InputSection | MergePool | Synthetic;

/** A piece of an output section. */
export interface Chunk {
  readonly content: Content;
  readonly align: number;
  /** Offset in the output section. */
  offset: number;
}

/**
 * The parts of the address space, in ascending order; each is a segment of its own.
 * `variant`: another variant's bytes for the window, at the window's addresses but elsewhere in the file.
 * `file`: not loaded.
 */
export type Region = 'read' | 'exec' | 'window' | 'relro' | 'data' | 'variant' | 'file';

/** A section of the output. */
export class OutputSection {
  readonly name: string;
  readonly region: Region;
  type: number;
  flags: number;
  entrySize = 0;
  align = 1;
  size = 0;
  va = 0;
  /** Offset in the file. */
  offset = 0;
  /** Index in the section header table. */
  index = 0;
  link = 0;
  info = 0;
  readonly chunks: Chunk[] = [];
  /** For the sections of the window: whose bytes they hold. */
  readonly variant: number;

  constructor(name: string, region: Region, type: number, flags: number, variant = -1) {
    this.name = name;
    this.region = region;
    this.type = type;
    this.flags = flags;
    this.variant = variant;
  }

  add(content: Content, align: number): void {
    this.chunks.push({ content, align, offset: 0 });
    if (align > this.align) this.align = align;
  }
}

/** A program header. */
export interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly va: number;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly align: number;
}
