// Makes relocatable objects and archives in memory, so that every byte of them is the test's own.

import {
  EHDR_SIZE,
  RELA_SIZE,
  SHDR_SIZE,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_INFO_LINK,
  SHT_NOBITS,
  SHT_PROGBITS,
  SHT_RELA,
  SHT_STRTAB,
  SHT_SYMTAB,
  SYM_SIZE,
  writeU64,
} from '../elf.ts';
import type { Isa } from '../object.ts';
import { MACHINE_OF_ISA } from '../object.ts';

/** A section to make; code unless told otherwise. */
export interface MadeSection {
  readonly name: string;
  readonly data?: Uint8Array | readonly number[];
  readonly type?: number;
  readonly flags?: number;
  readonly align?: number;
  readonly size?: number;
  readonly entrySize?: number;
  readonly relocations?: readonly MadeRelocation[];
}

export interface MadeRelocation {
  readonly offset: number;
  readonly type: number;
  /** Name of a symbol of the object; an unknown one becomes an undefined symbol. */
  readonly symbol: string;
  readonly addend?: number;
}

export interface MadeSymbol {
  readonly name: string;
  /** Name of its section; absent: undefined; `*ABS*`: absolute. */
  readonly section?: string;
  readonly value?: number;
  readonly size?: number;
  /** Binding: 0 local, 1 global (default), 2 weak. */
  readonly binding?: number;
  readonly type?: number;
}

class Names {
  readonly bytes: number[] = [0];
  add(text: string): number {
    const at = this.bytes.length;
    this.bytes.push(...Buffer.from(`${text}\0`, 'latin1'));
    return at;
  }
}

/** Builds an ELF64 object. */
export function makeObject(isa: Isa, sections: readonly MadeSection[], given: readonly MadeSymbol[]): Uint8Array {
  const known = new Set(given.map((s) => s.name));
  const wanted = sections.flatMap((s) => s.relocations ?? []).map((r) => r.symbol);
  const missing = [...new Set(wanted)].filter((name) => !known.has(name)).map((name) => ({ name }));
  const rank = (s: MadeSymbol): number => (s.binding === 0 ? 0 : 1);
  const symbols: MadeSymbol[] = [...given, ...missing].sort((a, b) => rank(a) - rank(b));
  const names = new Names();
  const symbolNames = new Names();
  const bodies: {
    name: string;
    type: number;
    flags: number;
    data: Uint8Array;
    size: number;
    link: number;
    info: number;
    align: number;
    entry: number;
  }[] = [];
  for (const s of sections) {
    const data = Uint8Array.from(s.data ?? []);
    const type = s.type ?? SHT_PROGBITS;
    const flags = s.flags ?? SHF_ALLOC | SHF_EXECINSTR;
    const size = s.size ?? data.length;
    bodies.push({
      name: s.name,
      type,
      flags,
      data,
      size,
      link: 0,
      info: 0,
      align: s.align ?? 1,
      entry: s.entrySize ?? 0,
    });
  }
  const relocated = sections.map((s, i) => ({ s, i })).filter(({ s }) => (s.relocations ?? []).length > 0);
  const symtabIndex = 1 + sections.length + relocated.length;
  for (const { s, i } of relocated) {
    const data = new Uint8Array(s.relocations!.length * RELA_SIZE);
    const view = new DataView(data.buffer);
    for (const [n, r] of s.relocations!.entries()) {
      writeU64(view, n * RELA_SIZE, r.offset);
      view.setUint32(n * RELA_SIZE + 8, r.type, true);
      view.setUint32(n * RELA_SIZE + 12, symbols.findIndex((symbol) => symbol.name === r.symbol) + 1, true);
      writeU64(view, n * RELA_SIZE + 16, r.addend ?? 0);
    }
    bodies.push({
      name: `.rela${s.name}`,
      type: SHT_RELA,
      flags: SHF_INFO_LINK,
      data,
      size: data.length,
      link: symtabIndex,
      info: i + 1,
      align: 8,
      entry: RELA_SIZE,
    });
  }
  const symtab = new Uint8Array((symbols.length + 1) * SYM_SIZE);
  const table = new DataView(symtab.buffer);
  for (const [i, symbol] of symbols.entries()) {
    const at = (i + 1) * SYM_SIZE;
    const index =
      symbol.section === undefined
        ? 0
        : symbol.section === '*ABS*'
          ? 0xfff1
          : sections.findIndex((s) => s.name === symbol.section) + 1;
    table.setUint32(at, symbolNames.add(symbol.name), true);
    symtab[at + 4] = ((symbol.binding ?? 1) << 4) | (symbol.type ?? 0);
    table.setUint16(at + 6, index, true);
    writeU64(table, at + 8, symbol.value ?? 0);
    writeU64(table, at + 16, symbol.size ?? 0);
  }
  const locals = symbols.filter((s) => s.binding === 0).length;
  const tail = { flags: 0, link: 0, info: 0, align: 1, entry: 0 };
  bodies.push({
    ...tail,
    name: '.symtab',
    type: SHT_SYMTAB,
    data: symtab,
    size: symtab.length,
    link: symtabIndex + 1,
    info: locals + 1,
    align: 8,
    entry: SYM_SIZE,
  });
  const strtab = Uint8Array.from(symbolNames.bytes);
  bodies.push({ ...tail, name: '.strtab', type: SHT_STRTAB, data: strtab, size: strtab.length });
  const nameOffsets = [...bodies.map((b) => b.name), '.shstrtab'].map((name) => names.add(name));
  const shstrtab = Uint8Array.from(names.bytes);
  bodies.push({ ...tail, name: '.shstrtab', type: SHT_STRTAB, data: shstrtab, size: shstrtab.length });

  let offset = EHDR_SIZE;
  const offsets = bodies.map((b) => {
    const at = Math.ceil(offset / 8) * 8;
    offset = at + (b.type === SHT_NOBITS ? 0 : b.data.length);
    return at;
  });
  const shoff = Math.ceil(offset / 8) * 8;
  const out = new Uint8Array(shoff + (bodies.length + 1) * SHDR_SIZE);
  const view = new DataView(out.buffer);
  out.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0]);
  view.setUint16(16, 1, true);
  view.setUint16(18, MACHINE_OF_ISA[isa], true);
  view.setUint32(20, 1, true);
  writeU64(view, 40, shoff);
  view.setUint16(52, EHDR_SIZE, true);
  view.setUint16(58, SHDR_SIZE, true);
  view.setUint16(60, bodies.length + 1, true);
  view.setUint16(62, bodies.length, true);
  for (const [i, b] of bodies.entries()) {
    out.set(b.data, offsets[i]!);
    const at = shoff + (i + 1) * SHDR_SIZE;
    view.setUint32(at, nameOffsets[i]!, true);
    view.setUint32(at + 4, b.type, true);
    const words = [b.flags, 0, offsets[i]!, b.size];
    for (const [n, word] of words.entries()) writeU64(view, at + 8 + n * 8, word);
    view.setUint32(at + 40, b.link, true);
    view.setUint32(at + 44, b.info, true);
    writeU64(view, at + 48, b.align);
    writeU64(view, at + 56, b.entry);
  }
  return out;
}

