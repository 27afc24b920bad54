import {
  EHDR_SIZE,
  EM_AARCH64,
  EM_X86_64,
  ET_DYN,
  PHDR_SIZE,
  PT_LOAD,
  PT_MVS,
  readU64,
  SHDR_SIZE,
  SHT_NOBITS,
  SHT_SYMTAB,
  SYM_SIZE,
} from './elf.ts';
import { InputError } from './errors.ts';
import type { MelfBody, MelfFunction, MelfInfo, MelfPageGroup, MelfVariant } from './melf-format.ts';
import {
  BODY_SIZE,
  FUNCTION_SIZE,
  GROUP_SIZE,
  HEADER_SIZE,
  MELF_MAGIC,
  MELF_VERSION_MAJOR,
  VARIANT_SIZE,
} from './melf-format.ts';
import type { Isa } from './object.ts';
import { isElf } from './object.ts';

/** A program header of an executable. */
export interface ProgramHeader {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly va: number;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly align: number;
}

/** A section header with its name. */
export interface SectionEntry {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly va: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
}

/** A symbol of an executable. */
export interface SymbolEntry {
  readonly name: string;
  readonly va: number;
  readonly size: number;
  readonly binding: number;
  readonly type: number;
  /** Index of its section, or a reserved one. */
  readonly section: number;
}

/** `.genmeta` as the published linker writes it. */
export interface Genmeta {
  readonly windowSize: number;
  readonly windowVa: number;
  readonly fileOffsets: readonly number[];
}

/** An executable, read: ordinary ELF facts, and what makes it multivariant. */
export interface MelfFile {
  readonly bytes: Uint8Array;
  readonly isa: Isa;
  /** Runs at any address. */
  readonly isPie: boolean;
  /** What was added to all addresses; 0 as read, see `loadedAt`. */
  readonly bias: number;
  readonly entry: number;
  readonly segments: readonly ProgramHeader[];
  readonly sections: readonly SectionEntry[];
  /** Undefined when the file has no `.melf`. */
  readonly melf: MelfInfo | undefined;
  readonly genmeta: Genmeta | undefined;
  /** Reads the symbol table anew at each call. */
  symbols(): SymbolEntry[];
  /** The bytes of one variant's window. */
  window(variant: number): Uint8Array;
  /** The body that a variant has of a function. */
  body(f: MelfFunction, variant: number): Uint8Array;
}

/**
 * Reads an executable that the linker wrote, or any other ELF64 executable (then without `melf`).
 * @throws InputError when it is truncated, malformed or of another kind.
 */
