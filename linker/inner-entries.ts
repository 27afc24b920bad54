// Entry points inside of functions. A section holds more than one function although each has its own where the compiler ties them together:
// C++'s thunks, which adjust `this` and go on into a virtual function, stand in the function's section and lead into it. Their addresses are in
// vtables, which exist once, so they must be equal in all variants, but how far into the section they are differs. Such an entry gets a slot of
// its own, with a jump to the place that it has in each variant.

import { STB_LOCAL, STT_FUNC, STT_NOTYPE, STV_DEFAULT } from './elf.ts';
import type { LoadedInputs } from './inputs.ts';
import { COMMON, type Isa } from './object.ts';
import { Relocations } from './relocations.ts';
import { InputSection } from './section.ts';
import { LinkSymbol } from './symbol.ts';
import { textSuffix } from './variant-keys.ts';
import type { VariantGroup } from './variants.ts';

/** A jump as the compiler would write it, with its relocation (psABI: R_X86_64_PLT32; R_AARCH64_JUMP26). */
const JUMPS = {
  'x86-64': { code: [0xe9, 0, 0, 0, 0], at: 1, type: 4, addend: -4 },
  aarch64: { code: [0, 0, 0, 0x14], at: 0, type: 282, addend: 0 },
} as const satisfies Record<Isa, unknown>;

const ALIGN = 8;

/** The symbol of one name in each variant. */
type Entry = (LinkSymbol | undefined)[];

function entriesOf(inputs: LoadedInputs, count: number): Map<VariantGroup, Map<string, Entry>> {
  const entries = new Map<VariantGroup, Map<string, Entry>>();
  for (const file of inputs.objects) {
    if (file.variant === COMMON) continue;
    for (const symbol of file.symbols) {
      if (symbol.type !== STT_FUNC || symbol.kind !== 'section') continue;
      const { section } = symbol;
      const group = section?.group;
      if (
        section === undefined ||
        group === undefined ||
        group.kind !== 'text' ||
        group.members[file.variant] !== section
      )
        continue;
      // Only where the compiler was told to give each function its section.
      if (textSuffix(section.name) === section.name) continue;
      let names = entries.get(group);
      if (names === undefined) {
        names = new Map();
        entries.set(group, names);
      }
      let entry = names.get(symbol.name);
      if (entry === undefined) {
        entry = new Array(count).fill(undefined);
        names.set(symbol.name, entry);
      }
      entry[file.variant] ??= symbol;
    }
  }
  return entries;
}

/**
 * Finds the entries whose offsets differ between variants, makes their jumps, and lets their symbols lead there: references, which are bound
 * already, hold the symbols themselves. Gives a group for each jump. Entries that only some of a section's variants have stay as they are.
 */
export function separateInnerEntries(inputs: LoadedInputs): VariantGroup[] {
  const count = inputs.variants.names.length;
  const jumps: VariantGroup[] = [];
  for (const [group, names] of entriesOf(inputs, count)) {
    const variants = group.members.flatMap((member, v) => (member === undefined ? [] : [v]));
    if (variants.length < 2) continue;
    // Several names of one place, as of a C++ destructor, share a jump.
    const places = new Map<string, VariantGroup>();
    for (const [name, entry] of [...names].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (variants.some((v) => entry[v] === undefined)) continue;
      const offsets = variants.map((v) => entry[v]!.value);
      if (offsets.every((offset) => offset === offsets[0])) continue;
      const place = offsets.join();
      let jump = places.get(place);
      if (jump === undefined) {
        jump = {
          kind: 'text',
          unit: group.unit,
          name,
          members: entry.map((symbol) => symbol && jumpTo(symbol, inputs.isa)),
          aliases: new Array(count).fill(undefined),
        };
        for (const member of jump.members) if (member !== undefined) member.group = jump;
        places.set(place, jump);
        jumps.push(jump);
      }
      for (const v of variants) lead(entry[v]!, jump.members[v]!);
    }
  }
  return jumps;
}

/** A section with a jump to where the symbol is now. */
function jumpTo(symbol: LinkSymbol, isa: Isa): InputSection {
  const { code, at, type, addend } = JUMPS[isa];
  const [file, body] = [symbol.file!, symbol.section!];
  const inner = new LinkSymbol('', file, STB_LOCAL, STT_NOTYPE, STV_DEFAULT, 'section', body, symbol.value, 0);
  file.resolved.push(inner);
  const index = file.symbols.push(inner) - 1;
  const jump = new InputSection(
    file,
    file.sections.length,
    `.text.${symbol.name}`,
    body.type,
    body.flags,
    ALIGN,
    0,
    0,
    Uint8Array.from(code),
    0,
    code.length,
  );
  jump.relocations = Relocations.whole({
    offsets: Uint32Array.of(at),
    types: Uint32Array.of(type),
    symbols: Uint32Array.of(index),
    addends: Int32Array.of(addend),
  });
  file.sections.push(jump);
  return jump;
}

function lead(symbol: LinkSymbol, jump: InputSection): void {
  symbol.section = jump;
  symbol.value = 0;
  symbol.size = jump.size;
}
