import { variantSectionName } from './debug/sections.ts';
import {
  alignUp,
  EHDR_SIZE,
  PF_R,
  PF_W,
  PF_X,
  PHDR_SIZE,
  PT_DYNAMIC,
  PT_GNU_EH_FRAME,
  PT_GNU_PROPERTY,
  PT_GNU_RELRO,
  PT_GNU_STACK,
  PT_LOAD,
  PT_MVS,
  PT_NOTE,
  PT_TLS,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_GROUP,
  SHF_INFO_LINK,
  SHF_LINK_ORDER,
  SHF_MERGE,
  SHF_STRINGS,
  SHF_TLS,
  SHF_WRITE,
  SHT_FINI_ARRAY,
  SHT_INIT_ARRAY,
  SHT_NOBITS,
  SHT_NOTE,
  SHT_PREINIT_ARRAY,
  SHT_PROGBITS,
  TABLE_SPAN,
} from './elf.ts';
import type { LoadedInputs, VariantList } from './inputs.ts';
import { MergePool } from './merge.ts';
import type { LinkOptions } from './options.ts';
import type { Region, Segment, Synthetic } from './output.ts';
import { OutputSection } from './output.ts';
import type { InputSection } from './section.ts';
import { arrayPriority, outputName } from './section-names.ts';
import { isDebugInformation } from './variant-keys.ts';
import type { VariantPlan } from './variants.ts';
import type { Island } from './veneers.ts';
import type { Window } from './window.ts';

/** Pages of the host and of the emulated MMU; file offsets of segments are multiples of it. */
export const PAGE = 0x1000;

/** Where everything is. */
export interface Layout {
  /** In the order of the section header table, without the null section. */
  readonly sections: readonly OutputSection[];
  readonly segments: readonly Segment[];
  readonly byName: ReadonlyMap<string, OutputSection>;
  readonly window: Window | undefined;
  readonly tls: { readonly start: number; readonly size: number; readonly align: number } | undefined;
  readonly imageBase: number;
  readonly isPie: boolean;
  /** End of the last allocated byte that is not part of the window. */
  readonly end: number;
  /** Bytes of the file before the symbol table. */
  readonly fileEnd: number;
}

/** A synthetic content with the output section it goes to. */
export interface Placement {
  readonly section: string;
  readonly region: Region;
  readonly type: number;
  readonly flags: number;
  readonly entrySize?: number;
  readonly first?: boolean;
  readonly synthetic: Synthetic;
}

const REGION_ORDER: readonly Region[] = ['read', 'exec', 'window', 'relro', 'data', 'variant', 'file'];
/** Order inside the regions; what is not named stands at the place of ''. */
const SECTION_ORDER = [
  '.note.gnu.property',
  '.note.gnu.build-id',
  '.note.ABI-tag',
  '.genmeta',
  '.melf',
  '.gnu.hash',
  '.dynsym',
  '.dynstr',
  '.rela.dyn',
  '.rela.plt',
  '.rodata',
  '',
  '.gcc_except_table',
  '.eh_frame_hdr',
  '.eh_frame',
  '.init',
  '.plt',
  '.text',
  '.fini',
  '.tdata',
  '.tbss',
  '.preinit_array',
  '.init_array',
  '.fini_array',
  '.ctors',
  '.dtors',
  '.data.rel.ro',
  '.dynamic',
  '.got',
  '.data',
  '.bss',
];

/** Assemblers leave these without their type, and old lists of constructors never had it. */
const ARRAY_TYPES: Readonly<Record<string, number>> = {
  '.preinit_array': SHT_PREINIT_ARRAY,
  '.init_array': SHT_INIT_ARRAY,
  '.fini_array': SHT_FINI_ARRAY,
};

/** Whose members stand in the order of their priorities. */
const SORTED: ReadonlySet<string> = new Set(['.preinit_array', '.init_array', '.fini_array', '.ctors', '.dtors']);

/** Decides the address and the file offset of everything that is live. */
export function layOut(
  inputs: LoadedInputs,
  options: LinkOptions,
  plan: VariantPlan,
  window: Window | undefined,
  placements: readonly Placement[],
  maxPage: number,
  islands: readonly Island[] = [],
): Layout {
  const builder = new Builder(options, plan.variants, window, maxPage);
  builder.collect(inputs, placements, islands);
  builder.addWindow(plan.variants.names.length);
  return builder.assign();
}

class Builder {
  readonly #options: LinkOptions;
  readonly #variants: VariantList;
  readonly #window: Window | undefined;
  readonly #maxPage: number;
  readonly #isPie: boolean;
  readonly #byName = new Map<string, OutputSection>();
  #sections: OutputSection[] = [];
  readonly #segments: Segment[] = [];

