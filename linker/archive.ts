import { dirname, resolve } from 'node:path';
import { InputError } from './errors.ts';
import { type ByteSource, sourceOf } from './input-file.ts';
import { unversionedNames } from './symbol.ts';

const MAGIC = '!<arch>\n';
const THIN_MAGIC = '!<thin>\n';
const HEADER_SIZE = 60;

/** A member of an archive. */
export interface ArchiveMember {
  readonly name: string;
  /** Offset of the member's header: its identity, since names may repeat. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Its bytes are read when they are asked for: a link takes a few members. */
class Member implements ArchiveMember {
  readonly offset: number;
  readonly name: string;
  readonly #read: () => Uint8Array;

  constructor(offset: number, name: string, read: () => Uint8Array) {
    this.offset = offset;
    this.name = name;
    this.#read = read;
  }

  get bytes(): Uint8Array {
    return this.#read();
  }
}

/** Members by name: with `#n` after it for the n-th further member of that name. */
export interface MemberKeys {
  readonly byKey: ReadonlyMap<string, ArchiveMember>;
  /** By the member's offset. */
  readonly keys: ReadonlyMap<number, string>;
}

/** A GNU `ar` archive with its symbol index. Of a thousand members a link takes a few, which are found by the index; only `list` reads on. */
export interface Archive {
  readonly path: string;
  /** Symbol name to the offset of the (first) member that defines it. */
  readonly index: ReadonlyMap<string, number>;
  /** The further members of symbols that the index has several times. */
  readonly repeats: ReadonlyMap<string, readonly number[]>;
  /** The member whose header is at `offset`. */
  memberAt(offset: number): ArchiveMember;
  /** All members, in order. */
  list(): readonly ArchiveMember[];
  keys(): MemberKeys;
}

/** True when the bytes begin like an archive, thin ones included. */
export function isArchive(bytes: Uint8Array): boolean {
  const head = text(bytes, 0, 8);
  return head === MAGIC || head === THIN_MAGIC;
}

function text(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(
    'latin1',
    start,
    Math.min(end, bytes.length),
  );
}

/** Gives members with one name different keys, in their order. */
export function keysOf(members: readonly ArchiveMember[]): MemberKeys {
  const repeats = new Map<string, number>();
  const byKey = new Map<string, ArchiveMember>();
  const keys = new Map<number, string>();
  for (const member of members) {
    const before = repeats.get(member.name) ?? 0;
    repeats.set(member.name, before + 1);
    const key = before === 0 ? member.name : `${member.name}#${before}`;
    byKey.set(key, member);
    keys.set(member.offset, key);
  }
  return { byKey, keys };
}

/** Reads a file that a thin archive names. */
export type ReadFile = (path: string) => Uint8Array;

/**
 * Opens a GNU archive: `/` symbol table (or `/SYM64/`), `//` long names, which come first. A thin one names files, from its own folder; without
 * `readFile` there are none.
 * @throws InputError for archives without an index, and malformed ones.
 */
export function readArchive(source: ByteSource, path: string, readFile?: ReadFile): Archive {
  return new ArchiveReader(source, path, readFile);
}

interface Header {
  /** The name as the header has it. */
  readonly raw: string;
  readonly size: number;
  /** Where the next header is. */
  readonly next: number;
}

const TABLES: ReadonlySet<string> = new Set(['/', '//', '/SYM64/']);

class ArchiveReader implements Archive {
  readonly path: string;
  readonly index: ReadonlyMap<string, number>;
  readonly repeats: ReadonlyMap<string, readonly number[]>;
  readonly #source: ByteSource;
  readonly #isThin: boolean;
  readonly #readFile: ReadFile | undefined;
  readonly #members = new Map<number, ArchiveMember>();
  #longNames = '';
  /** Where the members begin that are no tables. */
  #first = 8;
  #keys: MemberKeys | undefined;

