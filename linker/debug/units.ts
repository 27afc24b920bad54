// The functions that .debug_info describes, with what was inlined into them (DWARF 5, sections 3.3 and 7.5; versions 2 to 5, 32-bit form).

import { type Abbreviation, Cursor, readAbbreviations } from './cursor.ts';
import type { FormContext, Value } from './forms.ts';
import { FORM, indexedString, isIndexedAddress, isIndexedString, readForm } from './forms.ts';
import type { LineTable } from './lines.ts';
import { readLineTable } from './lines.ts';
import type { DebugSections } from './sections.ts';
import { isKnownVersion, readUnitHeader } from './unit-header.ts';

const TAG = { subprogram: 0x2e, inlined: 0x1d } as const;
const AT = {
  name: 0x03,
  lineProgram: 0x10,
  lowPc: 0x11,
  highPc: 0x12,
  folder: 0x1b,
  abstractOrigin: 0x31,
  specification: 0x47,
  ranges: 0x55,
  callFile: 0x58,
  callLine: 0x59,
  linkageName: 0x6e,
  stringBase: 0x72,
  addressBase: 0x73,
  rangesBase: 0x74,
  gnuLinkageName: 0x2007,
} as const;
const MOST_INDIRECTIONS = 16;

type Ranges = readonly (readonly [from: number, to: number])[];

/** A function, or a call that was inlined into one. */
export interface CodeEntry {
  /** As linkers know it, where the compiler says. */
  readonly name: string;
  readonly ranges: Ranges;
  /** Where an inlined call stands in the function around it. */
  readonly callFile: number;
  readonly callLine: number;
  /** Inlined calls inside. */
  readonly inlined: CodeEntry[];
}

/** One compilation unit; functions and lines are read when they are asked for. */
export class Unit {
  readonly version: number;
  readonly start: number;
  readonly ranges: Ranges;
  readonly #sections: DebugSections;
  readonly #firstEntry: number;
  readonly #end: number;
  readonly #addressSize: number;
  readonly #context: FormContext;
  readonly #abbreviations: ReadonlyMap<number, Abbreviation>;
  readonly #root: ReadonlyMap<number, Value>;
  readonly #find: (offset: number) => Unit | undefined;
  #functions: CodeEntry[] | undefined;
  #lines: LineTable | undefined;

  constructor(sections: DebugSections, c: Cursor, find: (offset: number) => Unit | undefined) {
    this.#sections = sections;
    this.#find = find;
    const { start, end, version, offsetSize, addressSize, abbreviations } = readUnitHeader(c);
    if (offsetSize === 8) throw new RangeError('units of 64-bit form');
    if (!isKnownVersion(version)) throw new RangeError(`units of version ${version}`);
    this.start = start;
    this.#end = end;
    this.version = version;
    this.#addressSize = addressSize;
    const { str, line_str: lineStr } = sections;
    this.#context = { version, addressSize, offsetSize, str, lineStr };
    this.#abbreviations = readAbbreviations(sections.abbrev, abbreviations);
    this.#firstEntry = c.at;
    this.#root = new Map();
    this.#root = c.at < this.#end ? (this.#entry(c)?.attributes ?? new Map()) : new Map();
    this.ranges = this.#rangesOf(this.#root);
    c.at = this.#end;
  }

  get end(): number {
    return this.#end;
  }

