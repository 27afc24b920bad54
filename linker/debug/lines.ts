// The line number programs of .debug_line (DWARF 5, section 6.2; versions 2 to 5, 32-bit form).

import { Cursor, stringAt } from './cursor.ts';
import type { DebugSections } from './sections.ts';

/** A place in a source file. */
export interface SourceLine {
  readonly file: string;
  /** 0: the compiler gives none. */
  readonly line: number;
}

/** The rows of one program, by address, and its files. */
export class LineTable {
  /** By the numbers that debug information uses. */
  readonly files: readonly string[];
  readonly #sequences: readonly Sequence[];

  constructor(files: readonly string[], sequences: readonly Sequence[]) {
    this.files = files;
    this.#sequences = sequences;
  }

  /** The source of an instruction; undefined where no sequence holds it. */
  lookup(address: number): SourceLine | undefined {
    for (const { addresses, files, lines, end } of this.#sequences) {
      if (addresses.length === 0 || address < addresses[0]! || address >= end) continue;
      let row = 0;
      for (let high = addresses.length - 1; row < high; ) {
        const middle = (row + high + 1) >> 1;
        if (addresses[middle]! <= address) row = middle;
        else high = middle - 1;
      }
      return { file: this.files[files[row]!] ?? '??', line: lines[row]! };
    }
    return undefined;
  }
}

/** Rows of rising addresses; the last one ends before `end`. */
interface Sequence {
  readonly addresses: number[];
  readonly files: number[];
  readonly lines: number[];
  end: number;
}

const join = (folder: string | undefined, name: string): string =>
  name.startsWith('/') || folder === undefined || folder === '' ? name : `${folder}/${name}`;

/** Reads the program at an offset of `.debug_line`. @throws RangeError when it is malformed */
export function readLineTable(sections: DebugSections, offset: number, folder: string | undefined): LineTable {
  const { line: bytes } = sections;
  if (bytes === undefined) return new LineTable([], []);
  const c = new Cursor(bytes, offset);
  const length = c.u32();
  if (length >= 0xfffffff0) throw new RangeError('line tables of 64-bit form');
  const end = c.at + length;
  if (end > bytes.length) throw new RangeError('a line table beyond the end');
  const version = c.u16();
  if (version < 2 || version > 5) throw new RangeError(`line tables of version ${version}`);
  const addressSize = version >= 5 ? c.u8() : 8;
  if (version >= 5) c.u8();
  const headerEnd = c.u32() + c.at;
  const header = {
    minimum: c.u8(),
    operations: version >= 4 ? c.u8() : 1,
    isStatement: c.u8(),
    lineBase: c.i8(),
    lineRange: c.u8(),
    opcodeBase: c.u8(),
  };
  if (header.lineRange === 0 || header.opcodeBase === 0) throw new RangeError('a line table header');
  const operands = [0];
  for (let i = 1; i < header.opcodeBase; i++) operands.push(c.u8());
  const files = version >= 5 ? readFiles(c, sections, folder) : readOldFiles(c, folder);
  c.at = headerEnd;
  return new LineTable(files, runProgram(c, end, header, operands, addressSize));
}

/** All programs of `.debug_line`, one after the other. @throws RangeError when one is malformed */
export function readLineTables(sections: DebugSections): LineTable[] {
  const tables: LineTable[] = [];
  const { line } = sections;
  if (line === undefined) return tables;
  for (const c = new Cursor(line); c.at + 4 < line.length; ) {
    const start = c.at;
    c.skip(c.u32());
    tables.push(readLineTable(sections, start, undefined));
  }
  return tables;
}

function readOldFiles(c: Cursor, folder: string | undefined): string[] {
  const folders = [folder ?? ''];
  for (let name = c.string(); name !== ''; name = c.string()) folders.push(join(folder, name));
  const files = ['??'];
  for (let name = c.string(); name !== ''; name = c.string()) {
    files.push(join(folders[c.uleb()], name));
    c.uleb(); // time
    c.uleb(); // size
  }
  return files;
}

