// Constructors and destructors as compilers listed them before .init_array (and some still do): .ctors runs from its end to its start, .dtors
// from start to end, each the other way round than the arrays that start-up code walks today.

import type { LoadedInputs } from './inputs.ts';
import type { InputSection } from './section.ts';

const ENTRY = 8;

/** Of crtbegin.o and crtend.o: the marks at both ends of the old lists, which are no functions. */
function isMark(section: InputSection): boolean {
  return /(^|[/(])crt(begin|end)[^/]*\.o\)?$/.test(section.file.name);
}

/** The array of today that an old list becomes a part of; undefined for other sections. */
export function arrayOfOldList(section: InputSection): '.init_array' | '.fini_array' | undefined {
  // Nearly all sections are others, which is quicker to tell without an expression.
  if (!section.name.startsWith('tors', 2)) return undefined;
  const match = /^\.([cd])tors(\.\d+)?$/.exec(section.name);
  if (match === null || isMark(section)) return undefined;
  return match[1] === 'c' ? '.init_array' : '.fini_array';
}

/** Turns the old lists round, entry by entry, so that they can stand in today's arrays. */
export function turnOldLists(inputs: LoadedInputs): void {
  for (const file of inputs.objects) {
    for (const section of file.sections) {
      if (section === undefined || section.size === 0 || section.size % ENTRY !== 0) continue;
      if (arrayOfOldList(section) !== undefined) turn(section);
    }
  }
}

function turn(section: InputSection): void {
  const { data, size, relocations } = section;
  const turned = new Uint8Array(data.length);
  for (let at = 0; at < data.length; at += ENTRY) turned.set(data.subarray(at, at + ENTRY), size - ENTRY - at);
  section.replaceData(turned);
  const order = relocations.rows().reverse();
  section.relocations = relocations.picked(order, (i) => size - ENTRY - relocations.offsets[i]!);
}
