// What the entries of one unit say about types (DWARF 5, sections 5.1 to 5.13).

import type { ObjectFile } from '../object.ts';
import { readLineTable } from './lines.ts';
import { relocatedCopy } from './relocated-section.ts';
import type { Entry, TypeUnit } from './type-units.ts';

/** A member of a struct, union or class, or one of its bases. */
export interface MemberLayout {
  readonly name: string;
  /** Offset in bits. */
  readonly offset: number;
  /** What it is, as far as its layout counts: pointers are all alike. */
  readonly type: string;
}

export const TAG = {
  array: 0x01,
  klass: 0x02,
  enumeration: 0x04,
  member: 0x0d,
  pointer: 0x0f,
  reference: 0x10,
  struct: 0x13,
  typedef: 0x16,
  union: 0x17,
  inheritance: 0x1c,
  subrange: 0x21,
  base: 0x24,
  constant: 0x26,
  enumerator: 0x28,
  variable: 0x34,
  volatile: 0x35,
  restrict: 0x37,
  rvalue: 0x42,
  atomic: 0x47,
} as const;
export const AT = {
  name: 0x03,
  location: 0x02,
  byteSize: 0x0b,
  bitOffset: 0x0c,
  bitSize: 0x0d,
  lineProgram: 0x10,
  folder: 0x1b,
  constValue: 0x1c,
  count: 0x37,
  upperBound: 0x2f,
  memberLocation: 0x38,
  declaration: 0x3c,
  file: 0x3a,
  line: 0x3b,
  external: 0x3f,
  abstractOrigin: 0x31,
  specification: 0x47,
  type: 0x49,
  dataBitOffset: 0x6b,
} as const;

/** Keywords of what has members or enumerators. */
export const KINDS: ReadonlyMap<number, string> = new Map([
  [TAG.struct, 'struct'],
  [TAG.union, 'union'],
  [TAG.klass, 'class'],
  [TAG.enumeration, 'enum'],
]);
const QUALIFIERS: ReadonlySet<number> = new Set([TAG.constant, TAG.volatile, TAG.restrict, TAG.atomic]);
const POINTERS: ReadonlySet<number> = new Set([TAG.pointer, TAG.reference, TAG.rvalue]);
const POINTER_SIZE = 8;
const MOST_INDIRECTIONS = 40;

/** What stands between a type and what it is of at last. */
export type Through = 'value' | 'array' | 'pointer';

export const isRecord = (tag: number): boolean => KINDS.has(tag) && tag !== TAG.enumeration;

/** Answers questions about the types of one unit. */
export class TypeEntries {
  readonly #entries: ReadonlyMap<number, Entry>;

  constructor({ entries }: TypeUnit) {
    this.#entries = entries;
  }

  /** Members in order, those of nameless structs and unions inside among them. */
  members(entry: Entry, depth = 0): MemberLayout[] {
    if (depth > MOST_INDIRECTIONS) return [];
    const seen = new Set<string>();
    return entry.children.flatMap(({ tag, attributes }): MemberLayout[] => {
      if (tag !== TAG.member && tag !== TAG.inheritance) return [];
      // A static member of a class has no place in it.
      if (attributes.has(AT.external) && attributes.has(AT.declaration)) return [];
      const own = this.typeOf(attributes);
      const offset = this.#offset(attributes, own);
      const given = attributes.get(AT.name);
      // The members of a nameless struct or union are members of what it lies in.
      if (typeof given !== 'string' && tag === TAG.member && own !== undefined && isRecord(own.tag))
        return this.members(own, depth + 1).map((m) => ({ ...m, offset: offset + m.offset }));
      const width = attributes.get(AT.bitSize);
      const type = this.describe(own, depth + 1);
      let name = typeof given === 'string' ? given : tag === TAG.inheritance ? `base ${type}` : '(nameless)';
      // Bases that are described in other units look alike.
      while (seen.has(name)) name += "'";
      seen.add(name);
      return [{ name, offset, type: width === undefined ? type : `${type}:${width}` }];
    });
  }

