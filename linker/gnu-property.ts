// What all code of a program can do, from the notes of its objects (Linux extensions to gABI, ".note.gnu.property").

import { alignUp, readU64, SHF_ALLOC, SHT_NOTE } from './elf.ts';
import { InputError } from './errors.ts';
import type { LoadedInputs } from './inputs.ts';
import type { Placement } from './layout.ts';
import type { InputSection } from './section.ts';
import type { Finished } from './synthetic.ts';
import { synthetic } from './synthetic.ts';

const PROPERTY_SECTION = '.note.gnu.property';

const NT_GNU_PROPERTY_TYPE_0 = 5;
const NOTE_HEADER = 16;
const STACK_SIZE = 1;
const NO_COPY_ON_PROTECTED = 2;
/** IBT (x86-64) and BTI (AArch64): every place that is branched to indirectly has a landing pad. */
const LANDING_PADS = 1;
const X86_FEATURE_1_AND = 0xc0000002;
const AARCH64_FEATURE_1_AND = 0xc0000000;

type Rule = 'and' | 'or' | 'or-if-all' | 'max' | 'any';

/** How properties of one type meet; undefined for types that are not known, which say nothing of the whole. */
function ruleOf(type: number, isX86: boolean): Rule | undefined {
  if (type === STACK_SIZE) return 'max';
  if (type === NO_COPY_ON_PROTECTED) return 'any';
  if (type >= 0xb0000000 && type <= 0xb0007fff) return 'and';
  if (type >= 0xb0008000 && type <= 0xb000ffff) return 'or';
  if (!isX86) return type === AARCH64_FEATURE_1_AND ? 'and' : undefined;
  if (type >= 0xc0000002 && type <= 0xc0007fff) return 'and';
  if (type >= 0xc0008000 && type <= 0xc000ffff) return 'or';
  if (type >= 0xc0010000 && type <= 0xc0017fff) return 'or-if-all';
  return undefined;
}

/** Properties of one object, or of all. */
type Properties = Map<number, number>;

/**
 * The properties of the program: all objects of all variants count, since any variant may run.
 * @param hasThunks slots that hold only a jump have no landing pad
 */
export function mergeProperties(inputs: LoadedInputs, hasThunks: boolean): Properties {
  const isX86 = inputs.isa === 'x86-64';
  const lists = inputs.objects.map((file) => readProperties(file.sections.filter((s) => s?.name === PROPERTY_SECTION)));
  const result: Properties = new Map();
  for (const type of new Set(lists.flatMap((list) => [...list.keys()]))) {
    const rule = ruleOf(type, isX86);
    const values = lists.flatMap((list) => list.get(type) ?? []);
    const inAll = values.length === lists.length;
    if (rule === undefined || (!inAll && (rule === 'and' || rule === 'or-if-all'))) continue;
    let value = values.reduce((a, b) => (rule === 'and' ? a & b : rule === 'max' ? Math.max(a, b) : a | b));
    if (rule !== 'max') value >>>= 0;
    if (hasThunks && type === (isX86 ? X86_FEATURE_1_AND : AARCH64_FEATURE_1_AND)) value &= ~LANDING_PADS;
    // A set of nothing is not written, but for the property that is its own presence.
    if (value !== 0 || rule === 'any') result.set(type, value);
  }
  return result;
}

function readProperties(sections: readonly (InputSection | undefined)[]): Properties {
  const properties: Properties = new Map();
  for (const section of sections) {
    if (section === undefined) continue;
    const { data, file } = section;
    const fail = (): never => {
      throw new InputError('link.malformed', file.displayName, `${PROPERTY_SECTION} has odd sizes`);
    };
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    for (let at = 0; at + NOTE_HEADER <= data.length; ) {
      const [nameSize, size, kind] = [0, 4, 8].map((o) => view.getUint32(at + o, true)) as [number, number, number];
      const start = at + 12 + alignUp(nameSize, 4);
      const end = start + size;
      if (end > data.length) fail();
      if (kind === NT_GNU_PROPERTY_TYPE_0) {
        for (let p = start; p + 8 <= end; ) {
          const [type, bytes] = [view.getUint32(p, true), view.getUint32(p + 4, true)];
          if (p + 8 + bytes > end) fail();
          const value = bytes >= 8 ? readU64(view, p + 8) : bytes >= 4 ? view.getUint32(p + 8, true) : 0;
          properties.set(type, value);
          p += 8 + alignUp(bytes, 8);
        }
      }
      at = alignUp(end, 8);
    }
  }
  return properties;
}

/** The one note of the program, or nothing. */
export function propertyPlacements(properties: Properties, finished: Finished): Placement[] {
  if (properties.size === 0) return [];
  const entries = [...properties].sort(([a], [b]) => a - b);
  const sizeOf = (type: number): number => (type === STACK_SIZE ? 8 : type === NO_COPY_ON_PROTECTED ? 0 : 4);
  const bytes = entries.reduce((sum, [type]) => sum + 8 + alignUp(sizeOf(type), 8), 0);
  const note = synthetic('gnu-property', NOTE_HEADER + bytes, 8, finished, (out, offset) => {
    const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
    for (const [i, word] of [4, bytes, NT_GNU_PROPERTY_TYPE_0, 0x554e47].entries()) {
      view.setUint32(offset + i * 4, word, true);
    }
    let at = offset + NOTE_HEADER;
    for (const [type, value] of entries) {
      const size = sizeOf(type);
      view.setUint32(at, type, true);
      view.setUint32(at + 4, size, true);
      if (size === 8) view.setBigUint64(at + 8, BigInt(value), true);
      else if (size === 4) view.setUint32(at + 8, value, true);
      at += 8 + alignUp(size, 8);
    }
  });
  const section = PROPERTY_SECTION;
  return [{ section, region: 'read', type: SHT_NOTE, flags: SHF_ALLOC, first: true, synthetic: note }];
}