  constructor(options: LinkOptions, variants: VariantList, window: Window | undefined, maxPage: number) {
    this.#options = options;
    this.#variants = variants;
    this.#window = window;
    this.#maxPage = maxPage;
    this.#isPie = options.pie === true;
  }

  collect(inputs: LoadedInputs, placements: readonly Placement[], islands: readonly Island[]): void {
    const islandBefore = new Map(islands.map(({ before, synthetic }) => [before, synthetic]));
    for (const p of placements) if (p.first === true) this.#place(p);
    const pools = new Map<string, MergePool>();
    const arrays: InputSection[] = [];
    for (const file of inputs.objects) {
      for (const section of file.sections) {
        if (section?.live !== true || section.fate !== 'keep' || section.slot !== undefined) continue;
        const common = outputName(section);
        if (common === undefined || this.#isStripped(section)) continue;
        const name = this.#nameFor(section, common);
        section.outputName = name;
        if (section.pieces !== undefined) this.#addPieces(name, section, pools);
        else if (SORTED.has(name)) arrays.push(section);
        else {
          if (islands.length > 0) this.#addIsland(islandBefore.get(section));
          this.#add(name, section);
        }
      }
    }
    this.#addIsland(islandBefore.get(undefined));
    // Lower numbers run first; a section without one runs last (GNU ld manual, SORT_BY_INIT_PRIORITY).
    arrays.sort((a, b) => arrayPriority(a) - arrayPriority(b));
    for (const section of arrays) this.#add(section.outputName, section);
    for (const p of placements) if (p.first !== true) this.#place(p);
  }

  /** Stock tools read the debug information of common code and of the default variant, and pass over names that they do not know. */
  #nameFor(section: InputSection, common: string): string {
    const { variant } = section.file;
    if (variant <= this.#variants.defaultIndex || !isDebugInformation(section)) return common;
    return variantSectionName(common, this.#variants.names[variant]!);
  }

  #isStripped(section: InputSection): boolean {
    if (section.isAlloc) return false;
    const debug = /^\.(z?debug_|gdb_index|line|stab)/.test(section.name);
    return this.#options.stripAll === true || (this.#options.stripDebug === true && debug);
  }

  #output(name: string, region: Region, type: number, flags: number): OutputSection {
    let out = this.#byName.get(name);
    if (out === undefined) {
      out = new OutputSection(name, region, type, flags);
      this.#byName.set(name, out);
      this.#sections.push(out);
    }
    return out;
  }

