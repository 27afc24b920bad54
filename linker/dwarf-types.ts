// The structs, unions and classes that an object's debug information describes (DWARF 5 standard; versions 2 to 5, 32-bit form).

import type { Abbreviation } from './debug/cursor.ts';
import { readAbbreviations } from './debug/cursor.ts';
import { InputError } from './errors.ts';
import type { ObjectFile } from './object.ts';
import type { InputSection } from './section.ts';

/** A member of a struct, union or class, or one of its bases. */
export interface MemberLayout {
  readonly name: string;
  /** Offset in bits. */
  readonly offset: number;
  /** What it is, as far as its layout counts: pointers are all alike. */
  readonly type: string;
}

/** A type with members. */
export interface TypeLayout {
  /** With the names of what it lies in, as `outer::inner`. */
  readonly name: string;
  /** `struct`, `union` or `class`. */
  readonly kind: string;
  readonly size: number;
  readonly members: readonly MemberLayout[];
  /** Source file, with the line where it is known. */
  readonly where: string;
}

const TAG = {
  array: 0x01,
  klass: 0x02,
  enumeration: 0x04,
  member: 0x0d,
  pointer: 0x0f,
  reference: 0x10,
  unit: 0x11,
  struct: 0x13,
  subroutine: 0x15,
  typedef: 0x16,
  union: 0x17,
  inheritance: 0x1c,
  subrange: 0x21,
  base: 0x24,
  constant: 0x26,
  volatile: 0x35,
  namespace: 0x39,
  restrict: 0x37,
  rvalue: 0x42,
  atomic: 0x47,
} as const;
const AT = {
  name: 0x03,
  byteSize: 0x0b,
  bitOffset: 0x0c,
  bitSize: 0x0d,
  count: 0x37,
  upperBound: 0x2f,
  location: 0x38,
  declaration: 0x3c,
  file: 0x3a,
  line: 0x3b,
  external: 0x3f,
  type: 0x49,
  dataBitOffset: 0x6b,
} as const;

const RECORDS: ReadonlySet<number> = new Set([TAG.struct, TAG.union, TAG.klass]);
const QUALIFIERS: ReadonlySet<number> = new Set([TAG.constant, TAG.volatile, TAG.restrict, TAG.atomic]);

interface Entry {
  readonly tag: number;
  readonly path: string;
  readonly attributes: ReadonlyMap<number, number | string>;
  readonly children: Entry[];
}

/** Reads all types of an object; empty when it has no debug information. @throws InputError when that is malformed. */
export function readTypeLayouts(file: ObjectFile): Map<string, TypeLayout> {
  const layouts = new Map<string, TypeLayout>();
  const named = (name: string): InputSection | undefined => file.sections.find((s) => s?.name === name);
  for (const info of file.sections) {
    if (info === undefined || info.name !== '.debug_info' || info.data.length === 0) continue;
    const sections = {
      info,
      abbrev: named('.debug_abbrev'),
      str: named('.debug_str'),
      lineStr: named('.debug_line_str'),
    };
    try {
      new UnitReader(file, sections, layouts).read();
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new InputError(
        'link.malformed',
        file.displayName,
        '.debug_info ends inside an entry',
        'compile without -g, or again',
      );
    }
  }
  return layouts;
}

interface Sections {
  readonly info: InputSection;
  readonly abbrev: InputSection | undefined;
  readonly str: InputSection | undefined;
  readonly lineStr: InputSection | undefined;
}

class UnitReader {
  readonly #view: DataView;
  readonly #sections: Sections;
  readonly #layouts: Map<string, TypeLayout>;
  /** What a relocation puts at an offset of .debug_info. */
  readonly #relocated = new Map<number, number>();
  #at = 0;
  #unitStart = 0;
  #version = 5;
  #addressSize = 8;
  #source = '';
  #types = new Map<number, Entry>();

  constructor(file: ObjectFile, sections: Sections, layouts: Map<string, TypeLayout>) {
    const { info } = sections;
    this.#sections = sections;
    this.#layouts = layouts;
    this.#view = new DataView(info.data.buffer, info.data.byteOffset, info.data.byteLength);
    const { offsets, symbols, addends, first, last } = info.relocations;
    for (let i = first; i < last; i++) this.#relocated.set(offsets[i]!, file.symbols[symbols[i]!]!.value + addends[i]!);
  }

