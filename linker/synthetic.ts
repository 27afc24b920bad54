import type { Addresses } from './addresses.ts';
import { RELA_SIZE, SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE, SHT_PROGBITS, SHT_RELA, writeU64 } from './elf.ts';
import type { FrameTable } from './frame-table.ts';
import { writeFrameHeader } from './frame-table.ts';
import type { VariantList } from './inputs.ts';
import type { Placement } from './layout.ts';
import { melfSize } from './melf-format.ts';
import { melfStrings } from './melf-writer.ts';
import type { Synthetic } from './output.ts';
import type { RelocationBackend } from './relocation/backend.ts';
import type { LinkTables } from './tables.ts';
import type { Window } from './window.ts';

/** What the writers of synthetic content need once layout is done. */
export interface Finished {
  addresses: Addresses | undefined;
}

type Write = (out: Uint8Array, offset: number, addresses: Addresses, self: Synthetic) => void;

export function synthetic(name: string, size: number, align: number, finished: Finished, write: Write): Synthetic {
  return {
    name,
    size,
    align,
    va: 0,
    write(out, offset) {
      if (finished.addresses === undefined) throw new Error(`${name} is written before layout`);
      write(out, offset, finished.addresses, this);
    },
  };
}

const viewOf = (out: Uint8Array): DataView => new DataView(out.buffer, out.byteOffset, out.byteLength);

/** The GOT, and iplt entries with their IRELATIVE relocations for ifuncs (start-up code applies those). */
export function tablePlacements(
  tables: LinkTables,
  backend: RelocationBackend,
  finished: Finished,
  isPie: boolean,
): Placement[] {
  const result: Placement[] = [];
  const { got, tlsGot, ifuncs } = tables;
  const gotSynthetic = synthetic('got', tables.gotEntries * 8, 8, finished, (out, offset, addresses) => {
    const view = viewOf(out);
    const first = offset + tables.gotHeader * 8;
    if (tables.gotHeader > 0) writeU64(view, offset, addresses.dynamicVa);
    for (const [i, s] of got.entries()) writeU64(view, first + i * 8, addresses.target(s, 0));
    for (const s of tlsGot) {
      const at = addresses.tlsGotAddress(s) - addresses.gotBase + offset;
      writeU64(view, at, addresses.target(s, 0) + addresses.tlsToThreadPointer);
    }
    for (const [i, s] of ifuncs.entries()) {
      writeU64(view, addresses.ifuncSlot(i) - addresses.gotBase + offset, addresses.definitionAddress(s));
    }
  });
  if (tables.gotEntries > 0) {
    const flags = SHF_ALLOC | SHF_WRITE;
    result.push({ section: '.got', region: 'relro', type: SHT_PROGBITS, flags, entrySize: 8, synthetic: gotSynthetic });
  }
  if (ifuncs.length === 0) return result;
  const exec = SHF_ALLOC | SHF_EXECINSTR;
  const iplt = synthetic(
    'iplt',
    ifuncs.length * backend.ipltEntrySize,
    16,
    finished,
    (out, offset, addresses, self) => {
      for (let i = 0; i < ifuncs.length; i++) {
        const at = i * backend.ipltEntrySize;
        backend.writeIplt(viewOf(out), offset + at, self.va + at, addresses.ifuncSlot(i));
      }
    },
  );
  result.push({ section: '.plt', region: 'exec', type: SHT_PROGBITS, flags: exec, entrySize: 16, synthetic: iplt });
  // A self-relocating program does these with its others.
  if (isPie) return result;
  const rela = synthetic('rela.iplt', ifuncs.length * RELA_SIZE, 8, finished, (out, offset, addresses) => {
    const view = viewOf(out);
    for (const [i, s] of ifuncs.entries()) {
      const at = offset + i * RELA_SIZE;
      writeU64(view, at, addresses.ifuncSlot(i));
      view.setUint32(at + 8, backend.irelativeType, true);
      view.setUint32(at + 12, 0, true);
      writeU64(view, at + 16, addresses.definitionAddress(s));
    }
  });
  result.push({
    section: '.rela.plt',
    region: 'read',
    type: SHT_RELA,
    flags: SHF_ALLOC,
    entrySize: RELA_SIZE,
    synthetic: rela,
  });
  return result;
}

/** `.eh_frame` with its search table, for what is mapped at start and for each other variant. */
export function framePlacements(
  frames: readonly FrameTable[],
  variants: VariantList,
  backend: RelocationBackend,
  finished: Finished,
): Placement[] {
  const result: Placement[] = [];
  for (const [v, table] of frames.entries()) {
    if (table.fdeCount === 0) continue;
    const suffix = v === 0 ? '' : `.${variants.names[v]}`;
    const header = synthetic('eh_frame_hdr', table.headerSize, 4, finished, (out, offset, addresses, self) => {
      table.va = body.va;
      writeFrameHeader(viewOf(out), offset, self.va, table, addresses);
    });
    const body = synthetic('eh_frame', table.size, 8, finished, (out, offset, addresses, self) => {
      table.va = self.va;
      table.write(out, offset, addresses, backend);
    });
    const place = (section: string, content: Synthetic): Placement => ({
      section: `${section}${suffix}`,
      region: 'read',
      type: SHT_PROGBITS,
      flags: SHF_ALLOC,
      synthetic: content,
    });
    result.push(place('.eh_frame_hdr', header), place('.eh_frame', body));
  }
  return result;
}

/** Space for `.genmeta` and `.melf`; their bytes need hashes of the finished window and are written last. */
export function metadataPlacements(
  variants: VariantList,
  window: Window | undefined,
  buildFlags: string,
  finished: Finished,
  isPie: boolean,
): Placement[] {
  if (variants.names.length === 0) return [];
  const specs = variants.names.map((name, i) => ({ name, flags: variants.flags[i]! }));
  const slots = window?.slots ?? [];
  const strings = melfStrings(specs, slots, buildFlags);
  const size = melfSize(specs.length, slots.length, window?.groups.length ?? 0, strings.size);
  const later = (name: string, bytes: number, align: number, relocated: boolean): Placement => ({
    section: name,
    region: relocated ? 'relro' : 'read',
    type: SHT_PROGBITS,
    flags: relocated ? SHF_ALLOC | SHF_WRITE : SHF_ALLOC,
    synthetic: synthetic(name, bytes, align, finished, () => undefined),
  });
  return [later('.genmeta', 32 + 8 * specs.length, 16, isPie), later('.melf', size, 16, false)];
}
