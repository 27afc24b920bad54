// The types that an object's debug information describes, as far as they decide what data looks like (DWARF 5, sections 5.1 to 5.7).

import { readLineTable } from './debug/lines.ts';
import { relocatedCopy } from './debug/relocated-section.ts';
import { type Entry, readTypeUnits, type TypeUnit } from './debug/type-units.ts';
import { InputError } from './errors.ts';
import type { ObjectFile } from './object.ts';

/** A member of a struct, union or class, or one of its bases. */
export interface MemberLayout {
  readonly name: string;
  /** Offset in bits. */
  readonly offset: number;
  /** What it is, as far as its layout counts: pointers are all alike. */
  readonly type: string;
}

/** A type that two variants may disagree about. */
export interface TypeLayout {
  /** With the names of what it lies in, as `outer::inner`; a nameless type has that of its typedef. */
  readonly name: string;
  /** `struct`, `union`, `class`, `enum`, or `typedef` for one of a scalar or of an array. */
  readonly kind: string;
  readonly size: number;
  readonly members: readonly MemberLayout[];
  /** Values by name. */
  readonly enumerators: ReadonlyMap<string, number>;
  /** Source file, with the line where it is known. */
  readonly where: string;
}

/** The types of one object. */
export interface ObjectTypes {
  /** By an identity that tells tags from typedefs. */
  readonly layouts: ReadonlyMap<string, TypeLayout>;
  /** Why there are types that the object does not tell, as with -gsplit-dwarf. */
  readonly missing: string | undefined;
}