  read(): void {
    const end = this.#view.byteLength;
    while (this.#at + 12 < end) {
      this.#unitStart = this.#at;
      const length = this.#u32();
      // The 64-bit form needs more than 4 GiB of it.
      if (length >= 0xfffffff0) return;
      const next = this.#at + length;
      this.#version = this.#u16();
      let abbreviations: number;
      if (this.#version >= 5) {
        const kind = this.#u8();
        this.#addressSize = this.#u8();
        abbreviations = this.#offset();
        if (kind === 2 || kind === 6) this.#at += 12;
        else if (kind === 4 || kind === 5) this.#at += 8;
      } else {
        abbreviations = this.#offset();
        this.#addressSize = this.#u8();
      }
      if (this.#version >= 2 && this.#version <= 5)
        this.#readUnit(next, readAbbreviations(this.#sections.abbrev?.data, abbreviations));
      this.#at = next;
    }
  }

  #readUnit(end: number, abbreviations: ReadonlyMap<number, Abbreviation>): void {
    this.#types = new Map();
    this.#source = '';
    const open: Entry[] = [];
    while (this.#at < end) {
      const offset = this.#at - this.#unitStart;
      const code = this.#leb();
      if (code === 0) {
        open.pop();
        continue;
      }
      const abbreviation = abbreviations.get(code);
      if (abbreviation === undefined) throw new RangeError('unknown abbreviation');
      const attributes = new Map<number, number | string>();
      for (let i = 0; i < abbreviation.attributes.length; i += 3) {
        const value = this.#form(abbreviation.attributes[i + 1]!, abbreviation.attributes[i + 2]!);
        if (value !== undefined) attributes.set(abbreviation.attributes[i]!, value);
      }
      const { tag } = abbreviation;
      const parent = open.at(-1);
      const name = attributes.get(AT.name);
      if (tag === TAG.unit && typeof name === 'string') this.#source = name;
      const path =
        tag === TAG.unit || typeof name !== 'string' ? (parent?.path ?? '') : `${parent?.path ?? ''}${name}::`;
      const entry: Entry = { tag, path, attributes, children: [] };
      this.#types.set(offset, entry);
      parent?.children.push(entry);
      if (abbreviation.hasChildren) open.push(entry);
    }
    for (const entry of this.#types.values()) this.#addLayout(entry);
  }

  #addLayout(entry: Entry): void {
    const { tag, attributes, path } = entry;
    if (!RECORDS.has(tag) || typeof attributes.get(AT.name) !== 'string' || attributes.has(AT.declaration)) return;
    const kind = tag === TAG.union ? 'union' : tag === TAG.struct ? 'struct' : 'class';
    const name = path.slice(0, -2);
    const line = attributes.get(AT.file) === 1 ? attributes.get(AT.line) : undefined;
    const where = line === undefined ? this.#source : `${this.#source}:${line}`;
    if (this.#layouts.has(name)) return;
    this.#layouts.set(name, { name, kind, size: this.#sizeOf(entry), members: this.#members(entry), where });
  }

  #members(entry: Entry): MemberLayout[] {
    return entry.children.flatMap(({ tag, attributes }): MemberLayout[] => {
      if (tag !== TAG.member && tag !== TAG.inheritance) return [];
      // A static member of a class has no place in it.
      if (attributes.has(AT.external) && attributes.has(AT.declaration)) return [];
      const bits = attributes.get(AT.dataBitOffset);
      const offset = typeof bits === 'number' ? bits : Number(attributes.get(AT.location) ?? 0) * 8;
      const width = attributes.get(AT.bitSize);
      const type = this.#describe(this.#typeOf(attributes), 0);
      const given = attributes.get(AT.name);
      const name = typeof given === 'string' ? given : tag === TAG.inheritance ? `base ${type}` : '(nameless)';
      return [{ name, offset, type: width === undefined ? type : `${type}:${width}` }];
    });
  }

