import { PT_LOAD } from './elf.ts';
import type { MelfInfo } from './melf-format.ts';
import { BODY_FILLED, BODY_THUNK } from './melf-format.ts';
import type { MelfFile } from './melf-reader.ts';

/** What one variant costs and shares. */
export interface VariantFigures {
  readonly name: string;
  readonly flags: string;
  readonly fileOffset: number;
  readonly codeBytes: number;
  /** Window bytes that are not code of this variant. */
  readonly paddingBytes: number;
  readonly paddingPercent: number;
  /** Functions whose bytes equal the default variant's. */
  readonly identicalFunctions: number;
  /** Pages of the window whose bytes equal the default variant's. */
  readonly identicalPages: number;
  /** Functions it does not have; the slot shows another variant's body. */
  readonly filledFunctions: number;
  /** Functions that are only a jump to an equal one. */
  readonly thunks: number;
}

/** The figures of a MELF file, ready to print as a table or as JSON. */
export interface Inspection {
  readonly isa: string;
  readonly fileBytes: number;
  readonly defaultVariant: string;
  readonly window: { readonly va: number; readonly bytes: number; readonly span: number; readonly pages: number };
  readonly functions: number;
  readonly pageGroups: number;
  readonly slotBytes: number;
  readonly commonCodeBytes: number;
  /** Bytes that the other variants add to the file. */
  readonly variantBytes: number;
  readonly variants: readonly VariantFigures[];
  readonly buildFlags: string;
}

/** Computes the figures; undefined when the file holds no variants. */
export function inspectMelf(file: MelfFile): Inspection | undefined {
  const { melf } = file;
  if (melf === undefined || melf.variants.length === 0) return undefined;
  const slotBytes = melf.functions.reduce((sum, f) => sum + f.slotSize, 0);
  const common = file.segments.filter((s) => s.type === PT_LOAD && (s.flags & 1) !== 0 && s.va !== melf.windowVa);
  return {
    isa: file.isa,
    fileBytes: file.bytes.length,
    defaultVariant: melf.variants[0]!.name,
    window: {
      va: melf.windowVa,
      bytes: melf.windowSize,
      span: melf.windowSpan,
      pages: melf.windowSize / melf.pageSize,
    },
    functions: melf.functions.length,
    pageGroups: melf.pageGroups.length,
    slotBytes,
    commonCodeBytes: common.reduce((sum, s) => sum + s.memorySize, 0),
    variantBytes: melf.variants.slice(1).reduce((sum, v) => sum + v.fileSize, 0),
    variants: melf.variants.map((_, v) => variantFigures(file, melf, v)),
    buildFlags: melf.buildFlags,
  };
}

function variantFigures(file: MelfFile, melf: MelfInfo, v: number): VariantFigures {
  const variant = melf.variants[v]!;
  const count = (test: (index: number) => boolean): number => melf.functions.filter((_, i) => test(i)).length;
  const bodyOf = (i: number) => melf.functions[i]!.bodies[v]!;
  const paddingBytes = melf.windowSize - variant.codeSize;
  return {
    name: variant.name,
    flags: variant.flags,
    fileOffset: variant.fileOffset,
    codeBytes: variant.codeSize,
    paddingBytes,
    paddingPercent: melf.windowSize === 0 ? 0 : (paddingBytes * 100) / melf.windowSize,
    identicalFunctions:
      v === 0
        ? 0
        : count(
            (i) =>
              bodyOf(i).hash === melf.functions[i]!.bodies[0]!.hash &&
              bodyOf(i).size === melf.functions[i]!.bodies[0]!.size,
          ),
    identicalPages: v === 0 ? 0 : identicalPages(file.window(0), file.window(v), melf.pageSize),
    filledFunctions: count((i) => (bodyOf(i).flags & BODY_FILLED) !== 0),
    thunks: count((i) => (bodyOf(i).flags & BODY_THUNK) !== 0),
  };
}

function identicalPages(a: Uint8Array, b: Uint8Array, page: number): number {
  let equal = 0;
  for (let at = 0; at < a.length; at += page) {
    if (Buffer.compare(a.subarray(at, at + page), b.subarray(at, at + page)) === 0) equal++;
  }
  return equal;
}