  /** A type as source code names it. */
  nameOf(type: Entry | undefined, depth = 0): string {
    if (type === undefined || depth > MOST_INDIRECTIONS) return 'void';
    const { tag, attributes, path } = type;
    const name = attributes.has(AT.name) ? path.slice(0, -2) : '';
    const target = (): string => this.nameOf(this.typeOf(attributes), depth + 1);
    if (KINDS.has(tag)) return `${KINDS.get(tag)} ${name || '{…}'}`;
    if (QUALIFIERS.has(tag)) return target();
    if (tag === TAG.pointer) return `${target()} *`.replace('* *', '**');
    if (POINTERS.has(tag)) return `${target()} &`;
    if (tag === TAG.array)
      return `${target()}${this.#counts(type)
        .map((n) => `[${n ?? ''}]`)
        .join('')}`;
    return name || `type of tag ${tag}`;
  }

  /** What follows a variable's name to mean its bit at `offset`, as `.limits[2].low`; empty for the whole of it. */
  pathAt(type: Entry | undefined, offset: number, depth = 0): string {
    if (type === undefined || depth > MOST_INDIRECTIONS) return '';
    const { tag, attributes } = type;
    const target = this.typeOf(attributes);
    if (tag === TAG.typedef || QUALIFIERS.has(tag)) return this.pathAt(target, offset, depth + 1);
    if (tag === TAG.array) return this.#elementAt(type, target, offset, depth);
    if (!isRecord(tag)) return '';
    for (const { tag, attributes } of type.children) {
      if ((tag !== TAG.member && tag !== TAG.inheritance) || attributes.has(AT.external)) continue;
      const own = this.typeOf(attributes);
      const start = this.#offset(attributes, own);
      const width = attributes.get(AT.bitSize);
      const size = typeof width === 'number' ? width : (this.sizeOf(own, 0) ?? 0) * 8;
      if (offset < start || offset >= start + size) continue;
      const name = attributes.get(AT.name);
      const rest = this.pathAt(own, offset - start, depth + 1);
      return typeof name === 'string' ? `.${name}${rest}` : rest;
    }
    return '';
  }

