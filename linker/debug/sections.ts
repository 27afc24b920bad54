import { decompress } from '../compressed-section.ts';
import { SHF_ALLOC, SHF_COMPRESSED } from '../elf.ts';
import { InputError } from '../errors.ts';
import type { MelfFile } from '../melf-reader.ts';

const NAMES = [
  'info',
  'abbrev',
  'line',
  'str',
  'line_str',
  'ranges',
  'rnglists',
  'addr',
  'str_offsets',
  'types',
] as const;

/** The debug information of one variant, section by section, decompressed. */
export type DebugSections = Readonly<Partial<Record<(typeof NAMES)[number], Uint8Array>>>;

/** Section of another variant: stock tools know the name without the variant's only. (`.debug_info.dwo` they would know, too.) */
export function variantSectionName(section: string, variant: string): string {
  return `${section}@${variant}`;
}

/** Debug information of a variant (undefined: of common code and the default variant). @throws InputError */
export function readDebugSections(file: MelfFile, variant: string | undefined, path: string): DebugSections {
  const found: Partial<Record<(typeof NAMES)[number], Uint8Array>> = {};
  for (const key of NAMES) {
    const plain = `.debug_${key}`;
    const name = variant === undefined ? plain : variantSectionName(plain, variant);
    const section = file.sections.find((s) => s.name === name && (s.flags & SHF_ALLOC) === 0);
    if (section === undefined || section.size === 0) continue;
    const bytes = file.bytes.subarray(section.offset, section.offset + section.size);
    if ((section.flags & SHF_COMPRESSED) === 0) {
      found[key] = bytes;
      continue;
    }
    const unpacked = decompress(bytes);
    if ('kind' in unpacked) {
      throw new InputError(`debug.${unpacked.kind}`, path, `${name} ${unpacked.message}`, unpacked.hint);
    }
    found[key] = unpacked.data;
  }
  return found;
}
