// The types that an object's debug information describes, as far as they decide what data looks like (DWARF 5, sections 5.1 to 5.7).

import type { MemberLayout, Through } from './debug/type-entries.ts';
import { AT, isRecord, KINDS, placeOf, TAG, TypeEntries } from './debug/type-entries.ts';
import { type Entry, readTypeUnits, type TypeUnit } from './debug/type-units.ts';
import { InputError } from './errors.ts';
import type { ObjectFile } from './object.ts';

/** A type that two variants may disagree about. */
export interface TypeLayout {
  /** With the names of what it lies in, as `outer::inner`; a nameless type has that of its typedef, or of what leads to it, as `*handle`. */
  readonly name: string;
  /** Name and kind for people. */
  readonly title: string;
  /** `struct`, `union`, `class`, `enum`, or `typedef` for one of a scalar or of an array. */
  readonly kind: string;
  readonly size: number;
  readonly members: readonly MemberLayout[];
  /** Values by name. */
  readonly enumerators: ReadonlyMap<string, number>;
  /** Source file, with the line where it is known. */
  readonly where: string;
  /** Equal for the same type under another name: a nameless struct has those of all variables that were declared with it. */
  readonly identity: object;
}

/** The types of one object. */
export interface ObjectTypes {
  /** By an identity that tells tags from typedefs. */
  readonly layouts: ReadonlyMap<string, TypeLayout>;
  /** Why there are types that the object does not tell, as with -gsplit-dwarf. */
  readonly missing: string | undefined;
}

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
      for (const [key, layout] of new UnitLayouts(unit, (entry) => placeOf(file, unit, entry, source)).collect())
        if (layout !== undefined && !layouts.has(key)) layouts.set(key, layout);
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

/** What a declaration is of, behind pointers, arrays and qualifiers. */

class UnitLayouts {
  readonly #entries: ReadonlyMap<number, Entry>;
  readonly #types: TypeEntries;
  readonly #place: (entry: Entry) => string;
  /** Undefined: two types of functions' own go by one name, so that none can be told from it. */
  readonly #found = new Map<string, TypeLayout | undefined>();

  constructor(unit: TypeUnit, place: (entry: Entry) => string) {
    this.#entries = unit.entries;
    this.#types = new TypeEntries(unit);
    this.#place = place;
  }

  collect(): ReadonlyMap<string, TypeLayout | undefined> {
    const namedEnums = new Set<Entry>();
    for (const entry of this.#entries.values()) {
      const { tag, attributes, path, isLocal } = entry;
      const name = path.slice(0, -2);
      if (!attributes.has(AT.name)) continue;
      if (KINDS.has(tag) && !attributes.has(AT.declaration)) {
        // Functions of C++ may have one name: their own enumerations do not pair by it.
        if (!(isLocal && tag === TAG.enumeration)) this.#add('tag', entry, name);
        this.#addInside(entry, name);
      } else if (tag === TAG.typedef) this.#addTypedef(entry, name, namedEnums);
      else if (tag === TAG.variable && (!isLocal || attributes.has(AT.location)))
        this.#addVariable(entry, name, namedEnums);
    }
    for (const entry of this.#entries.values()) {
      const { tag, attributes, children, isLocal } = entry;
      if (tag !== TAG.enumeration || isLocal || attributes.has(AT.name) || attributes.has(AT.declaration)) continue;
      const first = children.find((c) => c.tag === TAG.enumerator)?.path.slice(0, -2);
      if (first !== undefined && !namedEnums.has(entry)) this.#add('enumerator', entry, `of ${first}`);
    }
    return this.#found;
  }

  #addTypedef(entry: Entry, name: string, namedEnums: Set<Entry>): void {
    const target = this.#types.typeOf(entry.attributes);
    const nameless = this.#namelessIn(target);
    if (nameless !== undefined) {
      const [type, through] = nameless;
      if (through === 'value') {
        if (type.tag === TAG.enumeration) namedEnums.add(type);
        this.#add('typedef', type, name);
      } else if (isRecord(type.tag)) this.#addIndirect('typedef', type, through, name, name, entry.isLocal);
      if (isRecord(type.tag)) this.#addInside(type, name, through);
    }
    const bare = this.#types.bare(target);
    if (entry.isLocal || bare === undefined || (bare.tag !== TAG.base && bare.tag !== TAG.array)) return;
    const size = this.#types.sizeOf(bare, 0);
    const key = `typedef ${name}`;
    if (size === undefined || this.#found.has(key)) return;
    const facts = { name, title: key, kind: 'typedef', size, members: [], identity: entry };
    this.#found.set(
      key,
      layoutOf(facts, () => this.#place(entry)),
    );
  }

