// Fat objects: what melf-cc makes of one source. The default variant is the object itself, so that every other tool sees an ordinary
// object; the other variants' objects lie whole in one section that is neither loaded nor linked (SHF_EXCLUDE, as gcc does for LTO).
// docs/melf-format.md has the layout.

import { alignUp, EHDR_SIZE, readU64, SHDR_SIZE, SHF_EXCLUDE, SHN_XINDEX, SHT_PROGBITS, writeU64 } from './elf.ts';
import { InputError } from './errors.ts';
import { findSectionHeaders } from './section-headers.ts';

/** The section that holds the other variants' objects. */
export const FAT_SECTION = '.melf.objects';

const MAGIC = 0x5441_464d; // "MFAT"
const VERSION = 2;
const HEADER = 32;
const ENTRY = 24;
/** Offset of what is known of the containing object's symbols. */
const CENSUS = 16;

/** What tells whether a tool changed the symbols of an object. */
export interface SymbolCensus {
  /** Functions and objects that it names; 0: not known. */
  readonly count: number;
  /** Those of them that are global and not weak. */
  readonly strong: number;
  /** Of the names of all these and of what it refers to, whatever their order. */
  readonly hash: number;
}

/** One variant in a fat object. */
export interface FatVariant {
  readonly name: string;
  /** How it was compiled. */
  readonly flags: string;
  /** Its object; undefined: the containing object itself stands for it. */
  readonly object: Uint8Array | undefined;
}

/**
 * Encodes the contents of the section: the default variant first. Equal objects are stored once.
 * @param census of the containing object
 */
export function encodeFat(variants: readonly FatVariant[], census?: SymbolCensus): Uint8Array {
  const texts = variants.map((v) => [Buffer.from(v.name), Buffer.from(v.flags)] as const);
  let at = HEADER + variants.length * ENTRY;
  const places = texts.map(([name, flags]) => {
    const place = { name: at, flags: at + name.length };
    at += name.length + flags.length;
    return place;
  });
  const stored: { object: Uint8Array; offset: number }[] = [];
  const offsets = variants.map(({ object }) => {
    if (object === undefined) return 0;
    const known = stored.find((s) => Buffer.compare(s.object, object) === 0);
    if (known !== undefined) return known.offset;
    const offset = alignUp(at, 8);
    stored.push({ object, offset });
    at = offset + object.length;
    return offset;
  });
  const bytes = new Uint8Array(alignUp(at, 8));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint16(4, VERSION, true);
  view.setUint16(6, variants.length, true);
  writeU64(view, 8, bytes.length);
  view.setUint32(CENSUS, census?.count ?? 0, true);
  view.setUint32(CENSUS + 4, census?.strong ?? 0, true);
  view.setUint32(CENSUS + 8, census?.hash ?? 0, true);
  for (const [i, { object }] of variants.entries()) {
    const entry = HEADER + i * ENTRY;
    const [name, flags] = texts[i]!;
    view.setUint32(entry, places[i]!.name, true);
    view.setUint16(entry + 4, name.length, true);
    view.setUint32(entry + 8, places[i]!.flags, true);
    view.setUint32(entry + 12, flags.length, true);
    view.setUint32(entry + 16, offsets[i]!, true);
    view.setUint32(entry + 20, object?.length ?? 0, true);
    bytes.set(name, places[i]!.name);
    bytes.set(flags, places[i]!.flags);
  }
  for (const { object, offset } of stored) bytes.set(object, offset);
  return bytes;
}

/**
 * Decodes the contents of the section: one list of variants for each object that went into the file (several after `ld -r`).
 * @throws InputError when it is not what `encodeFat` makes.
 */
export function decodeFat(bytes: Uint8Array, where: string): FatVariant[][] {
  const fail = (message: string): never => {
    throw new InputError('link.malformed', where, `${FAT_SECTION}: ${message}`, 'compile it again with melf-cc');
  };
  const lists: FatVariant[][] = [];
  for (let start = 0; start < bytes.length; ) {
    const record = bytes.subarray(start);
    if (record.length < HEADER) fail('it ends inside a header');
    const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
    if (view.getUint32(0, true) !== MAGIC) fail('it does not begin as melf-cc writes it');
    const version = view.getUint16(4, true);
    // Version 1 knew only how many symbols there were; large builds from then are kept.
    const header = version === 1 ? HEADER - 8 : HEADER;
    if (version !== 1 && version !== VERSION) fail(`its version ${version} is not known`);
    const count = view.getUint16(6, true);
    const size = readU64(view, 8);
    if (size % 8 !== 0 || size > record.length || header + count * ENTRY > size) fail('its sizes are wrong');
    const part = (offset: number, length: number): Uint8Array => {
      if (offset < header || offset + length > size) fail('an entry goes beyond it');
      return record.subarray(offset, offset + length);
    };
    const text = (offset: number, length: number): string => Buffer.from(part(offset, length)).toString('utf8');
    const variants: FatVariant[] = [];
    for (let i = 0; i < count; i++) {
      const at = header + i * ENTRY;
      const offset = view.getUint32(at + 16, true);
      variants.push({
        name: text(view.getUint32(at, true), view.getUint16(at + 4, true)),
        flags: text(view.getUint32(at + 8, true), view.getUint32(at + 12, true)),
        object: offset === 0 ? undefined : part(offset, view.getUint32(at + 20, true)),
      });
    }
    if (variants[0] === undefined || variants[0].object !== undefined)
      fail('its first variant is not the object itself');
    lists.push(variants);
    start += size;
  }
  return lists;
}

