import { decompress } from './compressed-section.ts';
import {
  EHDR_SIZE,
  EM_AARCH64,
  EM_X86_64,
  ET_REL,
  GRP_COMDAT,
  RELA_SIZE,
  readI64,
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
} from './elf.ts';
import { InputError } from './errors.ts';
import { InputSection } from './section.ts';
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
  /** Member name when it comes from an archive. */
  readonly member?: string;
  /** Index of the variant, or `COMMON`. */
  readonly variant: number;
  readonly variantName?: string;
  /** The translation unit: objects of different variants with the same unit are compiles of the same source. */
  readonly unit: string;
}

/** A relocatable object, read and checked. Nothing in it is trusted before it was checked here. */
export class ObjectFile {
  readonly identity: ObjectIdentity;
  readonly isa: Isa;
  /** By section header index; sections the linker does not place are undefined. */
  readonly sections: (InputSection | undefined)[] = [];
  readonly symbols: LinkSymbol[] = [];
  /** Index of the first non-local symbol. */
  firstGlobal = 0;
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
    const { path, member } = this.identity;
    return member === undefined ? path : `${path}(${member})`;
  }
  /** The name with its variant, for people. */
  get displayName(): string {
    const v = this.identity.variantName;
    return v === undefined ? this.name : `${this.name} [variant ${v}]`;
  }
}

/** "BC", 0xc0de */
const LLVM_BITCODE = 0xdec04342;
/** That of a huge page. */
const MOST_ALIGNMENT = 0x20_0000;

