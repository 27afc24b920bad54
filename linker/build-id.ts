// The build id: a note by which a program and its debug information find each other (ld(1), `--build-id`).

import { createHash } from 'node:crypto';
import { alignUp, SHF_ALLOC, SHT_NOTE } from './elf.ts';
import type { Layout, Placement } from './layout.ts';
import type { Finished } from './synthetic.ts';
import { synthetic } from './synthetic.ts';

/** A kind of id that is made of the file, or the id itself. */
export type BuildId = 'sha1' | 'md5' | 'uuid' | Uint8Array;

const SECTION = '.note.gnu.build-id';
const NT_GNU_BUILD_ID = 3;
const NOTE_HEADER = 16;
const SIZES = { sha1: 20, md5: 16, uuid: 16 } as const;

/** What follows `--build-id=`: a kind, or bytes in hexadecimal, which `-` and `:` may separate; undefined for anything else. */
export function parseBuildId(text: string): BuildId | undefined {
  if (text === 'sha1' || text === 'md5' || text === 'uuid') return text;
  if (!/^0[xX]([0-9a-fA-F]{2}[-:]*)+$/.test(text)) return undefined;
  return Buffer.from(text.slice(2).replace(/[-:]/g, ''), 'hex');
}

/** The note, whose id is filled in when everything else is written. */
export function buildIdPlacement(id: BuildId, finished: Finished): Placement {
  const size = typeof id === 'string' ? SIZES[id] : id.length;
  const note = synthetic('build-id', NOTE_HEADER + alignUp(size, 4), 4, finished, (out, offset) => {
    const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
    view.setUint32(offset, 4, true);
    view.setUint32(offset + 4, size, true);
    view.setUint32(offset + 8, NT_GNU_BUILD_ID, true);
    out.set(Buffer.from('GNU\0', 'latin1'), offset + 12);
  });
  return { section: SECTION, region: 'read', type: SHT_NOTE, flags: SHF_ALLOC, first: true, synthetic: note };
}

/** Fills the note of a finished file in. */
export function writeBuildId(id: BuildId, layout: Layout, file: Uint8Array): void {
  const note = layout.byName.get(SECTION);
  if (note !== undefined) file.set(typeof id === 'string' ? made(id, file) : id, note.offset + NOTE_HEADER);
}

/** All are hashes over the whole file: equal files, equal ids. GNU ld takes random bytes for a UUID, which would make each link another. */
function made(kind: keyof typeof SIZES, file: Uint8Array): Uint8Array {
  if (kind !== 'uuid') return createHash(kind).update(file).digest();
  const bytes = createHash('sha256').update(file).digest().subarray(0, SIZES.uuid);
  // RFC 9562, section 5.8: version 8 says that the bits are the maker's own.
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes;
}
