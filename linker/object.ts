import { decompress } from './compressed-section.ts';
import {
  EHDR_SIZE,
  EM_AARCH64,
  EM_X86_64,
  ET_REL,
  GRP_COMDAT,
  RELA_SIZE,
  readU64,
  SHDR_SIZE,
  SHF_ALLOC,
  SHF_COMPRESSED,
  SHF_EXCLUDE,
  SHN_ABS,
  SHN_COMMON,
  SHN_LORESERVE,
  SHN_UNDEF,
  SHN_XINDEX,
  SHT_GROUP,
  SHT_LLVM_ADDRSIG,
  SHT_NOBITS,
  SHT_NULL,
  SHT_REL,
  SHT_RELA,
  SHT_STRTAB,
  SHT_SYMTAB,
  SHT_SYMTAB_SHNDX,
  STB_LOCAL,
  STT_SECTION,
  STV_DEFAULT,
  SYM_SIZE,
  wideInteger,
  wideWord,
  wordsOf,
} from './elf.ts';
import { InputError } from './errors.ts';
import { RelocationReader } from './object-relocations.ts';
import { InputSection } from './section.ts';
import { SectionHeaders } from './section-headers.ts';
import type { SymbolKind } from './symbol.ts';
import { LinkSymbol } from './symbol.ts';

export type Isa = 'x86-64' | 'aarch64';

export const MACHINE_OF_ISA: Readonly<Record<Isa, number>> = { 'x86-64': EM_X86_64, aarch64: EM_AARCH64 };

/** Index of the variant of inputs that belong to none: common code. */
export const COMMON = -1;

/** A COMDAT group: of all groups with one signature only one is kept. */
export interface ComdatGroup {
  readonly signature: string;
  readonly members: readonly number[];
}

/** Where an object comes from and whose variant it is. */
export interface ObjectIdentity {
  readonly path: string;
  /** What people know it by, when that is not the path. */
  readonly shownAs?: string;
  /** Member name when it comes from an archive. */
  readonly member?: string;
  /** Index of the variant, or `COMMON`. */
  readonly variant: number;
  readonly variantName?: string;
  /** The translation unit: objects of different variants with the same unit are compiles of the same source. */
  readonly unit: string;
}

/** An object's name for people, without its variant. */
const nameOf = ({ path, shownAs = path, member }: ObjectIdentity): string =>
  member === undefined ? shownAs : `${shownAs}(${member})`;

/** A relocatable object, read and checked. Nothing in it is trusted before it was checked here. */
export class ObjectFile {
  readonly identity: ObjectIdentity;
  readonly isa: Isa;
  /** By section header index; sections the linker does not place are undefined. */
  readonly sections: (InputSection | undefined)[] = [];
  readonly symbols: LinkSymbol[] = [];
  /** Index of the first non-local symbol. */
  firstGlobal = 0;
  /** Whether symbols of it may be default versions (`.symver`), and so have further names. */
  hasVersions = false;
  readonly comdats: ComdatGroup[] = [];
  /** For each symbol index the definition that a reference from this file leads to; filled by resolution. */
  resolved: LinkSymbol[] = [];

  constructor(identity: ObjectIdentity, isa: Isa) {
    this.identity = identity;
    this.isa = isa;
  }

  get variant(): number {
    return this.identity.variant;
  }
  get unit(): string {
    return this.identity.unit;
  }
  get name(): string {
    return nameOf(this.identity);
  }
  /** The name with its variant, for people. */
  get displayName(): string {
    const v = this.identity.variantName;
    return v === undefined ? this.name : `${this.name} [variant ${v}]`;
  }
}

const NO_HEADERS = new SectionHeaders(new Uint8Array(0), 0, 0);
/** "BC", 0xc0de */
const LLVM_BITCODE = 0xdec04342;
/** That of a huge page. */
const MOST_ALIGNMENT = 0x20_0000;

