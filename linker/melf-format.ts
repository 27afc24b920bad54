/** Layout of the `.melf` section, version 1.1; specified in docs/melf-format.md. All fields are little endian. */

export const MELF_MAGIC = 0x464c454d; // "MELF"
export const MELF_VERSION_MAJOR = 1;
export const MELF_VERSION_MINOR = 1;

export const HEADER_SIZE = 120;
export const VARIANT_SIZE = 72;
export const FUNCTION_SIZE = 32;
export const BODY_SIZE = 16;
export const GROUP_SIZE = 24;

/** Body flag: the slot holds a jump to another function that the compiler found to be equal. */
export const BODY_THUNK = 1;
/** Body flag: the variant has no such function; what is here is `source`'s. */
export const BODY_FILLED = 2;

/** One variant as `.melf` describes it. */
export interface MelfVariant {
  readonly name: string;
  readonly flags: string;
  /** Where its bytes of the window are in the file. */
  readonly fileOffset: number;
  readonly fileSize: number;
  /** Unwind tables of the bodies that only this variant shows; 0 and 0 when there are none. */
  readonly ehFrameVa: number;
  readonly ehFrameSize: number;
  readonly ehFrameHdrVa: number;
  readonly ehFrameHdrSize: number;
  /** Sum of its bodies' sizes; the rest of the window is padding. */
  readonly codeSize: number;
}

/** What one variant has at a function's address. */
export interface MelfBody {
  readonly size: number;
  /** First 8 bytes of SHA-256 of the body's bytes as linked, as hex. Equal hashes: equal code. */
  readonly hash: string;
  /** Variant whose body it is. */
  readonly source: number;
  readonly flags: number;
}

/** A multivariant function. */
export interface MelfFunction {
  readonly name: string;
  readonly unit: string;
  readonly va: number;
  readonly slotSize: number;
  readonly align: number;
  readonly pageGroup: number;
  /** By variant. */
  readonly bodies: readonly MelfBody[];
}

/** Pages that must be switched together, since functions straddle their borders. */
export interface MelfPageGroup {
  readonly va: number;
  readonly size: number;
  readonly firstFunction: number;
  readonly functionCount: number;
}

/** The contents of `.melf`. */
export interface MelfInfo {
  readonly versionMajor: number;
  readonly versionMinor: number;
  readonly pageSize: number;
  readonly windowVa: number;
  /** Bytes of one variant, a multiple of the page size. */
  readonly windowSize: number;
  /** Address space that nothing else uses, a multiple of 2 MiB. */
  readonly windowSpan: number;
  /** Address of the word in the window that holds the number of the variant seen there; 0 when there is none. */
  readonly markerVa: number;
  /** Index 0 is the default. */
  readonly variants: readonly MelfVariant[];
  readonly functions: readonly MelfFunction[];
  readonly pageGroups: readonly MelfPageGroup[];
  readonly buildFlags: string;
}

/** Bytes that a `.melf` section with this many entries takes. */
export function melfSize(variants: number, functions: number, groups: number, stringBytes: number): number {
  const fixed = HEADER_SIZE + variants * VARIANT_SIZE + functions * FUNCTION_SIZE;
  return fixed + functions * variants * BODY_SIZE + groups * GROUP_SIZE + stringBytes;
}

/** Collects NUL-terminated strings; equal ones once. */
export class StringPool {
  readonly #offsets = new Map<string, number>();
  readonly #parts: Buffer[] = [];
  #size = 0;

  constructor() {
    this.add('');
  }
  get size(): number {
    return this.#size;
  }
  add(text: string): number {
    let offset = this.#offsets.get(text);
    if (offset === undefined) {
      offset = this.#size;
      const bytes = Buffer.from(`${text}\0`, 'latin1');
      this.#offsets.set(text, offset);
      this.#parts.push(bytes);
      this.#size += bytes.length;
    }
    return offset;
  }
  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }
}
