import { SHT_NOTE } from './elf.ts';
import { arrayOfOldList } from './old-arrays.ts';
import type { InputSection } from './section.ts';

const PREFIXES = [
  '.text',
  '.rodata',
  '.data.rel.ro',
  '.data',
  '.bss',
  '.tdata',
  '.tbss',
  '.init_array',
  '.fini_array',
  '.preinit_array',
  '.ctors',
  '.dtors',
  '.gcc_except_table',
  '.ldata',
  '.lrodata',
  '.lbss',
];

/** What sections are called that hold a text about the symbol of the rest of their name. */
export const WARNING_PREFIX = '.gnu.warning.';

/** The output section of an input section (the default script of GNU ld), or undefined when it has no place. */
export function outputName(section: InputSection): string | undefined {
  const { name } = section;
  if (name === '.note.GNU-stack' || name === '.note.gnu.property' || name === '.eh_frame') return undefined;
  if (section.type === SHT_NOTE) return name;
  if (name.startsWith(WARNING_PREFIX)) return undefined;
  const array = arrayOfOldList(section);
  if (array !== undefined) return array;
  for (const prefix of PREFIXES) {
    if (name === prefix || (name.startsWith(prefix) && name[prefix.length] === '.')) return prefix;
  }
  if (name.startsWith('.gnu.linkonce.')) return LINKONCE[name.split('.')[3] ?? ''] ?? name;
  if (name === 'COMMON') return '.bss';
  return name;
}

const LINKONCE: Readonly<Record<string, string>> = { t: '.text', r: '.rodata', d: '.data', b: '.bss' };

/** Position of an initialisation array among its like: the number at the end of its name, or last. */
export function arrayPriority(section: InputSection): number {
  const match = /\.(\d+)$/.exec(section.name);
  if (match === null) return 65536;
  // .ctors run from the end to the start, so their numbers count down.
  return /^\.[cd]tors/.test(section.name) ? 65535 - Number(match[1]) : Number(match[1]);
}