  constructor(source: ByteSource, path: string, readFile: ReadFile | undefined) {
    this.#source = source;
    this.#readFile = readFile;
    this.path = path;
    const magic = text(source.bytes(0, 8), 0, 8);
    if (magic !== MAGIC && magic !== THIN_MAGIC) throw new InputError('link.not-archive', path, 'not an archive');
    this.#isThin = magic === THIN_MAGIC;
    let symbolTable: { data: Uint8Array; wide: boolean } | undefined;
    while (this.#first < source.size) {
      const { raw, size, next } = this.#header(this.#first);
      if (!TABLES.has(raw)) break;
      const start = this.#first + HEADER_SIZE;
      if (raw === '//') this.#longNames = text(source.bytes(start, start + size), 0, size);
      else symbolTable = { data: source.bytes(start, start + size), wide: raw !== '/' };
      this.#first = next;
    }
    if (symbolTable === undefined && this.#first < source.size) {
      throw new InputError('link.no-archive-index', path, 'the archive has no symbol table', `run: ranlib ${path}`);
    }
    const read = symbolTable === undefined ? undefined : readIndex(symbolTable, this.#first, source.size, path);
    this.index = read?.index ?? new Map();
    this.repeats = read?.repeats ?? new Map();
  }

  #header(at: number): Header {
    const { size: whole } = this.#source;
    const bytes = this.#source.bytes(at, at + HEADER_SIZE);
    if (bytes.length < HEADER_SIZE) throw new InputError('link.truncated', this.path, 'it ends inside a member header');
    if (bytes[58] !== 0x60 || bytes[59] !== 0x0a) {
      throw new InputError('link.malformed', this.path, `no member header at offset ${at}`);
    }
    const raw = text(bytes, 0, 16).trimEnd();
    const size = decimal(bytes, 48, 58);
    if (this.#isThin && !TABLES.has(raw)) return { raw, size, next: at + HEADER_SIZE };
    if (!(at + HEADER_SIZE + size <= whole)) {
      throw new InputError('link.truncated', this.path, `the member at offset ${at} goes beyond the end`);
    }
    return { raw, size, next: at + HEADER_SIZE + size + (size % 2) };
  }

  memberAt(offset: number): ArchiveMember {
    let member = this.#members.get(offset);
    if (member === undefined) {
      const { raw, size } = this.#header(offset);
      const { name, origin } = memberName(raw, this.#longNames, this.path);
      const start = offset + HEADER_SIZE;
      const read = (): Uint8Array =>
        this.#isThin ? this.#file(name, origin) : this.#source.bytes(start, start + size);
      member = new Member(offset, name, read);
      this.#members.set(offset, member);
    }
    return member;
  }

  /** The bytes of a file that a thin archive names, or of what has its header at `origin` in an archive that it names. */
  #file(name: string, origin: number | undefined): Uint8Array {
    const file = resolve(dirname(this.path), name);
    const bytes = this.#wholeFile(file);
    if (bytes === undefined) {
      throw new InputError(
        'link.thin-archive',
        this.path,
        `its member ${name} is the file ${file}, which cannot be read`,
        'a thin archive holds only names of files: build them again, or make an ordinary archive (ar without T)',
      );
    }
    if (origin === undefined) return bytes;
    return readArchive(sourceOf(bytes), file).memberAt(origin).bytes;
  }

  #wholeFile(path: string): Uint8Array | undefined {
    try {
      return this.#readFile?.(path);
    } catch (error) {
      if (error instanceof InputError) return undefined;
      throw error;
    }
  }

  list(): readonly ArchiveMember[] {
    const members: ArchiveMember[] = [];
    for (let at = this.#first; at < this.#source.size; ) {
      const { raw, next } = this.#header(at);
      if (!TABLES.has(raw)) members.push(this.memberAt(at));
      at = next;
    }
    return members;
  }

  keys(): MemberKeys {
    this.#keys ??= keysOf(this.list());
    return this.#keys;
  }
}

/** A number as headers have it, padded with blanks; NaN for anything else. */
function decimal(bytes: Uint8Array, start: number, end: number): number {
  let last = end;
  while (last > start && bytes[last - 1] === 0x20) last--;
  let value = 0;
  for (let at = start; at < last; at++) {
    const digit = bytes[at]! - 0x30;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return last === start ? Number.NaN : value;
}

/** A member's name, and where its header is in the archive of that name, if a thin archive has it from there. */
function memberName(raw: string, longNames: string, path: string): { name: string; origin?: number } {
  const reference = /^\/(\d+)(?::(\d+))?$/.exec(raw);
  if (reference !== null) {
    const start = Number(reference[1]);
    const end = longNames.indexOf('/\n', start);
    if (start >= longNames.length || end < 0) throw new InputError('link.malformed', path, `no long name ${raw}`);
    const name = longNames.slice(start, end);
    return reference[2] === undefined ? { name } : { name, origin: Number(reference[2]) };
  }
  return { name: raw.endsWith('/') ? raw.slice(0, -1) : raw };
}

function readIndex(
  { data, wide }: { data: Uint8Array; wide: boolean },
  firstMember: number,
  size: number,
  path: string,
): Pick<Archive, 'index' | 'repeats'> {
  const index = new Map<string, number>();
  const repeats = new Map<string, number[]>();
  const width = wide ? 8 : 4;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const read = (at: number): number =>
    wide ? view.getUint32(at, false) * 0x100000000 + view.getUint32(at + 4, false) : view.getUint32(at, false);
  if (data.length < width) throw new InputError('link.truncated', path, 'the archive symbol table is empty');
  const count = read(0);
  if (width * (count + 1) > data.length) throw new InputError('link.truncated', path, 'the archive symbol table');
  const names = text(data, width * (count + 1), data.length);
  const hasVersions = names.includes('@@');
  const add = (name: string, offset: number): void => {
    if (!index.has(name)) index.set(name, offset);
    else if (repeats.get(name)?.push(offset) === undefined) repeats.set(name, [offset]);
  };
  let at = 0;
  for (let i = 0; i < count; i++) {
    const end = names.indexOf('\0', at);
    if (end < 0) throw new InputError('link.truncated', path, 'the names of the archive symbol table');
    const offset = read(width * (i + 1));
    if (offset < firstMember || offset >= size)
      throw new InputError('link.malformed', path, 'the archive symbol table names no member');
    const name = names.substring(at, end);
    add(name, offset);
    if (hasVersions) for (const other of unversionedNames(name)) add(other, offset);
    at = end + 1;
  }
  return { index, repeats };
}
