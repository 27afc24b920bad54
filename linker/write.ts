import { createHash } from 'node:crypto';
import type { Addresses } from './addresses.ts';
import { linkDynamicSections } from './dynamic.ts';
import {
  alignUp,
  EHDR_SIZE,
  ET_DYN,
  ET_EXEC,
  PHDR_SIZE,
  SHDR_SIZE,
  SHT_NOBITS,
  SHT_STRTAB,
  SHT_SYMTAB,
  SYM_SIZE,
  writeU64,
} from './elf.ts';
import type { Diagnostics } from './errors.ts';
import { LinkError } from './errors.ts';
import type { Layout } from './layout.ts';
import type { MelfBody } from './melf-format.ts';
import { BODY_FILLED, BODY_THUNK } from './melf-format.ts';
import type { OutputSection } from './output.ts';
import type { RelocationBackend } from './relocation/backend.ts';
import type { InputSection } from './section.ts';
import type { SymbolTableBytes } from './symbol-table.ts';
import { StringTableBuilder } from './symbol-table.ts';
import type { Slot } from './variants.ts';

/** Everything that the last phase needs. */
export interface WriteInput {
  readonly layout: Layout;
  readonly addresses: Addresses;
  readonly backend: RelocationBackend;
  readonly machine: number;
  readonly entry: number;
  readonly symbols: SymbolTableBytes | undefined;
  readonly diagnostics: Diagnostics;
}

/** The file, and what it holds of each multivariant function. */
export interface Written {
  readonly bytes: Uint8Array;
  readonly bodies: ReadonlyMap<Slot, readonly MelfBody[]>;
}

/** Writes headers, section contents with their relocations applied, the window of each variant and the symbol table. */
export function writeFile(input: WriteInput): Written {
  const { layout, symbols } = input;
  const extra = symbols === undefined ? 0 : symbols.symtab.length + symbols.strtab.length;
  const names = new StringTableBuilder();
  const all = [...layout.sections];
  for (const s of all) names.add(s.name);
  for (const name of ['.symtab', '.strtab', '.shstrtab']) names.add(name);
  const shstrtab = names.bytes();
  const capacity = layout.fileEnd + extra + shstrtab.length + (all.length + 4) * SHDR_SIZE + 64;
  if (capacity > 0x7fffffff) {
    throw new LinkError('link.too-large', `the output would have ${capacity} bytes; at most 2 GiB can be written`);
  }
  const out = new Uint8Array(capacity);

  const bodies = new Map<Slot, MelfBody[]>();
  for (const section of layout.sections) {
    if (section.variant >= 0) writeWindow(input, section, out, bodies);
    else if (section.type !== SHT_NOBITS) writeSection(input, section, out);
  }

  let end = layout.fileEnd;
  const append = (name: string, type: number, bytes: Uint8Array, align: number): OutputSection => {
    end = alignUp(end, align);
    out.set(bytes, end);
    const section = {
      name,
      type,
      flags: 0,
      va: 0,
      offset: end,
      size: bytes.length,
      align,
      entrySize: 0,
      link: 0,
      info: 0,
    };
    end += bytes.length;
    all.push(section as OutputSection);
    return section as OutputSection;
  };
  if (symbols !== undefined) {
    const symtab = append('.symtab', SHT_SYMTAB, symbols.symtab, 8);
    symtab.entrySize = SYM_SIZE;
    symtab.info = symbols.firstGlobal;
    append('.strtab', SHT_STRTAB, symbols.strtab, 1);
    symtab.link = all.length;
    const rela = layout.byName.get('.rela.plt');
    if (rela !== undefined) {
      rela.link = all.length - 1;
      rela.info = layout.byName.get('.got')!.index;
      rela.flags |= 0x40;
    }
  }
  linkDynamicSections(layout);
  append('.shstrtab', SHT_STRTAB, shstrtab, 1);
  const shoff = alignUp(end, 8);
  writeSectionHeaders(out, shoff, all, names);
  writeHeaders(input, out, shoff, all.length + 1);
  return { bytes: out.subarray(0, shoff + (all.length + 1) * SHDR_SIZE), bodies };
}