/** True when the bytes begin like an ELF file. */
export function isElf(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

class StringTable {
  /** The whole table: one conversion, of which every string is a slice. */
  readonly #text: string;
  constructor(bytes: Uint8Array) {
    this.#text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  }
  has(text: string): boolean {
    return this.#text.includes(text);
  }
  /** The string at `offset`, or undefined when it does not end inside the table. */
  at(offset: number): string | undefined {
    if (offset >= this.#text.length) return offset === 0 ? '' : undefined;
    const end = this.#text.indexOf('\0', offset);
    return end < 0 ? undefined : this.#text.substring(offset, end);
  }
}

/**
 * Reads a relocatable ELF64 object.
 * @throws InputError with code `link/…` for anything truncated, malformed, foreign or unsupported.
 */
export function readObject(bytes: Uint8Array, identity: ObjectIdentity): ObjectFile {
  return new ObjectReader(bytes, identity).read();
}

class ObjectReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #identity: ObjectIdentity;
  #headers = NO_HEADERS;
  #names: StringTable | undefined;

  constructor(bytes: Uint8Array, identity: ObjectIdentity) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#identity = identity;
  }

  #fail(code: string, message: string, hint?: string): never {
    throw new InputError(code, nameOf(this.#identity), message, hint);
  }

  #checkAlignment(what: string, align: number): void {
    if (!Number.isInteger(Math.log2(align)))
      this.#fail('link.malformed', `${what} has alignment ${align}, not a power of two`);
    if (align <= MOST_ALIGNMENT) return;
    this.#fail(
      'link.unsupported-alignment',
      `${what} asks for an alignment of ${align} bytes, and ${MOST_ALIGNMENT} are the most that is done`,
      'the file would grow by as much: align to less (.p2align, the attribute aligned)',
    );
  }

  read(): ObjectFile {
    const isa = this.#readHeader();
    const file = new ObjectFile(this.#identity, isa);
    this.#readSections(file);
    this.#readSymbols(file);
    this.#readGroups(file);
    this.#readRelocations(file);
    return file;
  }

  #readHeader(): Isa {
    const bytes = this.#bytes;
    const view = this.#view;
    if (bytes.length >= 4 && view.getUint32(0, true) === LLVM_BITCODE) {
      this.#fail(
        'link.lto-object',
        'LLVM bitcode, an object of link-time optimisation (-flto), without machine code',
        'compile without -flto',
      );
    }
    if (!isElf(bytes)) this.#fail('link.not-elf', 'not an ELF file', 'give relocatable objects (.o) or archives (.a)');
    if (bytes.length < EHDR_SIZE) this.#fail('link.truncated', 'the file ends inside the ELF header');
    if (bytes[4] !== 2) this.#fail('link.unsupported-class', 'a 32-bit ELF file; only ELF64 can be linked');
    if (bytes[5] !== 1)
      this.#fail('link.unsupported-endian', 'a big-endian ELF file; only little-endian can be linked');
    const type = view.getUint16(16, true);
    if (type !== ET_REL) {
      const what = type === 2 ? 'an executable' : type === 3 ? 'a shared library or PIE' : `of ELF type ${type}`;
      this.#fail(
        'link.not-relocatable',
        `${what}, not a relocatable object`,
        'melf links statically: give .o and .a files',
      );
    }
    const machine = view.getUint16(18, true);
    const isa = machine === EM_X86_64 ? 'x86-64' : machine === EM_AARCH64 ? 'aarch64' : undefined;
    if (isa === undefined) {
      this.#fail('link.unsupported-machine', `machine type ${machine} is neither x86-64 nor AArch64`);
    }
    if (view.getUint16(58, true) !== SHDR_SIZE) this.#fail('link.malformed', 'section headers have an unexpected size');
    return isa;
  }

  #readSections(file: ObjectFile): void {
    const view = this.#view;
    const shoff = readU64(view, 40);
    let shnum = view.getUint16(60, true);
    let shstrndx = view.getUint16(62, true);
    if (shoff === 0) this.#fail('link.malformed', 'no section headers');
    if (shoff + SHDR_SIZE > this.#bytes.length) this.#fail('link.truncated', 'the section headers lie beyond the end');
    // gABI: with 0xff00 sections or more the true counts are in section header 0.
    if (shnum === 0) shnum = readU64(view, shoff + 32);
    if (shstrndx === SHN_XINDEX) shstrndx = view.getUint32(shoff + 40, true);
    if (shnum > (this.#bytes.length - shoff) / SHDR_SIZE) {
      this.#fail('link.truncated', `the file ends inside its ${shnum} section headers`);
    }
    this.#headers = new SectionHeaders(this.#bytes, shoff, shnum);
    this.#checkOverlap();
    this.#names = this.#stringTable(shstrndx, 'section names');
    for (let i = 0; i < shnum; i++) file.sections.push(this.#section(file, i));
  }

  /** gABI, "Sections": no byte is in more than one. Thousands of sections over the same bytes would be read thousands of times. */
  #checkOverlap(): void {
    const headers = this.#headers;
    let sum = 0;
    for (let i = 0; i < headers.count; i++) {
      const type = headers.type(i);
      if (type !== SHT_NOBITS && type !== SHT_NULL) sum += headers.size(i);
    }
    if (sum > this.#bytes.length) {
      this.#fail('link.malformed', 'its sections overlap, or lie beyond the end of the file');
    }
  }

  #contents(index: number): Uint8Array {
    const headers = this.#headers;
    if (headers.type(index) === SHT_NOBITS) return new Uint8Array(0);
    const offset = this.#contentsAt(index);
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + offset, headers.size(index));
  }

  /** Where the contents of a section begin, which has some. */
  #contentsAt(index: number): number {
    const offset = this.#headers.offset(index);
    if (offset + this.#headers.size(index) > this.#bytes.length) {
      this.#fail('link.truncated', `section ${index} lies beyond the end of the file`);
    }
    return offset;
  }

  #stringTable(index: number, what: string): StringTable {
    if (index >= this.#headers.count || this.#headers.type(index) !== SHT_STRTAB)
      this.#fail('link.malformed', `the table of ${what} is missing`);
    return new StringTable(this.#contents(index));
  }

  #sectionName(index: number): string {
    const name = this.#names!.at(this.#headers.name(index));
    if (name === undefined) this.#fail('link.malformed', `section ${index} has no valid name`);
    return name;
  }

  #section(file: ObjectFile, index: number): InputSection | undefined {
    const headers = this.#headers;
    const type = headers.type(index);
    switch (type) {
      case SHT_NULL:
      case SHT_SYMTAB:
      case SHT_STRTAB:
      case SHT_RELA:
      case SHT_GROUP:
      case SHT_SYMTAB_SHNDX:
      case SHT_LLVM_ADDRSIG:
        return undefined;
      case SHT_REL:
        this.#fail('link.unsupported-rel', 'relocations without addends (SHT_REL) are not part of these psABIs');
    }
    const name = this.#sectionName(index);
    if (name.startsWith('.gnu.lto_.lto')) this.#refuseSlimLto(index);
    const flags = headers.flags(index) % 0x100000000;
    if (Math.floor(flags / SHF_EXCLUDE) % 2 === 1 && (flags & SHF_ALLOC) === 0) return undefined;
    const align = headers.align(index) || 1;
    this.#checkAlignment(`section ${name}`, align);
    const size = headers.size(index);
    if (size > 0x7fffffff) this.#fail('link.too-large', `section ${name} is larger than 2 GiB`);
    if ((flags & SHF_COMPRESSED) !== 0) return this.#compressed(file, index, name, flags - SHF_COMPRESSED);
    const start = type === SHT_NOBITS ? 0 : this.#contentsAt(index);
    const entrySize = headers.entrySize(index);
    const link = headers.link(index);
    return new InputSection(file, index, name, type, flags, align, entrySize, link, this.#bytes, start, size);
  }

  /** gcc's intermediate code, unless the object has machine code, too (gcc/lto-section-in.h: two version numbers, then whether it is slim). */
  #refuseSlimLto(index: number): void {
    if (this.#contents(index)[4] === 0) return;
    this.#fail(
      'link.lto-object',
      'an object of link-time optimisation (-flto), without machine code',
      'compile without -flto, or with -ffat-lto-objects',
    );
  }

  /** Debug information may be compressed (gABI, "Section Compression"); relocations count in what it was before. */
  #compressed(file: ObjectFile, index: number, name: string, flags: number): InputSection {
    const headers = this.#headers;
    const packed = this.#contents(index);
    if ((flags & SHF_ALLOC) !== 0) this.#fail('link.unsupported-compressed', `allocated section ${name} is compressed`);
    const unpacked = decompress(packed);
    if ('kind' in unpacked) {
      const code = unpacked.kind === 'unsupported' ? 'unsupported-compressed' : unpacked.kind;
      this.#fail(`link.${code}`, `compressed section ${name} ${unpacked.message}`, unpacked.hint);
    }
    const { data, align } = unpacked;
    const type = headers.type(index);
    const entrySize = headers.entrySize(index);
    const link = headers.link(index);
    return new InputSection(file, index, name, type, flags, align, entrySize, link, data, 0, data.length);
  }

  #readSymbols(file: ObjectFile): void {
    const headers = this.#headers;
    const [tableIndex] = headers.ofType(SHT_SYMTAB);
    if (tableIndex === undefined) {
      file.symbols.push(new LinkSymbol('', file, STB_LOCAL, 0, STV_DEFAULT, 'undefined', undefined, 0, 0));
      file.firstGlobal = 1;
      return;
    }
    const data = this.#contents(tableIndex);
    if (data.length % SYM_SIZE !== 0) this.#fail('link.malformed', 'the symbol table is not a multiple of 24 bytes');
    const words = wordsOf(data, 0, data.length);
    const names = this.#stringTable(headers.link(tableIndex), 'symbol names');
    file.hasVersions = names.has('@@');
    const extended = this.#extendedIndices(tableIndex);
    const count = data.length / SYM_SIZE;
    const firstGlobal = headers.info(tableIndex);
    if (firstGlobal > count) this.#fail('link.malformed', 'the symbol table claims more local symbols than it has');
    file.firstGlobal = firstGlobal;
    const { sections, symbols } = file;
    for (let i = 0, at = 0; i < count; i++, at += SYM_SIZE / 4) {
      // A byte each of binding with type and of visibility, two of the section's index.
      const info = words[at + 1]!;
      const rawIndex = info >>> 16;
      const binding = (info >> 4) & 15;
      const type = info & 15;
      let value = wideWord(words, at + 2);
      const size = wideWord(words, at + 4);
      let kind: SymbolKind = 'section';
      let section: InputSection | undefined;
      if (rawIndex === SHN_UNDEF) kind = 'undefined';
      else if (rawIndex === SHN_ABS) {
        kind = 'absolute';
        // A number, which may be negative.
        value = wideInteger(words, at + 2);
      } else if (rawIndex === SHN_COMMON) kind = 'common';
      else {
        const index = rawIndex === SHN_XINDEX ? (extended?.getUint32(i * 4, true) ?? -1) : rawIndex;
        if (rawIndex >= SHN_LORESERVE && rawIndex !== SHN_XINDEX) {
          this.#fail('link.malformed', `symbol ${i} has the reserved section index ${rawIndex}`);
        }
        if (index < 0 || index >= sections.length) {
          this.#fail('link.malformed', `symbol ${i} is in section ${index}, which does not exist`);
        }
        section = sections[index];
      }
      if ((binding === STB_LOCAL) !== i < firstGlobal) {
        this.#fail('link.malformed', `symbol ${i} is on the wrong side of the local/global boundary`);
      }
      const name = names.at(words[at]!);
      if (name === undefined) this.#fail('link.malformed', `symbol ${i} has no valid name`);
      if (kind === 'absolute' && !Number.isSafeInteger(value)) {
        this.#fail('link.too-large', `the absolute symbol ${name} has a value of more than 53 bits`);
      }
      if (kind === 'common') this.#checkAlignment(`the common symbol ${name}`, value || 1);
      if (kind === 'common' && size > 0x7fffffff) {
        this.#fail('link.too-large', `the common symbol ${name} is larger than 2 GiB`);
      }
      const shown = name === '' && type === STT_SECTION && section !== undefined ? section.name : name;
      symbols.push(new LinkSymbol(shown, file, binding, type, (info >> 8) & 3, kind, section, value, size));
    }
  }

  #extendedIndices(symtab: number): DataView | undefined {
    const headers = this.#headers;
    const index = headers.ofType(SHT_SYMTAB_SHNDX).find((i) => headers.link(i) === symtab);
    if (index === undefined) return undefined;
    const data = this.#contents(index);
    if (data.length * 6 < headers.size(symtab)) this.#fail('link.truncated', 'the extended section indices');
    return new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  #readGroups(file: ObjectFile): void {
    for (const index of this.#headers.ofType(SHT_GROUP)) {
      const data = this.#contents(index);
      if (data.length < 4 || data.length % 4 !== 0) this.#fail('link.malformed', 'a section group of odd size');
      const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
      if ((view.getUint32(0, true) & GRP_COMDAT) === 0) continue;
      const signature = file.symbols[this.#headers.info(index)];
      if (signature === undefined) this.#fail('link.malformed', 'a section group without a signature');
      const members: number[] = [];
      for (let at = 4; at < data.length; at += 4) {
        const member = view.getUint32(at, true);
        if (member >= this.#headers.count) this.#fail('link.malformed', 'a section group with an unknown member');
        members.push(member);
      }
      file.comdats.push({ signature: signature.name, members });
    }
  }

  #readRelocations(file: ObjectFile): void {
    const headers = this.#headers;
    const tables = headers.ofType(SHT_RELA);
    let total = 0;
    for (const table of tables) total += Math.floor(headers.size(table) / RELA_SIZE);
    const reader = new RelocationReader(total, file.symbols.length, (message) => this.#fail('link.malformed', message));
    for (const table of tables) {
      const target = file.sections[headers.info(table)];
      if (target !== undefined) reader.read(this.#contents(table), target);
    }
  }
}