export function readMelf(bytes: Uint8Array, path = 'the file'): MelfFile {
  return new Reader(bytes, path).read();
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #path: string;

  constructor(bytes: Uint8Array, path: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#path = path;
  }

  #fail(code: string, message: string, hint?: string): never {
    throw new InputError(code, this.#path, message, hint);
  }

  #need(offset: number, size: number, what: string): void {
    if (!(offset >= 0 && size >= 0 && offset + size <= this.#bytes.length)) {
      this.#fail('melf.truncated', `${what} lies beyond the end of the file`);
    }
  }

  read(): MelfFile {
    const view = this.#view;
    if (!isElf(this.#bytes)) this.#fail('melf.not-elf', 'not an ELF file', 'give an executable that melf link wrote');
    this.#need(0, EHDR_SIZE, 'the ELF header');
    if (this.#bytes[4] !== 2 || this.#bytes[5] !== 1) this.#fail('melf.unsupported', 'not a little-endian ELF64 file');
    const type = view.getUint16(16, true);
    if (type !== 2 && type !== 3) {
      this.#fail(
        'melf.not-executable',
        'not an executable',
        type === 1 ? 'this is an object: link it first' : undefined,
      );
    }
    const machine = view.getUint16(18, true);
    if (machine !== EM_X86_64 && machine !== EM_AARCH64) {
      this.#fail('melf.unsupported', `machine type ${machine} is neither x86-64 nor AArch64`);
    }
    const segments = this.#segments();
    const sections = this.#sections();
    const find = (name: string): SectionEntry | undefined => sections.find((s) => s.name === name);
    const melfSection = find('.melf');
    const melf = melfSection === undefined ? undefined : this.#melf(melfSection, segments);
    const genmetaSection = find('.genmeta');
    const genmeta = genmetaSection === undefined ? undefined : this.#genmeta(genmetaSection);
    const window = (variant: number): Uint8Array => {
      const v = melf?.variants[variant];
      if (v === undefined) this.#fail('melf.no-variant', `there is no variant ${variant}`);
      return this.#bytes.subarray(v.fileOffset, v.fileOffset + v.fileSize);
    };
    return {
      bytes: this.#bytes,
      isa: machine === EM_X86_64 ? 'x86-64' : 'aarch64',
      isPie: type === ET_DYN,
      bias: 0,
      entry: readU64(view, 24),
      segments,
      sections,
      melf,
      genmeta,
      symbols: () => this.#symbols(sections),
      window,
      body: (f, variant) => {
        const at = f.va - melf!.windowVa;
        return window(variant).subarray(at, at + f.bodies[variant]!.size);
      },
    };
  }

  #segments(): ProgramHeader[] {
    const view = this.#view;
    const offset = readU64(view, 32);
    const count = view.getUint16(56, true);
    if (count > 0 && view.getUint16(54, true) !== PHDR_SIZE)
      this.#fail('melf.malformed', 'program headers of odd size');
    this.#need(offset, count * PHDR_SIZE, 'the program header table');
    const segments: ProgramHeader[] = [];
    for (let i = 0; i < count; i++) {
      const at = offset + i * PHDR_SIZE;
      const segment = {
        type: view.getUint32(at, true),
        flags: view.getUint32(at + 4, true),
        offset: readU64(view, at + 8),
        va: readU64(view, at + 16),
        fileSize: readU64(view, at + 32),
        memorySize: readU64(view, at + 40),
        align: readU64(view, at + 48),
      };
      if (segment.type === PT_LOAD || segment.type === PT_MVS)
        this.#need(segment.offset, segment.fileSize, `segment ${i}`);
      segments.push(segment);
    }
    return segments;
  }

  #sections(): SectionEntry[] {
    const view = this.#view;
    const offset = readU64(view, 40);
    const count = view.getUint16(60, true);
    if (offset === 0 || count === 0) return [];
    if (view.getUint16(58, true) !== SHDR_SIZE) this.#fail('melf.malformed', 'section headers of odd size');
    this.#need(offset, count * SHDR_SIZE, 'the section header table');
    const namesAt = offset + view.getUint16(62, true) * SHDR_SIZE;
    this.#need(namesAt, SHDR_SIZE, 'the section name table');
    const strings = this.#slice(readU64(view, namesAt + 24), readU64(view, namesAt + 32), 'the section name table');
    const sections: SectionEntry[] = [];
    for (let i = 0; i < count; i++) {
      const at = offset + i * SHDR_SIZE;
      const type = view.getUint32(at + 4, true);
      const section = {
        name: this.#string(strings, view.getUint32(at, true)),
        type,
        flags: readU64(view, at + 8),
        va: readU64(view, at + 16),
        offset: readU64(view, at + 24),
        size: readU64(view, at + 32),
        link: view.getUint32(at + 40, true),
      };
      if (type !== SHT_NOBITS && type !== 0) this.#need(section.offset, section.size, `section ${section.name}`);
      sections.push(section);
    }
    return sections;
  }

  #slice(offset: number, size: number, what: string): Buffer {
    this.#need(offset, size, what);
    return Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset + offset, size);
  }

  #string(table: Buffer, offset: number): string {
    const end = offset < table.length ? table.indexOf(0, offset) : -1;
    if (end < 0) this.#fail('melf.malformed', 'a name lies outside its string table');
    return table.toString('latin1', offset, end);
  }

  #symbols(sections: readonly SectionEntry[]): SymbolEntry[] {
    const table = sections.find((s) => s.type === SHT_SYMTAB);
    if (table === undefined) return [];
    const strings = sections[table.link];
    if (strings === undefined) this.#fail('melf.malformed', 'the symbol table has no string table');
    const names = this.#slice(strings.offset, strings.size, 'the symbol names');
    const result: SymbolEntry[] = [];
    for (let at = table.offset + SYM_SIZE; at + SYM_SIZE <= table.offset + table.size; at += SYM_SIZE) {
      const info = this.#bytes[at + 4]!;
      result.push({
        name: this.#string(names, this.#view.getUint32(at, true)),
        va: readU64(this.#view, at + 8),
        size: readU64(this.#view, at + 16),
        binding: info >> 4,
        type: info & 15,
        section: this.#view.getUint16(at + 6, true),
      });
    }
    return result;
  }

  #genmeta(section: SectionEntry): Genmeta {
    if (section.size < 32) this.#fail('melf.malformed', '.genmeta is too small');
    const field = (i: number): number => readU64(this.#view, section.offset + i * 8);
    const count = field(2);
    if (field(0) !== 32 + 8 * count || field(0) > section.size) this.#fail('melf.malformed', '.genmeta has odd sizes');
    const fileOffsets = Array.from({ length: count }, (_, i) => field(4 + i));
    return { windowSize: field(1), windowVa: field(3), fileOffsets };
  }

  #melf(section: SectionEntry, segments: readonly ProgramHeader[]): MelfInfo {
    const data = this.#slice(section.offset, section.size, 'the .melf section');
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    if (data.length < HEADER_SIZE) this.#fail('melf.malformed', '.melf is too small for its header');
    if (view.getUint32(0, true) !== MELF_MAGIC)
      this.#fail('melf.malformed', '.melf does not begin with its magic number');
    const versionMajor = view.getUint16(4, true);
    if (versionMajor !== MELF_VERSION_MAJOR) {
      const hint = 'link it again, or use the melf that wrote it';
      this.#fail('melf.version', `.melf has version ${versionMajor}, this program reads ${MELF_VERSION_MAJOR}`, hint);
    }
    const table = (i: number, least: number): { count: number; at: number; size: number } => {
      const [count, at, size] = [0, 4, 8].map((o) => view.getUint32(48 + i * 12 + o, true)) as [number, number, number];
      if (size < least || at + count * size > data.length)
        this.#fail('melf.malformed', `table ${i} of .melf is outside it`);
      return { count, at, size };
    };
    const [variantTable, functionTable] = [table(0, VARIANT_SIZE), table(1, FUNCTION_SIZE)];
    const [bodyTable, groupTable] = [table(2, BODY_SIZE), table(3, GROUP_SIZE)];
    const stringsAt = view.getUint32(96, true);
    const strings = data.subarray(stringsAt, stringsAt + view.getUint32(100, true));
    const text = (at: number): string => this.#string(strings, view.getUint32(at, true));
    const u64 = (at: number): number => readU64(view, at);
    const variants: MelfVariant[] = [];
    for (let i = 0; i < variantTable.count; i++) {
      const at = variantTable.at + i * variantTable.size;
      const variant = {
        name: text(at),
        flags: text(at + 4),
        fileOffset: u64(at + 8),
        fileSize: u64(at + 16),
        ehFrameVa: u64(at + 24),
        ehFrameSize: u64(at + 32),
        ehFrameHdrVa: u64(at + 40),
        ehFrameHdrSize: u64(at + 48),
        codeSize: u64(at + 56),
      };
      this.#need(variant.fileOffset, variant.fileSize, `variant ${variant.name}`);
      variants.push(variant);
    }
    const pageSize = view.getUint32(12, true);
    if (pageSize < 0x1000 || (pageSize & (pageSize - 1)) !== 0)
      this.#fail('melf.malformed', '.melf has an odd page size');
    const windowVa = u64(24);
    const markerVa = u64(112);
    const windowSize = u64(32);
    if (
      windowSize > 0 &&
      !segments.some((s) => s.type === PT_LOAD && s.va === windowVa && s.memorySize >= windowSize)
    ) {
      this.#fail('melf.malformed', 'no segment holds the overlay window');
    }
    const functions: MelfFunction[] = [];
    for (let i = 0; i < functionTable.count; i++) {
      const at = functionTable.at + i * functionTable.size;
      const firstBody = view.getUint32(at + 28, true);
      if (firstBody + variants.length > bodyTable.count)
        this.#fail('melf.malformed', 'a function without bodies in .melf');
      const bodies: MelfBody[] = variants.map((_, v) => {
        const b = bodyTable.at + (firstBody + v) * bodyTable.size;
        return {
          hash: data.toString('hex', b, b + 8),
          size: view.getUint32(b + 8, true),
          source: view.getUint16(b + 12, true),
          flags: view.getUint16(b + 14, true),
        };
      });
      functions.push({
        name: text(at),
        unit: text(at + 4),
        va: u64(at + 8),
        slotSize: view.getUint32(at + 16, true),
        align: view.getUint32(at + 20, true),
        pageGroup: view.getUint32(at + 24, true),
        bodies,
      });
    }
    const pageGroups: MelfPageGroup[] = [];
    for (let i = 0; i < groupTable.count; i++) {
      const at = groupTable.at + i * groupTable.size;
      const [firstFunction, functionCount] = [view.getUint32(at + 16, true), view.getUint32(at + 20, true)];
      pageGroups.push({ va: u64(at), size: u64(at + 8), firstFunction, functionCount });
    }
    return {
      versionMajor,
      versionMinor: view.getUint16(6, true),
      pageSize,
      windowVa,
      windowSize,
      windowSpan: u64(40),
      markerVa,
      variants,
      functions,
      pageGroups,
      buildFlags: text(104),
    };
  }
}