  #add(name: string, section: InputSection): void {
    const out = this.#outputFor(name, section);
    out.add(section, section.align);
  }

  #addIsland(island: Synthetic | undefined): void {
    if (island !== undefined) this.#byName.get('.text')!.add(island, island.align);
  }

  #outputFor(name: string, section: InputSection): OutputSection {
    const dropped = SHF_GROUP | SHF_LINK_ORDER | SHF_INFO_LINK | SHF_MERGE | SHF_STRINGS;
    const flags = section.flags & 0x7ff & ~dropped;
    const out = this.#output(name, regionOf(section), ARRAY_TYPES[name] ?? section.type, flags);
    out.flags |= flags & (SHF_WRITE | SHF_EXECINSTR);
    if (out.type === SHT_NOBITS && section.type !== SHT_NOBITS) out.type = section.type;
    if (out.type !== section.type && section.type !== SHT_NOBITS && ARRAY_TYPES[name] === undefined) {
      out.type =
        out.type === SHT_NOTE || section.type === SHT_NOTE || out.type < SHT_INIT_ARRAY ? SHT_PROGBITS : out.type;
    }
    return out;
  }

  #addPieces(name: string, section: InputSection, pools: Map<string, MergePool>): void {
    const pieces = section.pieces!;
    const id = `${name}\0${section.entrySize}\0${section.align}\0${pieces.strings}`;
    let pool = pools.get(id);
    if (pool === undefined) {
      pool = new MergePool(section.align, section.flags);
      pools.set(id, pool);
      this.#outputFor(name, section).add(pool, section.align);
    }
    pool.add(pieces);
  }

  #place(p: Placement): void {
    const out = this.#output(p.section, p.region, p.type, p.flags);
    if (p.entrySize !== undefined) out.entrySize = p.entrySize;
    out.add(p.synthetic, p.synthetic.align);
  }

  addWindow(variants: number): void {
    if (this.#window === undefined) return;
    for (let v = 0; v < variants; v++) {
      // Not allocated at start: debuggers then see one section at the window's addresses, the default variant's.
      const flags = v === 0 ? SHF_ALLOC | SHF_EXECINSTR : SHF_EXECINSTR;
      const out = new OutputSection(`.gen${v}`, v === 0 ? 'window' : 'variant', SHT_PROGBITS, flags, v);
      out.size = this.#window.size;
      // strip and objcopy give a section that is not allocated another place: this keeps them to the one that it has.
      out.align = v === 0 ? PAGE : this.#maxPage;
      this.#byName.set(out.name, out);
      this.#sections.push(out);
    }
  }

  assign(): Layout {
    this.#sort();
    for (const out of this.#sections) if (out.variant < 0) sizeSection(out);
    this.#sections = this.#sections.filter((s) => s.size > 0 || s.chunks.length > 0);
    const imageBase = this.#options.imageBase ?? (this.#isPie ? 0 : 0x400000);
    const phdrCount = this.#countSegments();
    let offset = EHDR_SIZE + phdrCount * PHDR_SIZE;
    let va = imageBase + offset;
    let end = va;
    let tls: { start: number; size: number; align: number } | undefined;
    for (const region of REGION_ORDER) {
      const members = this.#sections.filter((s) => s.region === region);
      if (members.length === 0 && region !== 'read') continue;
      if (region === 'variant') {
        for (const out of members) {
          offset = alignUp(offset, this.#maxPage);
          out.offset = offset;
          out.va = this.#window!.va;
          offset += out.size;
        }
        continue;
      }
      if (region === 'file') {
        for (const out of members) {
          offset = alignUp(offset, out.align);
          out.offset = offset;
          placeChunks(out);
          offset += out.size;
        }
        continue;
      }
      if (region === 'window') {
        offset = alignUp(offset, this.#maxPage);
        va = alignUp(end, TABLE_SPAN);
        this.#window!.place(va);
        const [out] = members;
        out!.offset = offset;
        out!.va = va;
        this.#segments.push(load(PF_R | PF_X, offset, va, out!.size, out!.size, this.#maxPage));
        offset += out!.size;
        // No page outside the window may share a last-level page table with it: views replace whole tables.
        end = alignUp(va + out!.size, TABLE_SPAN);
        va = end;
        continue;
      }
      const start = { offset, va };
      if (region !== 'read') {
        offset = alignUp(offset, PAGE);
        va = alignUp(end, this.#maxPage) + (offset % this.#maxPage);
        start.offset = offset;
        start.va = va;
      } else {
        start.offset = 0;
        start.va = imageBase;
      }
      let fileEnd = offset;
      let tlsEnd = 0;
      for (const out of members) {
        const isTls = (out.flags & SHF_TLS) !== 0;
        if (isTls && tls === undefined) {
          const align = Math.max(...members.filter((s) => (s.flags & SHF_TLS) !== 0).map((s) => s.align));
          va = alignUp(va, align);
          tls = { start: va, size: 0, align };
          tlsEnd = va;
        }
        const at = alignUp(isTls && out.type === SHT_NOBITS ? Math.max(va, tlsEnd) : va, out.align);
        out.va = at;
        out.offset = start.offset + (at - start.va);
        placeChunks(out);
        if (isTls && tls !== undefined) {
          tlsEnd = at + out.size;
          tls.size = tlsEnd - tls.start;
        }
        // .tbss takes no address space: its addresses are a template's.
        if (!(isTls && out.type === SHT_NOBITS)) va = at + out.size;
        if (out.type !== SHT_NOBITS) fileEnd = out.offset + out.size;
      }
      offset = Math.max(fileEnd, start.offset);
      const flags = region === 'read' ? PF_R : region === 'exec' ? PF_R | PF_X : PF_R | PF_W;
      if (region === 'relro') {
        va = alignUp(va, this.#maxPage);
        const size = va - start.va;
        this.#segments.push(load(flags, start.offset, start.va, offset - start.offset, size, this.#maxPage));
        if (this.#options.relro !== false) {
          this.#segments.push({ ...this.#segments.at(-1)!, type: PT_GNU_RELRO, flags: PF_R, align: 1 });
        }
      } else {
        const align = region === 'read' ? this.#baseAlign : this.#maxPage;
        this.#segments.push(load(flags, start.offset, start.va, offset - start.offset, va - start.va, align));
      }
      end = va;
    }
    this.#finishSegments(tls);
    if (this.#segments.length !== phdrCount) {
      throw new Error(`layout counted ${phdrCount} segments and made ${this.#segments.length}`);
    }
    for (const [i, out] of this.#sections.entries()) out.index = i + 1;
    return {
      sections: this.#sections,
      segments: this.#segments,
      byName: this.#byName,
      window: this.#window,
      tls,
      imageBase,
      isPie: this.#isPie,
      end,
      fileEnd: offset,
    };
  }

  /** Loaders align a position-independent image for its strictest segment: then the window keeps its page tables to itself. */
  get #baseAlign(): number {
    return this.#isPie && this.#window !== undefined ? TABLE_SPAN : this.#maxPage;
  }

  #sort(): void {
    const order = new Map(SECTION_ORDER.map((name, i) => [name, i]));
    const other = order.get('')!;
    const key = (s: OutputSection): number => {
      const base = REGION_ORDER.indexOf(s.region) * 1000;
      if (s.region === 'file' || s.variant >= 0) return base;
      // All of .data's neighbours that have bytes come before those that have none.
      const rank =
        order.get(s.name) ??
        (s.region === 'data'
          ? order.get('.data')!
          : s.region === 'relro'
            ? order.get('.data.rel.ro')!
            : s.region === 'exec'
              ? order.get('.text')!
              : other);
      const nobits = s.type === SHT_NOBITS && (s.flags & SHF_TLS) === 0 ? 500 : 0;
      return base + rank + nobits;
    };
    const keys = new Map(this.#sections.map((s) => [s, key(s)]));
    this.#sections = this.#sections
      .map((s, i) => ({ s, i }))
      .sort((a, b) => keys.get(a.s)! - keys.get(b.s)! || a.i - b.i)
      .map(({ s }) => s);
  }

  #countSegments(): number {
    const regions = new Set(this.#sections.map((s) => s.region));
    regions.add('read');
    let count = 0;
    for (const region of ['read', 'exec', 'window', 'data'] as const) if (regions.has(region)) count++;
    if (regions.has('relro')) count += this.#options.relro === false ? 1 : 2;
    count += this.#sections.filter((s) => s.region === 'variant').length;
    if (this.#sections.some((s) => (s.flags & SHF_TLS) !== 0)) count++;
    count += this.#noteSections().length;
    if (this.#byName.get('.eh_frame_hdr') !== undefined) count++;
    if (this.#byName.has('.dynamic')) count++;
    if (this.#byName.has('.note.gnu.property')) count++;
    return count + 1;
  }

  #noteSections(): OutputSection[] {
    return this.#sections.filter((s) => s.type === SHT_NOTE && s.region === 'read');
  }

  #finishSegments(tls: { start: number; size: number; align: number } | undefined): void {
    for (const out of this.#sections) {
      if (out.region !== 'variant') continue;
      this.#segments.push({
        ...load(PF_R | PF_X, out.offset, out.va, out.size, out.size, this.#maxPage),
        type: PT_MVS,
      });
    }
    for (const out of this.#noteSections()) {
      this.#segments.push({ ...load(PF_R, out.offset, out.va, out.size, out.size, out.align), type: PT_NOTE });
    }
    if (tls !== undefined) {
      const first = this.#sections.find((s) => (s.flags & SHF_TLS) !== 0)!;
      const data = this.#sections.filter((s) => (s.flags & SHF_TLS) !== 0 && s.type !== SHT_NOBITS);
      const last = data.at(-1);
      const fileSize = last === undefined ? 0 : last.offset + last.size - first.offset;
      const segment = load(PF_R, first.offset, tls.start, fileSize, tls.size, tls.align);
      this.#segments.push({ ...segment, type: PT_TLS });
    }
    const header = this.#byName.get('.eh_frame_hdr');
    if (header !== undefined) {
      const segment = load(PF_R, header.offset, header.va, header.size, header.size, 4);
      this.#segments.push({ ...segment, type: PT_GNU_EH_FRAME });
    }
    const property = this.#byName.get('.note.gnu.property');
    if (property !== undefined) {
      const segment = load(PF_R, property.offset, property.va, property.size, property.size, 8);
      this.#segments.push({ ...segment, type: PT_GNU_PROPERTY });
    }
    const dynamic = this.#byName.get('.dynamic');
    if (dynamic !== undefined) {
      const segment = load(PF_R | PF_W, dynamic.offset, dynamic.va, dynamic.size, dynamic.size, 8);
      this.#segments.push({ ...segment, type: PT_DYNAMIC });
    }
    const stack = PF_R | PF_W | (this.#options.executableStack === true ? PF_X : 0);
    this.#segments.push({ ...load(stack, 0, 0, 0, this.#options.stackSize ?? 0, 16), type: PT_GNU_STACK });
  }
}

function regionOf(section: InputSection): Region {
  if (!section.isAlloc) return 'file';
  if (section.isExec) return section.isWritable ? 'data' : 'exec';
  if (!section.isWritable) return 'read';
  if (section.isTls || /^\.(data\.rel\.ro|(preinit|init|fini)_array|[cd]tors)(\.|$)/.test(section.name)) return 'relro';
  return 'data';
}

function sizeSection(out: OutputSection): void {
  let size = 0;
  for (const chunk of out.chunks) {
    chunk.offset = alignUp(size, chunk.align);
    size = chunk.offset + chunk.content.size;
  }
  out.size = size;
}

function placeChunks(out: OutputSection): void {
  for (const { content, offset } of out.chunks) content.va = out.va + offset;
}

function load(flags: number, offset: number, va: number, fileSize: number, memorySize: number, align: number): Segment {
  return { type: PT_LOAD, flags, offset, va, fileSize, memorySize, align };
}