  #addVariable(entry: Entry, name: string, namedEnums: Set<Entry>): void {
    const nameless = this.#namelessIn(this.#types.typeOf(entry.attributes));
    if (nameless === undefined) return;
    const [type, through] = nameless;
    if (through !== 'pointer') {
      if (type.tag === TAG.enumeration) {
        if (entry.isLocal || namedEnums.has(type)) return;
        namedEnums.add(type);
      }
      const own = `of variable ${name}`;
      this.#add('variable', type, own, `${KINDS.get(type.tag)} ${own}`, entry.isLocal);
    } else if (isRecord(type.tag))
      this.#addIndirect('variable', type, through, name, `variable ${name}`, entry.isLocal);
    if (isRecord(type.tag)) this.#addInside(type, name, through);
  }

  /** The nameless structs and unions that only members of another one lead to. What lies in it itself is a part of its description. */
  #addInside(record: Entry, path: string, through: Through = 'value', around: readonly Entry[] = []): void {
    if (around.includes(record)) return;
    const chain = [...around, record];
    for (const { tag, attributes } of record.children) {
      if (tag !== TAG.member) continue;
      const nameless = this.#namelessIn(this.#types.typeOf(attributes));
      if (nameless === undefined || !isRecord(nameless[0].tag)) continue;
      const [type, on] = nameless;
      const name = attributes.get(AT.name);
      // The members of a nameless member are members of what it lies in.
      const own = typeof name === 'string' ? `${path}${through === 'pointer' ? '->' : '.'}${name}` : path;
      if (on === 'pointer') this.#addIndirect('member', type, on, own, own, record.isLocal);
      this.#addInside(type, own, typeof name === 'string' ? on : through, chain);
    }
  }

  #addIndirect(space: string, type: Entry, through: Through, name: string, named: string, isLocal: boolean): void {
    const [sign, verb] = through === 'pointer' ? ['*', 'points to'] : ['[]', 'is an array of'];
    const title = `the ${KINDS.get(type.tag)} that ${named} ${verb}`;
    this.#add(`${space} ${sign}`, type, through === 'pointer' ? `*${name}` : `${name}[]`, title, isLocal);
  }

  #add(space: string, entry: Entry, name: string, title = `${KINDS.get(entry.tag)} ${name}`, mustBeOne = false): void {
    const key = `${space} ${name}`;
    const before = this.#found.get(key);
    if (before !== undefined || this.#found.has(key)) {
      if (mustBeOne && before?.identity !== entry) this.#found.set(key, undefined);
      return;
    }
    this.#found.set(key, this.#layout(entry, name, title));
  }

  /** What a type is of at last, if that has members or enumerators and no name of its own. */
  #namelessIn(type: Entry | undefined): [Entry, Through] | undefined {
    const [entry, through] = this.#types.target(type);
    if (entry === undefined || !KINDS.has(entry.tag)) return undefined;
    return entry.attributes.has(AT.name) || entry.attributes.has(AT.declaration) ? undefined : [entry, through];
  }

  #layout(entry: Entry, name: string, title: string): TypeLayout {
    const kind = KINDS.get(entry.tag)!;
    const size = Number(entry.attributes.get(AT.byteSize) ?? 0);
    const members = isRecord(entry.tag) ? this.#types.members(entry) : [];
    const enumerators = new Map<string, number>();
    for (const { tag, attributes } of entry.children) {
      const [own, value] = [attributes.get(AT.name), attributes.get(AT.constValue)];
      if (tag === TAG.enumerator && typeof own === 'string' && typeof value === 'number') enumerators.set(own, value);
    }
    return layoutOf({ name, title, kind, size, members, enumerators, identity: entry }, () => this.#place(entry));
  }
}

type Facts = Pick<TypeLayout, 'name' | 'title' | 'kind' | 'size' | 'members' | 'identity'> &
  Partial<Pick<TypeLayout, 'enumerators'>>;
const NO_ENUMERATORS: ReadonlyMap<string, number> = new Map();

/** The place is looked up when it is asked for: only a disagreement needs it. */
function layoutOf({ enumerators = NO_ENUMERATORS, ...facts }: Facts, place: () => string): TypeLayout {
  return {
    ...facts,
    enumerators,
    get where() {
      return place();
    },
  };
}