/** Builds a GNU archive with a symbol index; long names go to the `//` member. A thin one has its members' names alone. */
export function makeArchive(
  members: readonly { name: string; bytes: Uint8Array; symbols: readonly string[] }[],
  isThin = false,
): Uint8Array {
  const header = (name: string, size: number): Buffer =>
    Buffer.from(
      `${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'644'.padEnd(8)}${`${size}`.padEnd(10)}\`\n`,
      'latin1',
    );
  const even = (bytes: Buffer): Buffer => (bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.from('\n')]));
  let longNames = '';
  const short = members.map(({ name }) => {
    if (name.length < 16) return `${name}/`;
    const at = longNames.length;
    longNames += `${name}/\n`;
    return `/${at}`;
  });
  const symbols = members.flatMap((m, i) => m.symbols.map((name) => ({ name, member: i })));
  const indexSize = 4 + symbols.length * 4 + symbols.reduce((sum, s) => sum + s.name.length + 1, 0);
  const long = longNames === '' ? [] : [even(Buffer.concat([header('//', longNames.length), Buffer.from(longNames)]))];
  let at = 8 + 60 + indexSize + (indexSize % 2) + long.reduce((sum, b) => sum + b.length, 0);
  const parts = members.map((m, i) => {
    const head = header(short[i]!, m.bytes.length);
    return isThin ? head : even(Buffer.concat([head, m.bytes]));
  });
  const starts = parts.map((part) => {
    const start = at;
    at += part.length;
    return start;
  });
  const index = Buffer.alloc(indexSize);
  index.writeUInt32BE(symbols.length, 0);
  let nameAt = 4 + symbols.length * 4;
  for (const [i, s] of symbols.entries()) {
    index.writeUInt32BE(starts[s.member]!, 4 + i * 4);
    nameAt += index.write(`${s.name}\0`, nameAt, 'latin1');
  }
  return Buffer.concat([
    Buffer.from(isThin ? '!<thin>\n' : '!<arch>\n'),
    even(Buffer.concat([header('/', indexSize), index])),
    ...long,
    ...parts,
  ]);
}