const TAG = {
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
const AT = {
  name: 0x03,
  byteSize: 0x0b,
  bitOffset: 0x0c,
  bitSize: 0x0d,
  lineProgram: 0x10,
  folder: 0x1b,
  constValue: 0x1c,
  count: 0x37,
  upperBound: 0x2f,
  location: 0x38,
  declaration: 0x3c,
  file: 0x3a,
  line: 0x3b,
  external: 0x3f,
  type: 0x49,
  dataBitOffset: 0x6b,
} as const;

const KINDS: ReadonlyMap<number, string> = new Map([
  [TAG.struct, 'struct'],
  [TAG.union, 'union'],
  [TAG.klass, 'class'],
  [TAG.enumeration, 'enum'],
]);
const QUALIFIERS: ReadonlySet<number> = new Set([TAG.constant, TAG.volatile, TAG.restrict, TAG.atomic]);
const POINTERS: ReadonlySet<number> = new Set([TAG.pointer, TAG.reference, TAG.rvalue]);
const POINTER_SIZE = 8;
const MOST_INDIRECTIONS = 40;

const isRecord = (tag: number): boolean => KINDS.has(tag) && tag !== TAG.enumeration;

/** Reads all types of an object; empty when it has no debug information. @throws InputError when that is malformed. */
export function readTypeLayouts(file: ObjectFile): ObjectTypes {
  const layouts = new Map<string, TypeLayout>();
  let missing: string | undefined;
  let source = '';
  try {
    for (const unit of readTypeUnits(file)) {
      const name = unit.root?.attributes.get(AT.name);
      if (source === '' && typeof name === 'string') source = name;
      missing ??= unit.missing;
      new UnitTypes(unit, (entry) => placeOf(file, unit, entry, source)).addTo(layouts);
    }
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new InputError(
      'link.malformed',
      file.displayName,
      `.debug_info cannot be read: ${cause.message}`,
      'compile without -g, or again',
    );
  }
  return { layouts, missing };
}

class UnitTypes {
  readonly #entries: ReadonlyMap<number, Entry>;
  readonly #place: (entry: Entry) => string;

  constructor({ entries }: TypeUnit, place: (entry: Entry) => string) {
    this.#entries = entries;
    this.#place = place;
  }

  addTo(layouts: Map<string, TypeLayout>): void {
    const named = new Set<Entry>();
    const add = (entry: Entry, space: string, name: string): void => {
      const key = `${space} ${name}`;
      if (!layouts.has(key)) layouts.set(key, this.#layout(entry, name));
    };
    for (const entry of this.#entries.values()) {
      const { tag, attributes, path, isLocal } = entry;
      if (attributes.has(AT.declaration)) continue;
      const name = path.slice(0, -2);
      if (KINDS.has(tag)) {
        // Functions of C++ may have one name: their own enumerations do not pair by it.
        if (attributes.has(AT.name) && !(isLocal && tag === TAG.enumeration)) add(entry, 'tag', name);
        continue;
      }
      const isTypedef = tag === TAG.typedef;
      if (!(isTypedef || (tag === TAG.variable && !isLocal)) || !attributes.has(AT.name)) continue;
      const type = this.#bare(this.#typeOf(attributes), !isTypedef);
      if (type === undefined) continue;
      if (KINDS.has(type.tag)) {
        if (type.attributes.has(AT.name) || type.attributes.has(AT.declaration)) continue;
        if (!isTypedef && named.has(type)) continue;
        named.add(type);
        add(type, isTypedef ? 'typedef' : 'variable', isTypedef ? name : `of variable ${name}`);
      } else if (isTypedef && !isLocal && (type.tag === TAG.base || type.tag === TAG.array)) {
        const size = this.#sizeOf(type, 0);
        const where = (): string => this.#place(entry);
        if (size !== undefined && !layouts.has(`typedef ${name}`))
          layouts.set(`typedef ${name}`, layoutOf({ name, kind: 'typedef', size, members: [] }, where));
      }
    }
    for (const entry of this.#entries.values()) {
      if (entry.tag !== TAG.enumeration || entry.isLocal || entry.attributes.has(AT.name) || named.has(entry)) continue;
      const first = entry.children.find((c) => c.tag === TAG.enumerator)?.path.slice(0, -2);
      if (first !== undefined) add(entry, 'enumerator', `of ${first}`);
    }
  }

  #layout(entry: Entry, name: string): TypeLayout {
    const kind = KINDS.get(entry.tag)!;
    const size = Number(entry.attributes.get(AT.byteSize) ?? 0);
    const members = isRecord(entry.tag) ? this.#members(entry) : [];
    const enumerators = new Map<string, number>();
    for (const { tag, attributes } of entry.children) {
      const [own, value] = [attributes.get(AT.name), attributes.get(AT.constValue)];
      if (tag === TAG.enumerator && typeof own === 'string' && typeof value === 'number') enumerators.set(own, value);
    }
    return layoutOf({ name, kind, size, members, enumerators }, () => this.#place(entry));
  }

  #members(entry: Entry, depth = 0): MemberLayout[] {
    if (depth > MOST_INDIRECTIONS) return [];
    const seen = new Set<string>();
    return entry.children.flatMap(({ tag, attributes }): MemberLayout[] => {
      if (tag !== TAG.member && tag !== TAG.inheritance) return [];
      // A static member of a class has no place in it.
      if (attributes.has(AT.external) && attributes.has(AT.declaration)) return [];
      const own = this.#typeOf(attributes);
      const offset = this.#offset(attributes, own);
      const given = attributes.get(AT.name);
      // The members of a nameless struct or union are members of what it lies in.
      if (typeof given !== 'string' && tag === TAG.member && own !== undefined && isRecord(own.tag))
        return this.#members(own, depth + 1).map((m) => ({ ...m, offset: offset + m.offset }));
      const width = attributes.get(AT.bitSize);
      const type = this.#describe(own, depth + 1);
      let name = typeof given === 'string' ? given : tag === TAG.inheritance ? `base ${type}` : '(nameless)';
      // Bases that are described in other units look alike.
      while (seen.has(name)) name += "'";
      seen.add(name);
      return [{ name, offset, type: width === undefined ? type : `${type}:${width}` }];
    });
  }

  #offset(attributes: ReadonlyMap<number, number | string>, type: Entry | undefined): number {
    const bits = attributes.get(AT.dataBitOffset);
    if (typeof bits === 'number') return bits;
    const start = Number(attributes.get(AT.location) ?? 0) * 8;
    // Before version 4 bits counted from the high end of a unit of storage (DWARF 3, section 5.6.6); gcc's version 4 does so, too.
    const [high, width] = [attributes.get(AT.bitOffset), attributes.get(AT.bitSize)];
    const unit = attributes.get(AT.byteSize) ?? this.#sizeOf(type, 0);
    if (typeof high !== 'number' || typeof width !== 'number' || typeof unit !== 'number') return start;
    return start + unit * 8 - high - width;
  }

  #typeOf(attributes: ReadonlyMap<number, number | string>): Entry | undefined {
    const at = attributes.get(AT.type);
    return typeof at === 'number' ? this.#entries.get(at) : undefined;
  }

  /** The type behind qualifiers, and behind arrays if asked for. */
  #bare(type: Entry | undefined, throughArrays: boolean): Entry | undefined {
    let bare = type;
    for (let depth = 0; bare !== undefined && depth < MOST_INDIRECTIONS; depth++) {
      if (!QUALIFIERS.has(bare.tag) && !(throughArrays && bare.tag === TAG.array)) return bare;
      bare = this.#typeOf(bare.attributes);
    }
    return undefined;
  }

  /** Bytes; undefined where the debug information does not tell, or only at run time. */
  #sizeOf(type: Entry | undefined, depth: number): number | undefined {
    if (type === undefined || depth > MOST_INDIRECTIONS) return undefined;
    const { tag, attributes } = type;
    const own = attributes.get(AT.byteSize);
    if (typeof own === 'number') return own;
    if (POINTERS.has(tag)) return POINTER_SIZE;
    const element = this.#sizeOf(this.#typeOf(attributes), depth + 1);
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

  #describe(entry: Entry | undefined, depth: number): string {
    if (entry === undefined || depth > MOST_INDIRECTIONS) return 'void';
    const { tag, attributes, path } = entry;
    const name = attributes.get(AT.name);
    const size = attributes.get(AT.byteSize) ?? 0;
    if (tag === TAG.typedef || QUALIFIERS.has(tag)) return this.#describe(this.#typeOf(attributes), depth + 1);
    if (POINTERS.has(tag)) return 'pointer';
    if (tag === TAG.base || tag === TAG.enumeration)
      return `${typeof name === 'string' ? name : 'enum'} of ${size} bytes`;
    if (tag === TAG.array) {
      const counts = this.#counts(entry).map((n) => `[${n ?? 0}]`);
      return `${this.#describe(this.#typeOf(attributes), depth + 1)}${counts.join('')}`;
    }
    if (isRecord(tag)) {
      if (typeof name === 'string') return path.slice(0, -2);
      const inside = this.#members(entry, depth + 1).map((m) => `${m.name}@${m.offset} ${m.type}`);
      return `{${inside.join('; ')}} of ${size} bytes`;
    }
    return typeof name === 'string' ? name : `tag ${tag}`;
  }
}

type Facts = Pick<TypeLayout, 'name' | 'kind' | 'size' | 'members'> & Partial<Pick<TypeLayout, 'enumerators'>>;
const NO_ENUMERATORS: ReadonlyMap<string, number> = new Map();

/** The place is looked up when it is asked for: only a disagreement needs it. */
function layoutOf({ name, kind, size, members, enumerators = NO_ENUMERATORS }: Facts, place: () => string): TypeLayout {
  return {
    name,
    kind,
    size,
    members,
    enumerators,
    get where() {
      return place();
    },
  };
}

function placeOf(file: ObjectFile, { version, root }: TypeUnit, { attributes }: Entry, source: string): string {
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