/** What the containing object's symbols were when the section was made; undefined when that is not known. */
export function censusIn(fat: Uint8Array): SymbolCensus | undefined {
  if (fat.length < HEADER) return undefined;
  const view = new DataView(fat.buffer, fat.byteOffset, fat.byteLength);
  const count = view.getUint32(CENSUS, true);
  if (count === 0 || view.getUint16(4, true) === 1) return undefined;
  return { count, strong: view.getUint32(CENSUS + 4, true), hash: view.getUint32(CENSUS + 8, true) };
}

/** Whether it may be an ELF file of 64 bits, little-endian (gABI, `e_ident`). */
export const isElf64 = (bytes: Uint8Array): boolean =>
  bytes.length >= EHDR_SIZE && bytes[0] === 0x7f && bytes[4] === 2 && bytes[5] === 1;

/** Contents of a section of an ELF64 file by name, or undefined; also undefined for what is no readable ELF file. */
export function sectionNamed(bytes: Uint8Array, wanted: string): Uint8Array | undefined {
  if (!isElf64(bytes)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headers = findSectionHeaders(bytes);
  if (headers === undefined) return undefined;
  const raw = view.getUint16(62, true);
  const namesIndex = raw === SHN_XINDEX ? headers.link(0) : raw;
  if (namesIndex >= headers.count) return undefined;
  const names = headers.offset(namesIndex);
  for (let i = 1; i < headers.count; i++) {
    if (headers.flags(i) % 0x100000000 < SHF_EXCLUDE) continue;
    const name = names + headers.name(i);
    if (
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(
        'latin1',
        name,
        name + wanted.length + 1,
      ) !== `${wanted}\0`
    )
      continue;
    const [offset, size] = [headers.offset(i), headers.size(i)];
    return offset + size > bytes.length ? undefined : bytes.subarray(offset, offset + size);
  }
  return undefined;
}

/** Adds a section that no linker places to a relocatable object: its contents, names and headers go to the end of the file. */
export function addExcludedSection(bytes: Uint8Array, name: string, contents: Uint8Array, where: string): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shoff = readU64(view, 40);
  const count = view.getUint16(60, true) || readU64(view, shoff + 32);
  const raw = view.getUint16(62, true);
  const namesIndex = raw === 0xffff ? view.getUint32(shoff + 40, true) : raw;
  const namesAt = shoff + namesIndex * SHDR_SIZE;
  if (shoff === 0 || namesAt + SHDR_SIZE > bytes.length || shoff + count * SHDR_SIZE > bytes.length) {
    throw new InputError('link.malformed', where, 'the compiler made an object with odd section headers');
  }
  const oldNames = bytes.subarray(
    readU64(view, namesAt + 24),
    readU64(view, namesAt + 24) + readU64(view, namesAt + 32),
  );
  const contentsAt = alignUp(bytes.length, 8);
  const newNamesAt = contentsAt + contents.length;
  const nameBytes = Buffer.from(`${name}\0`, 'latin1');
  const headersAt = alignUp(newNamesAt + oldNames.length + nameBytes.length, 8);
  const out = new Uint8Array(headersAt + (count + 1) * SHDR_SIZE);
  out.set(bytes);
  out.set(contents, contentsAt);
  out.set(oldNames, newNamesAt);
  out.set(nameBytes, newNamesAt + oldNames.length);
  out.set(bytes.subarray(shoff, shoff + count * SHDR_SIZE), headersAt);
  const made = new DataView(out.buffer);
  const namesHeader = headersAt + namesIndex * SHDR_SIZE;
  writeU64(made, namesHeader + 24, newNamesAt);
  writeU64(made, namesHeader + 32, oldNames.length + nameBytes.length);
  const header = headersAt + count * SHDR_SIZE;
  made.setUint32(header, oldNames.length, true);
  made.setUint32(header + 4, SHT_PROGBITS, true);
  writeU64(made, header + 8, SHF_EXCLUDE);
  writeU64(made, header + 24, contentsAt);
  writeU64(made, header + 32, contents.length);
  writeU64(made, header + 48, 8);
  writeU64(made, 40, headersAt);
  // gABI: from 0xff00 sections on the count is in section header 0.
  if (count + 1 < 0xff00) made.setUint16(60, count + 1, true);
  else {
    made.setUint16(60, 0, true);
    writeU64(made, headersAt + 32, count + 1);
  }
  return out;
}
