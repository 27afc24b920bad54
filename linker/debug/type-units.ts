// The entries of .debug_info and .debug_types in objects that are not linked yet (DWARF 5, section 7.5; versions 2 to 5, both forms).

import type { ObjectFile } from '../object.ts';
import type { InputSection } from '../section.ts';
import { Cursor, readAbbreviations } from './cursor.ts';
import { FORM, type FormContext, indexedString, isIndexedString, readForm } from './forms.ts';
import { relocatedCopy } from './relocated-section.ts';
import { isKnownVersion, readUnitHeader } from './unit-header.ts';
import { readFixedPlace } from './variable-place.ts';

const UNIT_TAGS: ReadonlySet<number> = new Set([0x11, 0x3c, 0x41, 0x4a]);
const SUBPROGRAM = 0x2e;
const AT = {
  location: 0x02,
  name: 0x03,
  stringBase: 0x72,
  addressBase: 0x73,
  dwoName: 0x76,
  gnuDwoName: 0x2130,
} as const;
const LINKAGE_NAME = 0x6e;
/** References to other units: an offset in this one would mean something else. */
const FOREIGN: ReadonlySet<number> = new Set([FORM.refAddr, FORM.refSignature, 0x1c, 0x24]);

/** An entry of the tree. */
export interface Entry {
  readonly tag: number;
  /** The names of what it lies in and its own, each with `::` behind it. */
  readonly path: string;
  /** Whether a function is around it. */
  readonly isLocal: boolean;
  /** References are offsets from the unit's start. A location is there for what has an address, and is that. */
  readonly attributes: ReadonlyMap<number, number | string>;
  readonly children: Entry[];
}

/** A compilation unit or type unit. */
export interface TypeUnit {
  readonly version: number;
  /** By offset from the unit's start. */
  readonly entries: ReadonlyMap<number, Entry>;
  readonly root: Entry | undefined;
  /** Why the types cannot be told from the object, where they cannot. */
  readonly missing: string | undefined;
}

/**
 * Reads an object's units one by one.
 * @param addressIn where a section begins; without it the addresses of variables mean nothing
 * @throws RangeError when they are malformed
 */
export function* readTypeUnits(file: ObjectFile, addressIn?: (section: InputSection) => number): Generator<TypeUnit> {
  const named = (name: string): InputSection | undefined => file.sections.find((s) => s?.name === name);
  let offsets: Uint8Array | undefined;
  let addresses: Uint8Array | undefined;
  const sections = {
    abbrev: named('.debug_abbrev')?.data,
    str: named('.debug_str')?.data,
    lineStr: named('.debug_line_str')?.data,
    known: new Map<number, string>(),
    get offsets() {
      const section = named('.debug_str_offsets');
      offsets ??= section === undefined ? undefined : relocatedCopy(section);
      return offsets;
    },
    get addresses() {
      const section = named('.debug_addr');
      addresses ??= section === undefined ? undefined : relocatedCopy(section, addressIn);
      return addresses;
    },
  };
  for (const info of file.sections) {
    if (info === undefined || info.data.length === 0) continue;
    if (info.name !== '.debug_info' && info.name !== '.debug_types') continue;
    const c = new Cursor(relocatedCopy(info, addressIn));
    while (c.at + 12 < c.bytes.length) yield readUnit(c, info.name === '.debug_types', sections);
  }
}

interface Sections {
  readonly abbrev: Uint8Array | undefined;
  readonly str: Uint8Array | undefined;
  readonly lineStr: Uint8Array | undefined;
  readonly offsets: Uint8Array | undefined;
  readonly addresses: Uint8Array | undefined;
  /** Strings by the place of their offset. */
  readonly known: Map<number, string>;
}

function readUnit(c: Cursor, isTypes: boolean, sections: Sections): TypeUnit {
  const { start, end, version, offsetSize, addressSize, abbreviations } = readUnitHeader(c, isTypes);
  if (!isKnownVersion(version)) {
    c.at = end;
    const missing = `its debug information is of DWARF version ${version}, which is not known`;
    return { version, entries: new Map(), root: undefined, missing };
  }
  const table = readAbbreviations(sections.abbrev, abbreviations);
  const context = { version, addressSize, offsetSize, str: sections.str, lineStr: sections.lineStr };
  const entries = new Map<number, Entry>();
  const open: Entry[] = [];
  let root: Entry | undefined;
  while (c.at < end) {
    const offset = c.at - start;
    const code = c.uleb();
    if (code === 0) {
      open.pop();
      continue;
    }
    const abbreviation = table.get(code);
    if (abbreviation === undefined) throw new RangeError('unknown abbreviation');
    const { tag } = abbreviation;
    const attributes = readAttributes(c, abbreviation.attributes, context, sections, root);
    const parent = open.at(-1);
    const name = attributes.get(AT.name);
    const around = parent?.path ?? '';
    const path = UNIT_TAGS.has(tag) || typeof name !== 'string' ? around : `${around}${name}::`;
    const isLocal = parent !== undefined && (parent.isLocal || parent.tag === SUBPROGRAM);
    const entry: Entry = { tag, path, isLocal, attributes, children: [] };
    root ??= entry;
    entries.set(offset, entry);
    parent?.children.push(entry);
    if (abbreviation.hasChildren) open.push(entry);
  }
  c.at = end;
  const split = root?.attributes.get(AT.dwoName) ?? root?.attributes.get(AT.gnuDwoName);
  const missing = split === undefined ? undefined : `they are not in it, but in ${split}`;
  return { version, entries, root, missing };
}

function readAttributes(
  c: Cursor,
  list: readonly number[],
  context: FormContext,
  sections: Sections,
  root: Entry | undefined,
): Map<number, number | string> {
  const attributes = new Map<number, number | string>();
  // The base of indices may come after the first of them, as in clang's units.
  let indices: Map<number, number> | undefined;
  for (let i = 0; i < list.length; i += 3) {
    if (list[i] === AT.location) {
      const base = (root?.attributes ?? attributes).get(AT.addressBase);
      const place = readFixedPlace(c, list[i + 1]!, list[i + 2]!, context, (index) =>
        addressAt(sections.addresses, typeof base === 'number' ? base : 8, index, context.addressSize),
      );
      if (place !== undefined) attributes.set(AT.location, place);
      continue;
    }
    const given = readForm(c, list[i + 1]!, list[i + 2]!, context);
    if (given === undefined || FOREIGN.has(given.form)) continue;
    if (isIndexedString(given.form) && typeof given.value === 'number') {
      // Names for linkers are many and long.
      if (list[i] === LINKAGE_NAME) continue;
      indices ??= new Map();
      indices.set(list[i]!, given.value);
    } else attributes.set(list[i]!, given.value);
  }
  if (indices === undefined) return attributes;
  const base = (root?.attributes ?? attributes).get(AT.stringBase);
  for (const [attribute, index] of indices) {
    const text = stringOf(sections, typeof base === 'number' ? base : undefined, index, context.offsetSize);
    if (text !== undefined) attributes.set(attribute, text);
  }
  return attributes;
}

/** Most names are there many times. */
function stringOf(sections: Sections, base: number | undefined, index: number, offsetSize: number): string | undefined {
  const key = (base ?? offsetSize * 2) + index * offsetSize;
  let text = sections.known.get(key);
  if (text === undefined) {
    text = indexedString(sections, base, index, offsetSize);
    if (text !== undefined) sections.known.set(key, text);
  }
  return text;
}

function addressAt(table: Uint8Array | undefined, base: number, index: number, size: number): number | undefined {
  return table === undefined ? undefined : new Cursor(table, base + index * size).unsigned(size);
}
