// Source lines of code and data in objects that are not linked yet, for diagnostics.

import type { ObjectFile } from '../object.ts';
import type { InputSection } from '../section.ts';
import { type LineTable, readLineTables } from './lines.ts';
import { dataAt } from './object-data.ts';
import { addressIn, relocatedCopy } from './relocated-section.ts';

const tables = new WeakMap<ObjectFile, readonly LineTable[]>();

/** `file:line` of an instruction or of the variable at a place, or undefined where the object has no debug information or it does not tell. */
export function sourceAt(section: InputSection, offset: number): string | undefined {
  if (!section.isExec) return section.isAlloc ? dataAt(section, offset)?.source : undefined;
  const { file } = section;
  let own = tables.get(file);
  if (own === undefined) {
    own = readTables(file);
    tables.set(file, own);
  }
  for (const table of own) {
    const found = table.lookup(addressIn(section) + offset);
    if (found !== undefined && found.line > 0) return `${found.file}:${found.line}`;
  }
  return undefined;
}

/** A place in code or data for people: the source line where it is known, then object, variant and section. */
export function describePlace(section: InputSection, offset: number): string {
  const source = sourceAt(section, offset);
  return source === undefined ? section.where : `${source} in ${section.where}`;
}

function readTables(file: ObjectFile): readonly LineTable[] {
  const named = (name: string): InputSection | undefined => file.sections.find((s) => s?.name === name);
  const line = named('.debug_line');
  if (line === undefined || line.data.length === 0) return [];
  const sections = {
    line: relocatedCopy(line, addressIn),
    str: named('.debug_str')?.data,
    line_str: named('.debug_line_str')?.data,
  };
  try {
    return readLineTables(sections);
  } catch (cause) {
    // The link goes wrong for another reason, which is the one to tell.
    if (cause instanceof RangeError) return [];
    throw cause;
  }
}