interface SectionHeader {
  name: number;
  type: number;
  flags: number;
  offset: number;
  size: number;
  link: number;
  info: number;
  align: number;
  entsize: number;
}

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
  #headers: SectionHeader[] = [];
  #names: StringTable | undefined;

  constructor(bytes: Uint8Array, identity: ObjectIdentity) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#identity = identity;
  }

  #fail(code: string, message: string, hint?: string): never {
    const { path, member } = this.#identity;
    throw new InputError(code, member === undefined ? path : `${path}(${member})`, message, hint);
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
    for (let i = 0; i < shnum; i++) {
      const at = shoff + i * SHDR_SIZE;
      this.#headers.push({
        name: view.getUint32(at, true),
        type: view.getUint32(at + 4, true),
        flags: readU64(view, at + 8),
        offset: readU64(view, at + 24),
        size: readU64(view, at + 32),
        link: view.getUint32(at + 40, true),
        info: view.getUint32(at + 44, true),
        align: readU64(view, at + 48),
        entsize: readU64(view, at + 56),
      });
    }
    this.#checkOverlap();
    this.#names = this.#stringTable(shstrndx, 'section names');
    for (let i = 0; i < shnum; i++) file.sections.push(this.#section(file, i));
  }

  /** gABI, "Sections": no byte is in more than one. Thousands of sections over the same bytes would be read thousands of times. */
  #checkOverlap(): void {
    let sum = 0;
    for (const { type, size } of this.#headers) if (type !== SHT_NOBITS && type !== SHT_NULL) sum += size;
    if (sum > this.#bytes.length) {
      this.#fail('link.malformed', 'its sections overlap, or lie beyond the end of the file');
    }
  }

  #contents(index: number): Uint8Array {
    const h = this.#headers[index]!;
    if (h.type === SHT_NOBITS) return new Uint8Array(0);
    if (h.offset + h.size > this.#bytes.length) {
      this.#fail('link.truncated', `section ${index} lies beyond the end of the file`);
    }
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + h.offset, h.size);
  }

  #stringTable(index: number, what: string): StringTable {
    const h = this.#headers[index];
    if (h === undefined || h.type !== SHT_STRTAB) this.#fail('link.malformed', `the table of ${what} is missing`);
    return new StringTable(this.#contents(index));
  }

  #sectionName(index: number): string {
    const name = this.#names!.at(this.#headers[index]!.name);
    if (name === undefined) this.#fail('link.malformed', `section ${index} has no valid name`);
    return name;
  }

  #section(file: ObjectFile, index: number): InputSection | undefined {
    const h = this.#headers[index]!;
    switch (h.type) {
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
    const flags = h.flags % 0x100000000;
    if (Math.floor(flags / SHF_EXCLUDE) % 2 === 1 && (flags & SHF_ALLOC) === 0) return undefined;
    const align = h.align === 0 ? 1 : h.align;
    this.#checkAlignment(`section ${name}`, align);
    if (h.size > 0x7fffffff) this.#fail('link.too-large', `section ${name} is larger than 2 GiB`);
    if ((flags & SHF_COMPRESSED) !== 0) return this.#compressed(file, index, name, flags - SHF_COMPRESSED);
    const data = this.#contents(index);
    return new InputSection(file, index, name, h.type, flags, align, h.entsize, h.link, data, h.size);
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
    const h = this.#headers[index]!;
    const packed = this.#contents(index);
    if ((flags & SHF_ALLOC) !== 0) this.#fail('link.unsupported-compressed', `allocated section ${name} is compressed`);
    const unpacked = decompress(packed);
    if ('kind' in unpacked) {
      const code = unpacked.kind === 'unsupported' ? 'unsupported-compressed' : unpacked.kind;
      this.#fail(`link.${code}`, `compressed section ${name} ${unpacked.message}`, unpacked.hint);
    }
    const { data, align } = unpacked;
    return new InputSection(file, index, name, h.type, flags, align, h.entsize, h.link, data, data.length);
  }

  #readSymbols(file: ObjectFile): void {
    const tableIndex = this.#headers.findIndex((h) => h.type === SHT_SYMTAB);
    if (tableIndex < 0) {
      file.symbols.push(new LinkSymbol('', file, STB_LOCAL, 0, STV_DEFAULT, 'undefined', undefined, 0, 0));
      file.firstGlobal = 1;
      return;
    }
    const h = this.#headers[tableIndex]!;
    const data = this.#contents(tableIndex);
    if (data.length % SYM_SIZE !== 0) this.#fail('link.malformed', 'the symbol table is not a multiple of 24 bytes');
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const names = this.#stringTable(h.link, 'symbol names');
    const extended = this.#extendedIndices(tableIndex);
    const count = data.length / SYM_SIZE;
    if (h.info > count) this.#fail('link.malformed', 'the symbol table claims more local symbols than it has');
    file.firstGlobal = h.info;
    for (let i = 0; i < count; i++) {
      const at = i * SYM_SIZE;
      const info = data[at + 4]!;
      const rawIndex = view.getUint16(at + 6, true);
      const binding = info >> 4;
      const type = info & 15;
      // Absolute symbols are numbers, and may be negative.
      const value = rawIndex === SHN_ABS ? readI64(view, at + 8) : readU64(view, at + 8);
      let kind: SymbolKind = 'section';
      let section: InputSection | undefined;
      if (rawIndex === SHN_UNDEF) kind = 'undefined';
      else if (rawIndex === SHN_ABS) kind = 'absolute';
      else if (rawIndex === SHN_COMMON) kind = 'common';
      else {
        const index = rawIndex === SHN_XINDEX ? (extended?.getUint32(i * 4, true) ?? -1) : rawIndex;
        if (rawIndex >= SHN_LORESERVE && rawIndex !== SHN_XINDEX) {
          this.#fail('link.malformed', `symbol ${i} has the reserved section index ${rawIndex}`);
        }
        if (index < 0 || index >= file.sections.length) {
          this.#fail('link.malformed', `symbol ${i} is in section ${index}, which does not exist`);
        }
        section = file.sections[index];
      }
      if ((binding === STB_LOCAL) !== i < h.info) {
        this.#fail('link.malformed', `symbol ${i} is on the wrong side of the local/global boundary`);
      }
      const name = names.at(view.getUint32(at, true));
      if (name === undefined) this.#fail('link.malformed', `symbol ${i} has no valid name`);
      if (kind === 'absolute' && !Number.isSafeInteger(value)) {
        this.#fail('link.too-large', `the absolute symbol ${name} has a value of more than 53 bits`);
      }
      if (kind === 'common') this.#checkAlignment(`the common symbol ${name}`, readU64(view, at + 8) || 1);
      if (kind === 'common' && readU64(view, at + 16) > 0x7fffffff) {
        this.#fail('link.too-large', `the common symbol ${name} is larger than 2 GiB`);
      }
      const shown = name === '' && type === STT_SECTION && section !== undefined ? section.name : name;
      file.symbols.push(
        new LinkSymbol(shown, file, binding, type, data[at + 5]! & 3, kind, section, value, readU64(view, at + 16)),
      );
    }
  }

  #extendedIndices(symtab: number): DataView | undefined {
    const index = this.#headers.findIndex((h) => h.type === SHT_SYMTAB_SHNDX && h.link === symtab);
    if (index < 0) return undefined;
    const data = this.#contents(index);
    if (data.length * 6 < this.#headers[symtab]!.size) this.#fail('link.truncated', 'the extended section indices');
    return new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  #readGroups(file: ObjectFile): void {
    for (let index = 0; index < this.#headers.length; index++) {
      const h = this.#headers[index]!;
      if (h.type !== SHT_GROUP) continue;
      const data = this.#contents(index);
      if (data.length < 4 || data.length % 4 !== 0) this.#fail('link.malformed', 'a section group of odd size');
      const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
      if ((view.getUint32(0, true) & GRP_COMDAT) === 0) continue;
      const signature = file.symbols[h.info];
      if (signature === undefined) this.#fail('link.malformed', 'a section group without a signature');
      const members: number[] = [];
      for (let at = 4; at < data.length; at += 4) {
        const member = view.getUint32(at, true);
        if (member >= this.#headers.length) this.#fail('link.malformed', 'a section group with an unknown member');
        members.push(member);
      }
      file.comdats.push({ signature: signature.name, members });
    }
  }

  #readRelocations(file: ObjectFile): void {
    let total = 0;
    for (const { type, size } of this.#headers) if (type === SHT_RELA) total += Math.floor(size / RELA_SIZE);
    // The columns of all sections lie in one stretch of memory: most sections have a handful of relocations.
    const words = new ArrayBuffer(total * 12);
    const doubles = new ArrayBuffer(total * 8);
    let used = 0;
    for (let index = 0; index < this.#headers.length; index++) {
      const h = this.#headers[index]!;
      if (h.type !== SHT_RELA) continue;
      const target = file.sections[h.info];
      if (target === undefined) continue;
      if (target.relocations.count > 0) this.#fail('link.malformed', `two relocation tables for ${target.name}`);
      const count = Math.floor(h.size / RELA_SIZE);
      target.relocations = {
        count,
        offsets: new Uint32Array(words, used * 12, count),
        types: new Uint32Array(words, used * 12 + count * 4, count),
        symbols: new Uint32Array(words, used * 12 + count * 8, count),
        addends: new Float64Array(doubles, used * 8, count),
      };
      this.#decodeRelocations(index, target, file.symbols.length);
      used += count;
    }
  }

  #decodeRelocations(index: number, target: InputSection, symbolCount: number): void {
    const data = this.#contents(index);
    if (data.length % RELA_SIZE !== 0) this.#fail('link.malformed', 'a relocation table of odd size');
    const { count, offsets, types, symbols, addends } = target.relocations;
    if (target.type === SHT_NOBITS && count > 0) {
      this.#fail('link.malformed', `relocations for ${target.name}, which has no bytes`);
    }
    // Members of archives lie at even addresses only.
    const aligned = data.byteOffset % 4 === 0 ? data : data.slice();
    const raw = new Uint32Array(aligned.buffer, aligned.byteOffset, count * 6);
    const limit = Math.max(target.size, 1);
    for (let i = 0, at = 0; i < count; i++, at += 6) {
      const offset = raw[at]!;
      const symbol = raw[at + 3]!;
      // One without an effect (R_…_NONE, 0 on both ISAs), which only keeps its symbol, may stand at the end.
      if (raw[at + 1] !== 0 || offset > limit || (offset === limit && raw[at + 2] !== 0)) {
        this.#fail('link.malformed', `relocation ${i} of ${target.name} lies outside the section`);
      }
      if (symbol >= symbolCount) this.#fail('link.malformed', `relocation ${i} of ${target.name} names no symbol`);
      offsets[i] = offset;
      types[i] = raw[at + 2]!;
      symbols[i] = symbol;
      addends[i] = (raw[at + 5]! | 0) * 0x100000000 + raw[at + 4]!;
    }
  }
}
