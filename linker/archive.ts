import { InputError } from './errors.ts';

const MAGIC = '!<arch>\n';
const THIN_MAGIC = '!<thin>\n';
const HEADER_SIZE = 60;

/** A member of an archive; `bytes` is a view into the archive, nothing is copied. */
export interface ArchiveMember {
  readonly name: string;
  /** Offset of the member's header: its identity, since names may repeat. */
  readonly offset: number;
  /** The name, with `#n` after it for the n-th further member of that name. */
  readonly key: string;
  readonly bytes: Uint8Array;
}

class Member implements ArchiveMember {
  readonly #archive: Uint8Array;
  readonly offset: number;
  readonly name: string;
  readonly key: string;
  readonly #size: number;

  constructor(archive: Uint8Array, offset: number, name: string, key: string, size: number) {
    this.#archive = archive;
    this.offset = offset;
    this.name = name;
    this.key = key;
    this.#size = size;
  }

  /** Of a thousand members a link takes a few: a view is made when it is asked for. */
  get bytes(): Uint8Array {
    const { buffer, byteOffset } = this.#archive;
    return new Uint8Array(buffer, byteOffset + this.offset + HEADER_SIZE, this.#size);
  }
}

/** A GNU `ar` archive with its symbol index. */
export interface Archive {
  readonly path: string;
  readonly members: ReadonlyMap<number, ArchiveMember>;
  readonly byKey: ReadonlyMap<string, ArchiveMember>;
  /** Symbol name to the offset of the (first) member that defines it. */
  readonly index: ReadonlyMap<string, number>;
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

/**
 * Reads a GNU archive: `/` symbol table (or `/SYM64/`), `//` long names.
 * @throws InputError for thin archives, archives without an index, and malformed ones.
 */
export function readArchive(bytes: Uint8Array, path: string): Archive {
  if (text(bytes, 0, 8) === THIN_MAGIC) {
    throw new InputError(
      'link.thin-archive',
      path,
      'a thin archive holds only names of files',
      'make an ordinary one: ar rcs NEW.a $(ar t OLD.a)',
    );
  }
  if (text(bytes, 0, 8) !== MAGIC) throw new InputError('link.not-archive', path, 'not an archive');
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const members = new Map<number, ArchiveMember>();
  const byKey = new Map<string, ArchiveMember>();
  const repeats = new Map<string, number>();
  let longNames = '';
  let symbolTable: { data: Uint8Array; wide: boolean } | undefined;
  let at = 8;
  while (at < bytes.length) {
    if (at + HEADER_SIZE > bytes.length) throw new InputError('link.truncated', path, 'it ends inside a member header');
    if (bytes[at + 58] !== 0x60 || bytes[at + 59] !== 0x0a) {
      throw new InputError('link.malformed', path, `no member header at offset ${at}`);
    }
    const size = decimal(bytes, at + 48, at + 58);
    const start = at + HEADER_SIZE;
    if (!(start + size <= bytes.length)) {
      throw new InputError('link.truncated', path, `the member at offset ${at} goes beyond the end`);
    }
    const raw = buffer.toString('latin1', at, at + 16).trimEnd();
    if (raw === '/' || raw === '/SYM64/') {
      symbolTable = { data: bytes.subarray(start, start + size), wide: raw !== '/' };
    } else if (raw === '//') longNames = text(bytes, start, start + size);
    else {
      const name = memberName(raw, longNames, path);
      const before = repeats.get(name) ?? 0;
      repeats.set(name, before + 1);
      const member = new Member(bytes, at, name, before === 0 ? name : `${name}#${before}`, size);
      members.set(at, member);
      byKey.set(member.key, member);
    }
    at = start + size + (size % 2);
  }
  return { path, members, byKey, index: readIndex(symbolTable, members, path) };
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

function memberName(raw: string, longNames: string, path: string): string {
  const reference = /^\/(\d+)$/.exec(raw);
  if (reference !== null) {
    const start = Number(reference[1]);
    const end = longNames.indexOf('/\n', start);
    if (start >= longNames.length || end < 0) throw new InputError('link.malformed', path, `no long name ${raw}`);
    return longNames.slice(start, end);
  }
  return raw.endsWith('/') ? raw.slice(0, -1) : raw;
}

function readIndex(
  table: { data: Uint8Array; wide: boolean } | undefined,
  members: ReadonlyMap<number, ArchiveMember>,
  path: string,
): Map<string, number> {
  const index = new Map<string, number>();
  if (table === undefined) {
    if (members.size === 0) return index;
    throw new InputError('link.no-archive-index', path, 'the archive has no symbol table', `run: ranlib ${path}`);
  }
  const { data, wide } = table;
  const width = wide ? 8 : 4;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const read = (at: number): number =>
    wide ? view.getUint32(at, false) * 0x100000000 + view.getUint32(at + 4, false) : view.getUint32(at, false);
  if (data.length < width) throw new InputError('link.truncated', path, 'the archive symbol table is empty');
  const count = read(0);
  if (width * (count + 1) > data.length) throw new InputError('link.truncated', path, 'the archive symbol table');
  const names = text(data, width * (count + 1), data.length);
  let at = 0;
  for (let i = 0; i < count; i++) {
    const end = names.indexOf('\0', at);
    if (end < 0) throw new InputError('link.truncated', path, 'the names of the archive symbol table');
    const offset = read(width * (i + 1));
    if (!members.has(offset)) throw new InputError('link.malformed', path, 'the archive symbol table names no member');
    const name = names.substring(at, end);
    if (!index.has(name)) index.set(name, offset);
    at = end + 1;
  }
  return index;
}