  #typeOf(attributes: ReadonlyMap<number, number | string>): Entry | undefined {
    const at = attributes.get(AT.type);
    return typeof at === 'number' ? this.#types.get(at) : undefined;
  }

  #sizeOf(entry: Entry): number {
    return Number(entry.attributes.get(AT.byteSize) ?? 0);
  }

  #describe(entry: Entry | undefined, depth: number): string {
    if (entry === undefined || depth > 40) return 'void';
    const { tag, attributes, path, children } = entry;
    const name = attributes.get(AT.name);
    if (tag === TAG.typedef || QUALIFIERS.has(tag)) return this.#describe(this.#typeOf(attributes), depth + 1);
    if (tag === TAG.pointer || tag === TAG.reference || tag === TAG.rvalue) return 'pointer';
    if (tag === TAG.base || tag === TAG.enumeration)
      return `${typeof name === 'string' ? name : 'enum'} of ${this.#sizeOf(entry)} bytes`;
    if (tag === TAG.array) {
      const counts = children
        .filter((c) => c.tag === TAG.subrange)
        .map((c) => c.attributes.get(AT.count) ?? Number(c.attributes.get(AT.upperBound) ?? -1) + 1);
      return `${this.#describe(this.#typeOf(attributes), depth + 1)}${counts.map((n) => `[${n}]`).join('')}`;
    }
    if (RECORDS.has(tag)) {
      if (typeof name === 'string') return path.slice(0, -2);
      const inside = this.#members(entry).map((m) => `${m.name}@${m.offset} ${m.type}`);
      return `{${inside.join('; ')}} of ${this.#sizeOf(entry)} bytes`;
    }
    return typeof name === 'string' ? name : `tag ${tag}`;
  }

  #u8(): number {
    return this.#view.getUint8(this.#at++);
  }
  #u16(): number {
    this.#at += 2;
    return this.#view.getUint16(this.#at - 2, true);
  }
  #u32(): number {
    this.#at += 4;
    return this.#view.getUint32(this.#at - 4, true);
  }
  /** A 4-byte offset into another section, which a relocation may hold. */
  #offset(): number {
    const relocated = this.#relocated.get(this.#at);
    const plain = this.#u32();
    return relocated ?? plain;
  }
  #leb(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#u8();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }
  #skip(bytes: number): undefined {
    this.#at += bytes;
    if (this.#at > this.#view.byteLength) throw new RangeError('beyond the end');
    return undefined;
  }
  #inlineString(): string {
    const start = this.#at;
    while (this.#u8() !== 0);
    return latin1(this.#sections.info.data, start, this.#at - 1);
  }

  /** The value of a form (DWARF 5, section 7.5.6) as far as layouts need it; undefined for others. */
  #form(form: number, implicit: number): number | string | undefined {
    switch (form) {
      case 0x01: // addr
        return this.#skip(this.#addressSize);
      case 0x03: // block2
        return this.#skip(this.#u16());
      case 0x04: // block4
        return this.#skip(this.#u32());
      case 0x05: // data2
      case 0x12: // ref2
        return this.#u16();
      case 0x06: // data4
      case 0x13: // ref4
      case 0x1c: // ref_sup4
      case 0x17: // sec_offset
        return this.#u32();
      case 0x07: // data8
      case 0x14: // ref8
      case 0x20: // ref_sig8
      case 0x24: // ref_sup8
        return this.#skip(8);
      case 0x08: // string
        return this.#inlineString();
      case 0x0a: // block1
        return this.#locationBlock(this.#u8());
      case 0x09: // block
      case 0x18: // exprloc
        return this.#locationBlock(this.#leb());
      case 0x0b: // data1
      case 0x0c: // flag
      case 0x11: // ref1
      case 0x25: // strx1
      case 0x29: // addrx1
        return this.#u8();
      case 0x0d: // sdata
      case 0x0f: // udata
      case 0x15: // ref_udata
      case 0x1a: // strx
      case 0x1b: // addrx
      case 0x22: // loclistx
      case 0x23: // rnglistx
        return this.#leb();
      case 0x0e: // strp
        return stringAt(this.#sections.str, this.#offset());
      case 0x1f: // line_strp
        return stringAt(this.#sections.lineStr, this.#offset());
      case 0x10: // ref_addr
      case 0x1d: // strp_sup
        return this.#skip(this.#version === 2 ? this.#addressSize : 4);
      case 0x16: // indirect
        return this.#form(this.#leb(), 0);
      case 0x19: // flag_present
        return 1;
      case 0x1e: // data16
        return this.#skip(16);
      case 0x21: // implicit_const
        return implicit;
      case 0x26: // strx2
      case 0x2a: // addrx2
        return this.#u16();
      case 0x27: // strx3
      case 0x2b: // addrx3
        return this.#skip(3);
      case 0x28: // strx4
      case 0x2c: // addrx4
        return this.#u32();
    }
    throw new RangeError(`unknown form ${form}`);
  }

  /** Old compilers give a member's place as an expression: DW_OP_plus_uconst n. */
  #locationBlock(length: number): number | undefined {
    const end = this.#at + length;
    const isPlace = length > 1 && this.#u8() === 0x23;
    const value = isPlace ? this.#leb() : undefined;
    this.#at = end;
    this.#skip(0);
    return value;
  }
}

function latin1(data: Uint8Array, start: number, end: number): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('latin1', start, end);
}

function stringAt(section: InputSection | undefined, offset: number): string | undefined {
  if (section === undefined) return undefined;
  const { data } = section;
  const end = offset < data.length ? data.indexOf(0, offset) : -1;
  return end < 0 ? undefined : latin1(data, offset, end);
}
