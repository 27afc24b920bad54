import type { InputSection } from '../section.ts';
import type { LinkSymbol } from '../symbol.ts';

/** What a relocation asks for before layout; bits. */
export const NEEDS_NOTHING = 0;
/** A GOT entry with the symbol's address. */
export const NEEDS_GOT = 1;
/** A GOT entry with the symbol's offset from the thread pointer. */
export const NEEDS_TLS_GOT = 2;
/** The relocation after it belongs to a code sequence that is rewritten as a whole. */
export const SKIPS_NEXT = 4;
/** A type of the dynamic model, or unknown. */
export const UNSUPPORTED = 8;

/**
 * How a relocation's value depends on where the image lies: `word` an address of 64 bits, which start-up code can correct; `narrow` an
 * address or a part of one, which it cannot; `distance` from another place of the image; `free` not at all.
 */
export type Dependence = 'word' | 'narrow' | 'distance' | 'free';

/** Everything that applying relocations needs to know of the finished layout. */
export interface RelocationContext {
  /** S: where the symbol is, its iplt entry for an ifunc, 0 for an undefined weak one. */
  symbolAddress(symbol: LinkSymbol): number;
  /** S + A, which for section symbols of merged sections is not a sum. `from`: who asks, where debug information may. */
  target(symbol: LinkSymbol, addend: number, from?: InputSection): number;
  gotAddress(symbol: LinkSymbol): number;
  tlsGotAddress(symbol: LinkSymbol): number;
  /** Start of the GOT. */
  readonly gotBase: number;
  /** Start of the TLS segment. */
  readonly tlsStart: number;
  /** What to add to an address inside the TLS segment to get its offset from the thread pointer. */
  readonly tlsToThreadPointer: number;
  /** The image may be loaded at any address. */
  readonly isPie: boolean;
  /** Address of a veneer to `symbol` + `addend` that a branch at `place` reaches; undefined: there is none. */
  veneer(place: number, symbol: LinkSymbol, addend: number): number | undefined;
  /** Reports a value that does not fit or a sequence that cannot be rewritten. */
  problem(section: InputSection, index: number, message: string, hint?: string): void;
}

/** How a branch gets farther than its field reaches. */
export interface VeneerKind {
  /** Branches of these types go less far than this, forwards or backwards. */
  readonly reach: number;
  readonly size: number;
  readonly isBranch: (type: number) => boolean;
  readonly reaches: (distance: number) => boolean;
  write(view: DataView, offset: number, va: number, target: number): void;
}

/** The part of the linker that knows one instruction set. */
export interface RelocationBackend {
  readonly typeName: (type: number) => string;
  /** All types that a static link may hold. */
  readonly types: readonly number[];
  /** Largest page size that segments are aligned for. */
  readonly maxPage: number;
  readonly ipltEntrySize: number;
  readonly irelativeType: number;
  readonly relativeType: number;
  readonly dependence: (type: number) => Dependence;
  /** Bits `NEEDS_…` of relocation `index`. */
  needs(section: InputSection, index: number, symbol: LinkSymbol, isPie: boolean): number;
  /** Applies relocations [first, last) of `section`, whose bytes are at `offset` of `out` and will be at `va`. */
  apply(
    section: InputSection,
    out: Uint8Array,
    offset: number,
    va: number,
    context: RelocationContext,
    first: number,
    last: number,
  ): void;
  /** One iplt entry: jump through the GOT slot. */
  writeIplt(view: DataView, offset: number, va: number, gotSlot: number): void;
  /** Undefined: branches reach everything. */
  readonly veneer: VeneerKind | undefined;
  /** A jump to `target`; false when it does not reach. */
  writeJump(view: DataView, offset: number, va: number, target: number): boolean;
  /** Bytes that trap, for the gaps between functions; `start` and `end` are offsets in `out`. */
  fillTrap(out: Uint8Array, start: number, end: number): void;
  /** No-operations, for gaps inside `.init` and `.fini`, which are run through. */
  fillNop(out: Uint8Array, start: number, end: number): void;
  /** How far the thread pointer is from the start of the TLS segment (negative: it lies behind). */
  threadPointerOffset(tlsSize: number, tlsAlign: number, tlsStart: number): number;
}
