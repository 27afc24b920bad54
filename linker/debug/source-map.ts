import { InputError } from '../errors.ts';
import type { MelfFile } from '../melf-reader.ts';
import { readDebugSections } from './sections.ts';
import { type CodeEntry, inRanges, readUnits, type Unit } from './units.ts';

/** A function that an address belongs to, and the source there: what addr2line prints. */
export interface SourceFrame {
  readonly function: string | undefined;
  readonly file: string | undefined;
  /** 0: not known. */
  readonly line: number;
}

/** The source of a program's code, variant by variant. */
export class SourceMap {
  readonly #file: MelfFile;
  readonly #path: string;
  readonly #units = new Map<number, readonly Unit[]>();

  constructor(file: MelfFile, path: string) {
    this.#file = file;
    this.#path = path;
  }

  /** Whether there is any debug information of a variant's own (0: of common code and the default variant). */
  has(variant: number): boolean {
    return this.#unitsOf(variant).length > 0;
  }

  /**
   * Where an address comes from when a thread sees `variant`: the innermost inlined function first, the function whose code it is last.
   * Empty when the debug information does not tell. @throws InputError when that is malformed
   */
  frames(address: number, variant: number): SourceFrame[] {
    try {
      for (const source of this.#sources(address, variant)) {
        for (const unit of this.#unitsOf(source)) {
          const frames = unit.holds(address) ? framesIn(unit, address) : [];
          if (frames.length > 0) return frames;
        }
      }
      return [];
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new InputError('debug.malformed', this.#path, `its debug information is damaged: ${cause.message}`);
    }
  }

  /** Whose debug information describes an address: in the window that of the variant whose body is there. */
  #sources(address: number, variant: number): number[] {
    const { melf } = this.#file;
    if (melf === undefined) return [0];
    if (address >= melf.windowVa && address < melf.windowVa + melf.windowSize) {
      const f = melf.functions.find(({ va, slotSize }) => address >= va && address < va + slotSize);
      return f === undefined ? [] : [f.bodies[variant]!.source];
    }
    // Common code is described with the default variant; what only one variant has, with that one.
    return [...melf.variants.keys()];
  }

  #unitsOf(variant: number): readonly Unit[] {
    let units = this.#units.get(variant);
    if (units === undefined) {
      const name = variant === 0 ? undefined : this.#file.melf?.variants[variant]?.name;
      units = readUnits(readDebugSections(this.#file, name, this.#path));
      this.#units.set(variant, units);
    }
    return units;
  }
}

function framesIn(unit: Unit, address: number): SourceFrame[] {
  const line = unit.lines.lookup(address);
  const chain: CodeEntry[] = [];
  for (let level = unit.functions; ; ) {
    const next = level.find((f) => inRanges(f.ranges, address));
    if (next === undefined) break;
    chain.push(next);
    level = next.inlined;
  }
  if (line === undefined && chain.length === 0) return [];
  const frames: SourceFrame[] = [];
  let here: { file: string | undefined; line: number } = line ?? { file: undefined, line: 0 };
  for (const entry of chain.reverse()) {
    frames.push({ function: entry.name, ...here });
    here = { file: unit.lines.files[entry.callFile], line: entry.callLine };
  }
  return frames.length > 0 ? frames : [{ function: undefined, ...here }];
}
