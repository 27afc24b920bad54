// Variables of objects that are not linked yet, for diagnostics: which one lies at a place, of what type, and where it was declared.

import type { ObjectFile } from '../object.ts';
import type { InputSection } from '../section.ts';
import { addressIn } from './relocated-section.ts';
import { AT, placeOf, TAG, TypeEntries } from './type-entries.ts';
import { type Entry, readTypeUnits, type TypeUnit } from './type-units.ts';

/** What debug information knows of a byte of data. */
export interface DataPlace {
  /** The variable's name. */
  readonly name: string;
  /** What follows the name to mean the member or element there, as `.limits[2]`; empty for the whole. */
  readonly path: string;
  /** The variable's type, as `struct cfg`. */
  readonly type: string;
  /** `file:line` of the variable, or the file alone. */
  readonly source: string;
}

interface Variable {
  readonly start: number;
  readonly size: number;
  readonly name: string;
  readonly types: TypeEntries;
  readonly type: Entry | undefined;
  readonly source: () => string;
}

const variables = new WeakMap<ObjectFile, readonly Variable[]>();

/** The variable that holds a byte of a section, with the member at `bit` of that byte, or undefined where the object has no debug information or it does not tell. */
export function dataAt(section: InputSection, offset: number, bit = 0): DataPlace | undefined {
  const { file } = section;
  let own = variables.get(file);
  if (own === undefined) {
    own = readVariables(file);
    variables.set(file, own);
  }
  const at = addressIn(section) + offset;
  const found = own.find(({ start, size }) => at >= start && at < start + size);
  if (found === undefined) return undefined;
  const { types, type, name, start } = found;
  return { name, path: types.pathAt(type, (at - start) * 8 + bit), type: types.nameOf(type), source: found.source() };
}

function readVariables(file: ObjectFile): readonly Variable[] {
  const found: Variable[] = [];
  try {
    for (const unit of readTypeUnits(file, addressIn)) found.push(...variablesOf(file, unit));
  } catch (cause) {
    // The link goes wrong for another reason, which is the one to tell.
    if (!(cause instanceof RangeError)) throw cause;
  }
  return found;
}

function* variablesOf(file: ObjectFile, unit: TypeUnit): Generator<Variable> {
  const types = new TypeEntries(unit);
  const source = String(unit.root?.attributes.get(AT.name) ?? file.name);
  for (const entry of unit.entries.values()) {
    const start = entry.tag === TAG.variable ? entry.attributes.get(AT.location) : undefined;
    if (typeof start !== 'number') continue;
    // A definition may stand apart from its declaration.
    const link = entry.attributes.get(AT.specification) ?? entry.attributes.get(AT.abstractOrigin);
    const declared = (typeof link === 'number' ? unit.entries.get(link) : undefined) ?? entry;
    const type = types.typeOf(entry.attributes) ?? types.typeOf(declared.attributes);
    const place = entry.attributes.has(AT.line) ? entry : declared;
    yield {
      start,
      size: types.sizeOf(type, 0) ?? 1,
      name: declared.path.slice(0, -2),
      types,
      type,
      source: () => placeOf(file, unit, place, source),
    };
  }
}
