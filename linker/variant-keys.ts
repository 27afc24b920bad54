import {
  SHF_LINK_ORDER,
  SHT_FINI_ARRAY,
  SHT_INIT_ARRAY,
  SHT_NOTE,
  SHT_PREINIT_ARRAY,
  STB_LOCAL,
  STT_FILE,
  STT_FUNC,
  STT_GNU_IFUNC,
  STT_OBJECT,
  STT_SECTION,
  STT_TLS,
} from './elf.ts';
import type { ObjectFile } from './object.ts';
import type { InputSection } from './section.ts';
import type { LinkSymbol } from './symbol.ts';

/** How sections of a kind are treated when several variants have them. */
export type SectionKind = 'text' | 'data' | 'rodata' | 'merge' | 'init' | 'unwind' | 'once' | 'other';

/** The name under which a section is matched with those of other variants, inside its unit. */
export interface SectionKey {
  readonly kind: SectionKind;
  readonly name: string;
  /** Several sections may share `name`; they are matched in this order. */
  readonly order: number;
  /** True when `name` lost a number (`count.1234`): the compiler chose it, so it may differ between variants. */
  readonly numbered: boolean;
}

/** Sections that hold whatever a compile has of a kind, without -fdata-sections. */
export const GENERIC_DATA = /^\.(t?data|t?bss|rodata|data\.rel(\.ro|\.local|\.ro\.local)?|gcc_except_table)$/;
const TEXT_PREFIXES = ['.text.unlikely.', '.text.startup.', '.text.exit.', '.text.hot.', '.text.split.', '.text.'];
/** Clones that gcc and clang make: never called but by code of the same compile. */
export const CLONE = /\.(isra|constprop|part|lto_priv)\.\d+/;
const COLD = /\.cold(\.\d+)?$/;

/** True for the part of a function that was moved out of line: it jumps back into the middle of the function. */
export function isColdPart(name: string): boolean {
  return COLD.test(name);
}

/** The function that a clone or cold part was made from. */
export function baseFunction(name: string): string {
  return name.replace(/\.(isra|constprop|part|lto_priv|cold)(\.\d+)?(?=\.|$)/g, '');
}

/** Debug information of compilers and assemblers, which is not loaded. */
export function isDebugInformation(section: InputSection): boolean {
  return !section.isAlloc && section.name.startsWith('.debug_');
}

/** Which treatment a section gets. */
export function kindOf(section: InputSection): SectionKind {
  if (!section.isAlloc || section.type === SHT_NOTE) return 'once';
  if (section.name === '.eh_frame') return 'unwind';
  if (section.isExec) return section.name === '.init' || section.name === '.fini' ? 'once' : 'text';
  const { type, name } = section;
  if (type === SHT_INIT_ARRAY || type === SHT_FINI_ARRAY || type === SHT_PREINIT_ARRAY) return 'init';
  if (/^\.(init_array|fini_array|preinit_array|ctors|dtors)(\.|$)/.test(name)) return 'init';
  if (section.pieces !== undefined) return 'merge';
  if (section.isWritable && !name.startsWith('.data.rel.ro')) return 'data';
  return 'rodata';
}

/** AArch64 marks what is code and what is data by local symbols of these names (AAELF64, "Mapping symbols"). */
const MAPPING_SYMBOL = /^\$[xd](\.|$)/;

/** For each section of a file the symbols that it defines, without section and mapping symbols. */
export function symbolsBySection(file: ObjectFile): Map<InputSection, LinkSymbol[]> {
  const map = new Map<InputSection, LinkSymbol[]>();
  for (const symbol of file.symbols) {
    if (symbol.kind !== 'section' || symbol.section === undefined || symbol.name === '' || symbol.name.startsWith('.L'))
      continue;
    if (symbol.type === STT_SECTION || symbol.type === STT_FILE || MAPPING_SYMBOL.test(symbol.name)) continue;
    const list = map.get(symbol.section);
    if (list === undefined) map.set(symbol.section, [symbol]);
    else list.push(symbol);
  }
  return map;
}

/** The key of a section, given the symbols it defines. */
export function keyOf(section: InputSection, symbols: readonly LinkSymbol[]): SectionKey {
  const kind = kindOf(section);
  if (kind === 'text') return { kind, name: functionName(section, symbols), order: 0, numbered: false };
  const plain: SectionKey = { kind, name: section.name, order: 0, numbered: false };
  if ((section.flags & SHF_LINK_ORDER) !== 0) {
    const linked = section.file.sections[section.link];
    return linked === undefined ? plain : { ...plain, name: `${section.name}@${linked.name}` };
  }
  if (GENERIC_DATA.test(section.name)) return plain;
  const objects = symbols.filter((s) => s.type === STT_OBJECT || s.type === STT_TLS);
  if (objects.length !== 1) return splitNumber(plain, section.name, true);
  const [object] = objects;
  return splitNumber(plain, object!.name, object!.binding === STB_LOCAL);
}

function splitNumber(key: SectionKey, name: string, local: boolean): SectionKey {
  const match = local ? /^(.*[^.])\.(\d+)$/.exec(name) : null;
  if (match === null) return { ...key, name };
  return { kind: key.kind, name: match[1]!, order: Number(match[2]), numbered: true };
}

/** What follows `.text.`, `.text.unlikely.` and so on; the whole name when nothing does. */
export function textSuffix(name: string): string {
  const prefix = TEXT_PREFIXES.find((p) => name.startsWith(p));
  return prefix === undefined ? name : name.slice(prefix.length);
}

function functionName(section: InputSection, symbols: readonly LinkSymbol[]): string {
  const { name } = section;
  const suffix = textSuffix(name);
  if (suffix === name) return name;
  const functions = symbols.filter((s) => s.type === STT_FUNC || s.type === STT_GNU_IFUNC);
  // A thunk may stand before the function that gave the section its name.
  if (functions.some((s) => s.name === suffix)) return suffix;
  const here = functions.filter((s) => s.value === 0).map((s) => s.name);
  if (here.length === 0) return name;
  const made = here.filter((n) => n.startsWith(`${suffix}.`)).sort();
  return made[0] ?? here.sort()[0]!;
}