  get lines(): LineTable {
    const offset = this.#number(this.#root, AT.lineProgram);
    const folder = this.#text(this.#root.get(AT.folder));
    const none = { ...this.#sections, line: undefined };
    this.#lines ??= readLineTable(offset === undefined ? none : this.#sections, offset ?? 0, folder);
    return this.#lines;
  }

  get functions(): readonly CodeEntry[] {
    this.#functions ??= this.#readFunctions();
    return this.#functions;
  }

  holds(address: number): boolean {
    return inRanges(this.ranges, address);
  }

  #readFunctions(): CodeEntry[] {
    const c = new Cursor(this.#sections.info!, this.#firstEntry);
    const found: CodeEntry[] = [];
    // Nearest enclosing function for each level of the tree.
    const open: (CodeEntry | undefined)[] = [];
    while (c.at < this.#end) {
      const entry = this.#entry(c);
      if (entry === undefined) {
        open.pop();
        continue;
      }
      const { abbreviation, attributes } = entry;
      let around = open.at(-1);
      if (abbreviation.tag === TAG.subprogram || abbreviation.tag === TAG.inlined) {
        const ranges = this.#rangesOf(attributes);
        const made: CodeEntry = {
          name: ranges.length === 0 ? '' : (this.#nameOf(attributes, 0) ?? '??'),
          ranges,
          callFile: this.#number(attributes, AT.callFile) ?? 0,
          callLine: this.#number(attributes, AT.callLine) ?? 0,
          inlined: [],
        };
        if (abbreviation.tag === TAG.subprogram) found.push(made);
        else around?.inlined.push(made);
        around = made;
      }
      if (abbreviation.hasChildren) open.push(around);
    }
    return found.filter((f) => f.ranges.length > 0);
  }

  /** The next entry with its attributes; undefined for the end of a list of children. */
  #entry(c: Cursor): { abbreviation: Abbreviation; attributes: Map<number, Value> } | undefined {
    const code = c.uleb();
    if (code === 0) return undefined;
    const abbreviation = this.#abbreviations.get(code);
    if (abbreviation === undefined) throw new RangeError('an unknown abbreviation');
    const attributes = new Map<number, Value>();
    const list = abbreviation.attributes;
    for (let i = 0; i < list.length; i += 3) {
      const value = readForm(c, list[i + 1]!, list[i + 2]!, this.#context);
      if (value !== undefined) attributes.set(list[i]!, value);
    }
    return { abbreviation, attributes };
  }

  #nameOf(attributes: ReadonlyMap<number, Value>, depth: number): string | undefined {
    const own = this.#text(attributes.get(AT.linkageName) ?? attributes.get(AT.gnuLinkageName));
    if (own !== undefined) return own;
    const link = attributes.get(AT.abstractOrigin) ?? attributes.get(AT.specification);
    const plain = this.#text(attributes.get(AT.name));
    if (link === undefined || depth > MOST_INDIRECTIONS) return plain;
    return this.#nameAt(link, depth) ?? plain;
  }

  #nameAt({ form, value }: Value, depth: number): string | undefined {
    if (typeof value !== 'number') return undefined;
    const whole = form === FORM.refAddr;
    const offset = whole ? value : this.start + value;
    const unit = whole ? this.#find(offset) : this;
    return unit?.nameAtOffset(offset, depth + 1);
  }

  /** Name of the entry at an offset of the section. */
  nameAtOffset(offset: number, depth: number): string | undefined {
    if (offset < this.#firstEntry || offset >= this.#end) return undefined;
    const entry = this.#entry(new Cursor(this.#sections.info!, offset));
    return entry === undefined ? undefined : this.#nameOf(entry.attributes, depth);
  }

  #number(attributes: ReadonlyMap<number, Value>, attribute: number): number | undefined {
    const value = attributes.get(attribute)?.value;
    return typeof value === 'number' ? value : undefined;
  }

  #text(given: Value | undefined): string | undefined {
    if (given === undefined || typeof given.value === 'string') return given?.value as string | undefined;
    if (!isIndexedString(given.form)) return undefined;
    const { str, str_offsets: offsets } = this.#sections;
    return indexedString({ str, offsets }, this.#number(this.#root, AT.stringBase), given.value, 4);
  }