function writeSection(input: WriteInput, section: OutputSection, out: Uint8Array): void {
  const { backend } = input;
  const isCode = section.region === 'exec';
  let filled = 0;
  for (const chunk of section.chunks) {
    const at = section.offset + chunk.offset;
    if (isCode && chunk.offset > filled) {
      // .init and .fini are run through from the first chunk to the last; elsewhere a gap is never reached.
      const runThrough = section.name === '.init' || section.name === '.fini';
      if (runThrough) backend.fillNop(out, section.offset + filled, at);
      else backend.fillTrap(out, section.offset + filled, at);
    }
    const { content } = chunk;
    filled = chunk.offset + content.size;
    if ('write' in content) content.write(out, at);
    else writeBody(input, content, out, at, section.va + chunk.offset);
  }
}

function writeBody(input: WriteInput, section: InputSection, out: Uint8Array, at: number, va: number): void {
  if (section.type !== SHT_NOBITS) section.copy(out, at, 0, section.size);
  const { first, last } = section.relocations;
  if (last > first) input.backend.apply(section, out, at, va, input.addresses, first, last);
}

function writeWindow(input: WriteInput, section: OutputSection, out: Uint8Array, bodies: Map<Slot, MelfBody[]>): void {
  const { layout, backend, addresses, diagnostics } = input;
  const window = layout.window!;
  backend.fillTrap(out, section.offset, section.offset + section.size);
  writeU64(
    new DataView(out.buffer, out.byteOffset, out.byteLength),
    section.offset + window.markerOffset,
    section.variant,
  );
  for (const slot of window.slots) {
    const body = slot.bodies[section.variant]!;
    const at = section.offset + window.offsetOf(slot);
    let size = 0;
    let flags = body.from === section.variant ? 0 : BODY_FILLED;
    if (body.section !== undefined) {
      writeBody(input, body.section, out, at, slot.va);
      size = body.section.size;
    } else if (body.thunk !== undefined) {
      const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
      if (!backend.writeJump(view, at, slot.va, addresses.symbolAddress(body.thunk))) {
        diagnostics.error('link.thunk-range', `a jump from ${slot.name} to ${body.thunk.name} does not reach`);
      }
      size = backend.maxPage === 0x1000 ? 5 : 4;
      flags |= BODY_THUNK;
    }
    const hash = createHash('sha256')
      .update(out.subarray(at, at + size))
      .digest('hex')
      .slice(0, 16);
    let list = bodies.get(slot);
    if (list === undefined) {
      list = [];
      bodies.set(slot, list);
    }
    list[section.variant] = { size, hash, source: body.from, flags };
  }
}

function writeSectionHeaders(
  out: Uint8Array,
  shoff: number,
  sections: readonly OutputSection[],
  names: StringTableBuilder,
): void {
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
  for (const [i, s] of sections.entries()) {
    const at = shoff + (i + 1) * SHDR_SIZE;
    view.setUint32(at, names.add(s.name), true);
    view.setUint32(at + 4, s.type, true);
    writeU64(view, at + 8, s.flags);
    writeU64(view, at + 16, s.region === 'file' ? 0 : s.va);
    writeU64(view, at + 24, s.offset);
    writeU64(view, at + 32, s.size);
    view.setUint32(at + 40, s.link, true);
    view.setUint32(at + 44, s.info, true);
    writeU64(view, at + 48, s.align);
    writeU64(view, at + 56, s.entrySize);
  }
}

function writeHeaders(input: WriteInput, out: Uint8Array, shoff: number, shnum: number): void {
  const { layout, machine, entry } = input;
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
  out.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0]);
  // Ifuncs make a file that needs GNU's start-up code (gABI: ELFOSABI_GNU).
  if (layout.byName.has('.plt')) out[7] = 3;
  view.setUint16(16, layout.isPie ? ET_DYN : ET_EXEC, true);
  view.setUint16(18, machine, true);
  view.setUint32(20, 1, true);
  writeU64(view, 24, entry);
  writeU64(view, 32, EHDR_SIZE);
  writeU64(view, 40, shoff);
  view.setUint16(52, EHDR_SIZE, true);
  view.setUint16(54, PHDR_SIZE, true);
  view.setUint16(56, layout.segments.length, true);
  view.setUint16(58, SHDR_SIZE, true);
  view.setUint16(60, shnum, true);
  view.setUint16(62, shnum - 1, true);
  for (const [i, p] of layout.segments.entries()) {
    const at = EHDR_SIZE + i * PHDR_SIZE;
    view.setUint32(at, p.type, true);
    view.setUint32(at + 4, p.flags, true);
    writeU64(view, at + 8, p.offset);
    writeU64(view, at + 16, p.va);
    writeU64(view, at + 24, p.va);
    writeU64(view, at + 32, p.fileSize);
    writeU64(view, at + 40, p.memorySize);
    writeU64(view, at + 48, p.align);
  }
}