  #elementAt(array: Entry, element: Entry | undefined, offset: number, depth: number): string {
    let size = (this.sizeOf(element, 0) ?? 0) * 8;
    if (size === 0) return '';
    const rest = this.pathAt(element, offset % size, depth + 1);
    const indices: number[] = [];
    for (const count of this.#counts(array).reverse()) {
      const index = Math.floor(offset / size);
      indices.unshift(count === undefined ? index : index % count);
      size *= count ?? 1;
    }
    return indices.map((i) => `[${i}]`).join('') + rest;
  }

  #offset(attributes: ReadonlyMap<number, number | string>, type: Entry | undefined): number {
    const bits = attributes.get(AT.dataBitOffset);
    if (typeof bits === 'number') return bits;
    const start = Number(attributes.get(AT.memberLocation) ?? 0) * 8;
    // Before version 4 bits counted from the high end of a unit of storage (DWARF 3, section 5.6.6); gcc's version 4 does so, too.
    const [high, width] = [attributes.get(AT.bitOffset), attributes.get(AT.bitSize)];
    const unit = attributes.get(AT.byteSize) ?? this.sizeOf(type, 0);
    if (typeof high !== 'number' || typeof width !== 'number' || typeof unit !== 'number') return start;
    return start + unit * 8 - high - width;
  }

  /** What DW_AT_type leads to. */
  typeOf(attributes: ReadonlyMap<number, number | string>): Entry | undefined {
    const at = attributes.get(AT.type);
    return typeof at === 'number' ? this.#entries.get(at) : undefined;
  }

  /** The type behind qualifiers. */
  bare(type: Entry | undefined): Entry | undefined {
    let bare = type;
    for (let depth = 0; bare !== undefined && QUALIFIERS.has(bare.tag); depth++)
      bare = depth < MOST_INDIRECTIONS ? this.typeOf(bare.attributes) : undefined;
    return bare;
  }

  /** The type behind qualifiers, arrays and pointers, and whether there were any of those. */
  target(type: Entry | undefined): [type: Entry | undefined, through: Through] {
    let through: Through = 'value';
    let target = type;
    for (let depth = 0; target !== undefined && depth < MOST_INDIRECTIONS; depth++) {
      if (POINTERS.has(target.tag)) through = 'pointer';
      else if (target.tag === TAG.array) through = through === 'value' ? 'array' : through;
      else if (!QUALIFIERS.has(target.tag)) return [target, through];
      target = this.typeOf(target.attributes);
    }
    return [undefined, through];
  }

  /** Bytes; undefined where the debug information does not tell, or only at run time. */
  sizeOf(type: Entry | undefined, depth: number): number | undefined {
    if (type === undefined || depth > MOST_INDIRECTIONS) return undefined;
    const { tag, attributes } = type;
    const own = attributes.get(AT.byteSize);
    if (typeof own === 'number') return own;
    if (POINTERS.has(tag)) return POINTER_SIZE;
    const element = this.sizeOf(this.typeOf(attributes), depth + 1);
    if (tag !== TAG.array) return element;
    return this.#counts(type).reduce<number | undefined>(
      (size, n) => (size === undefined || n === undefined ? undefined : size * n),
      element,
    );
  }

  /** Elements of each dimension; undefined: unknown, or known at run time only. */
  #counts({ children }: Entry): (number | undefined)[] {
    return children
      .filter((c) => c.tag === TAG.subrange)
      .map(({ attributes }) => {
        const [count, last] = [attributes.get(AT.count), attributes.get(AT.upperBound)];
        return typeof count === 'number' ? count : typeof last === 'number' ? last + 1 : undefined;
      });
  }

  /** A type as far as its layout counts. */
  describe(entry: Entry | undefined, depth: number): string {
    if (entry === undefined || depth > MOST_INDIRECTIONS) return 'void';
    const { tag, attributes, path } = entry;
    const name = attributes.get(AT.name);
    const size = attributes.get(AT.byteSize) ?? 0;
    if (tag === TAG.typedef || QUALIFIERS.has(tag)) return this.describe(this.typeOf(attributes), depth + 1);
    if (POINTERS.has(tag)) return 'pointer';
    if (tag === TAG.base || tag === TAG.enumeration)
      return `${typeof name === 'string' ? name : 'enum'} of ${size} bytes`;
    if (tag === TAG.array) {
      const counts = this.#counts(entry).map((n) => `[${n ?? 0}]`);
      return `${this.describe(this.typeOf(attributes), depth + 1)}${counts.join('')}`;
    }
    if (isRecord(tag)) {
      if (typeof name === 'string') return path.slice(0, -2);
      const inside = this.members(entry, depth + 1).map((m) => `${m.name}@${m.offset} ${m.type}`);
      return `{${inside.join('; ')}} of ${size} bytes`;
    }
    return typeof name === 'string' ? name : `tag ${tag}`;
  }
}

/** `file:line` of an entry; only the unit's source where the debug information does not tell. */
export function placeOf(file: ObjectFile, { version, root }: TypeUnit, { attributes }: Entry, source: string): string {
  const [number, line] = [attributes.get(AT.file), attributes.get(AT.line)];
  if (typeof number !== 'number' || line === undefined) return source;
  const program = root?.attributes.get(AT.lineProgram);
  const folder = root?.attributes.get(AT.folder);
  const data = (name: string): Uint8Array | undefined => file.sections.find((s) => s?.name === name)?.data;
  const section = file.sections.find((s) => s?.name === '.debug_line');
  try {
    if (section === undefined || typeof program !== 'number') return source;
    const sections = { line: relocatedCopy(section), str: data('.debug_str'), line_str: data('.debug_line_str') };
    const { files } = readLineTable(sections, program, typeof folder === 'string' ? folder : undefined);
    return `${files[number] ?? source}:${line}`;
  } catch (cause) {
    // A line table that cannot be read is no reason not to tell the disagreement.
    if (cause instanceof RangeError) return number === 1 && version < 5 ? `${source}:${line}` : source;
    throw cause;
  }
}