  #address({ form, value }: Value): number | undefined {
    if (typeof value !== 'number') return undefined;
    return isIndexedAddress(form) ? this.#indexedAddress(value) : value;
  }

  #indexedAddress(index: number): number | undefined {
    const table = this.#sections.addr;
    const base = this.#number(this.#root, AT.addressBase) ?? 8;
    return table === undefined
      ? undefined
      : new Cursor(table, base + index * this.#addressSize).unsigned(this.#addressSize);
  }

  #rangesOf(attributes: ReadonlyMap<number, Value>): Ranges {
    const ranges = attributes.get(AT.ranges);
    if (ranges !== undefined && typeof ranges.value === 'number') {
      return this.version >= 5 ? this.#rangeList(ranges) : this.#oldRangeList(ranges.value);
    }
    const [low, high] = [attributes.get(AT.lowPc), attributes.get(AT.highPc)];
    const from = low === undefined ? undefined : this.#address(low);
    if (from === undefined || high === undefined) return [];
    const isAddress = high.form === FORM.addr || isIndexedAddress(high.form);
    const to = isAddress ? this.#address(high) : from + Number(high.value);
    return to === undefined || to <= from || from === 0 ? [] : [[from, to]];
  }

  #rangeList({ form, value }: Value): Ranges {
    const section = this.#sections.rnglists;
    if (section === undefined || typeof value !== 'number') return [];
    let at = value;
    if (form === FORM.rnglistx) {
      const base = this.#number(this.#root, AT.rangesBase) ?? 12;
      at = base + new Cursor(section, base + value * 4).u32();
    }
    const c = new Cursor(section, at);
    const size = this.#addressSize;
    let base = this.#base();
    const found: [number, number][] = [];
    // At 0 there is no code: that is how linkers mark what they left out.
    const add = (from: number, to: number): void => {
      if (to > from && from !== 0) found.push([from, to]);
    };
    const indexed = (): number => this.#indexedAddress(c.uleb()) ?? 0;
    for (;;) {
      switch (c.u8()) {
        case 0:
          return found;
        case 1:
          base = indexed();
          break;
        case 2: {
          const from = indexed();
          add(from, indexed());
          break;
        }
        case 3: {
          const from = indexed();
          add(from, from + c.uleb());
          break;
        }
        case 4: {
          const from = base + c.uleb();
          add(from, base + c.uleb());
          break;
        }
        case 5:
          base = c.unsigned(size);
          break;
        case 6: {
          const from = c.unsigned(size);
          add(from, c.unsigned(size));
          break;
        }
        case 7: {
          const from = c.unsigned(size);
          add(from, from + c.uleb());
          break;
        }
        default:
          throw new RangeError('an unknown kind of range');
      }
    }
  }

  #oldRangeList(offset: number): Ranges {
    const section = this.#sections.ranges;
    if (section === undefined) return [];
    const c = new Cursor(section, offset);
    const size = this.#addressSize;
    const largest = 2 ** (size * 8) - 1;
    let base = this.#base();
    const found: [number, number][] = [];
    for (;;) {
      const [from, to] = [c.unsigned(size), c.unsigned(size)];
      if (from === 0 && to === 0) return found;
      if (from >= largest) base = to;
      else if (to > from) found.push([base + from, base + to]);
    }
  }

  #base(): number {
    const low = this.#root.get(AT.lowPc);
    return low === undefined ? 0 : (this.#address(low) ?? 0);
  }
}

/** Whether one of the ranges holds an address. */
export function inRanges(ranges: Ranges, address: number): boolean {
  return ranges.some(([from, to]) => address >= from && address < to);
}

/** All units of `.debug_info`. @throws RangeError when it is malformed */
export function readUnits(sections: DebugSections): Unit[] {
  const { info } = sections;
  const units: Unit[] = [];
  if (info === undefined) return units;
  const c = new Cursor(info);
  const find = (offset: number): Unit | undefined => units.find((u) => offset >= u.start && offset < u.end);
  while (c.at + 12 <= info.length) units.push(new Unit(sections, c, find));
  return units;
}