const CONTENT_PATH = 1;
const CONTENT_FOLDER = 2;

function readFiles(c: Cursor, sections: DebugSections, folder: string | undefined): string[] {
  const table = (): { path: string; folder: number }[] => {
    const formats: [content: number, form: number][] = [];
    for (let count = c.u8(); count > 0; count--) formats.push([c.uleb(), c.uleb()]);
    const entries: { path: string; folder: number }[] = [];
    const count = c.uleb();
    if (formats.length === 0 && count > 0) throw new RangeError('files without a format');
    for (let i = 0; i < count; i++) {
      const entry = { path: '??', folder: 0 };
      for (const [content, form] of formats) {
        const value = readContent(c, sections, form);
        if (content === CONTENT_PATH && typeof value === 'string') entry.path = value;
        if (content === CONTENT_FOLDER && typeof value === 'number') entry.folder = value;
      }
      entries.push(entry);
    }
    return entries;
  };
  const folders = table().map(({ path }, i) => (i === 0 ? join(folder, path) : path));
  const home = folders[0];
  return table().map((file) => join(join(home, folders[file.folder] ?? ''), file.path));
}

function readContent(c: Cursor, sections: DebugSections, form: number): number | string | undefined {
  switch (form) {
    case 0x08:
      return c.string();
    case 0x0e:
      return stringAt(sections.str, c.u32());
    case 0x1f:
      return stringAt(sections.line_str, c.u32());
    case 0x0b:
      return c.u8();
    case 0x05:
      return c.u16();
    case 0x06:
      return c.u32();
    case 0x0f:
      return c.uleb();
    case 0x1e: // data16: a checksum
      c.skip(16);
      return undefined;
    case 0x09: {
      c.skip(c.uleb());
      return undefined;
    }
  }
  throw new RangeError(`unknown form ${form} in a line table`);
}

interface Header {
  readonly minimum: number;
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeBase: number;
}

function runProgram(
  c: Cursor,
  end: number,
  header: Header,
  operands: readonly number[],
  addressSize: number,
): Sequence[] {
  const sequences: Sequence[] = [];
  const { minimum, lineBase, lineRange, opcodeBase } = header;
  let sequence: Sequence = { addresses: [], files: [], lines: [], end: 0 };
  let [address, file, line] = [0, 1, 1];
  const emit = (): void => {
    const { addresses, files, lines } = sequence;
    // The last row of an address counts.
    const same = addresses.at(-1) === address;
    const at = same ? addresses.length - 1 : addresses.length;
    addresses[at] = address;
    files[at] = file;
    lines[at] = line;
  };
  while (c.at < end) {
    const opcode = c.u8();
    if (opcode >= opcodeBase) {
      const step = opcode - opcodeBase;
      address += Math.floor(step / lineRange) * minimum;
      line += lineBase + (step % lineRange);
      emit();
      continue;
    }
    switch (opcode) {
      case 0: {
        const length = c.uleb();
        const next = c.at + length;
        const extended = length === 0 ? 0 : c.u8();
        if (extended === 1) {
          sequence.end = address;
          sequences.push(sequence);
          sequence = { addresses: [], files: [], lines: [], end: 0 };
          [address, file, line] = [0, 1, 1];
        } else if (extended === 2) address = c.unsigned(Math.min(addressSize, length - 1));
        c.at = next;
        if (next > end) throw new RangeError('a line table operation beyond the end');
        break;
      }
      case 1:
        emit();
        break;
      case 2:
        address += c.uleb() * minimum;
        break;
      case 3:
        line += c.sleb();
        break;
      case 4:
        file = c.uleb();
        break;
      case 8:
        address += Math.floor((255 - opcodeBase) / lineRange) * minimum;
        break;
      case 9:
        address += c.u16();
        break;
      default:
        for (let i = 0; i < (operands[opcode] ?? 0); i++) c.uleb();
    }
  }
  // At 0 there is no code: that is how linkers mark what they left out.
  return sequences.filter((s) => s.addresses.length > 0 && s.addresses[0] !== 0);
}
