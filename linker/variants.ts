import { describePlace } from './debug/object-lines.ts';
import { STB_LOCAL, STT_FUNC, STT_GNU_IFUNC } from './elf.ts';
import type { Diagnostics } from './errors.ts';
import { separateInnerEntries } from './inner-entries.ts';
import type { LoadedInputs, VariantList } from './inputs.ts';
import { LinkerSets } from './linker-sets.ts';
import { COMMON } from './object.ts';
import type { LinkOptions } from './options.ts';
import { globMatcher } from './options.ts';
import type { SymbolTable } from './resolution.ts';
import { bindReferences, placeOf } from './resolution.ts';
import type { InputSection } from './section.ts';
import type { LinkSymbol } from './symbol.ts';
import { shareData } from './variant-data.ts';
import type { SectionKey, SectionKind } from './variant-keys.ts';
import { baseFunction, CLONE, isColdPart, isDebugInformation, keyOf, symbolsBySection } from './variant-keys.ts';
import { matchStatics } from './variant-statics.ts';

/** The same function or the same data in several variants. */
export interface VariantGroup {
  readonly kind: SectionKind;
  readonly unit: string;
  readonly name: string;
  /** By variant. */
  readonly members: (InputSection | undefined)[];
  /** By variant: the symbol that this function is only another name of, where the compiler folded two equal functions. */
  readonly aliases: (LinkSymbol | undefined)[];
}

/** What one variant has in a slot. */
export interface SlotBody {
  /** Variant whose body it is; not the variant itself where that has none. */
  readonly from: number;
  readonly section: InputSection | undefined;
  /** Set instead of `section`: the slot holds a jump there. */
  readonly thunk: LinkSymbol | undefined;
}

/** The address range of one multivariant function: the same in every variant, as large as the largest body. */
export interface Slot {
  readonly group: VariantGroup;
  readonly name: string;
  readonly unit: string;
  readonly align: number;
  readonly size: number;
  /** Starts and ends at page boundaries, so that a view can choose it alone. */
  readonly ownPages: boolean;
  /** By variant. */
  readonly bodies: readonly SlotBody[];
  va: number;
}

/** Largest jump that a thunk needs: `jmp rel32` on x86-64, `b` on AArch64. */
const THUNK_SIZE = 5;

/** The groups of one link, and the slots that its multivariant functions get. */
export interface VariantPlan {
  readonly variants: VariantList;
  readonly groups: readonly VariantGroup[];
  /** Sorted by unit and name, whatever the order of the inputs. */
  readonly slots: readonly Slot[];
  /** Whether there are slots with jumps that the compiler knows nothing of. */
  readonly hasJumps: boolean;
}

/**
 * Pairs the sections of the variants' objects, unites their data, and gives each function that exists in two variants or
 * more its slot. Must run after `bindReferences`.
 */
export function planVariants(
  inputs: LoadedInputs,
  options: LinkOptions,
  table: SymbolTable,
  diagnostics: Diagnostics,
): VariantPlan {
  const { variants } = inputs;
  if (variants.names.length < 2) return { variants, groups: [], slots: [], hasJumps: false };
  const sets = new LinkerSets(inputs);
  const groups = groupSections(inputs, table, sets, diagnostics);
  const text = groups.filter((g) => g.kind === 'text');
  findAliases(inputs, options, table, text);
  keepCommon(text, options, sets, variants.defaultIndex);
  const jumps = separateInnerEntries(inputs);
  const slots = makeSlots([...text, ...jumps], options, variants.names.length, variants.defaultIndex);
  checkOffsets(inputs, slots, variants, diagnostics);
  shareData(inputs, groups, sets, diagnostics);
  checkGlobals(table, variants, diagnostics);
  const hasJumps = jumps.length > 0 || slots.some((slot) => slot.bodies.some((b) => b.thunk !== undefined));
  return { variants, groups: [...groups, ...jumps], slots, hasJumps };
}

interface Candidate {
  readonly section: InputSection;
  readonly key: SectionKey;
}

function groupSections(
  inputs: LoadedInputs,
  table: SymbolTable,
  sets: LinkerSets,
  diagnostics: Diagnostics,
): VariantGroup[] {
  const { variants, objects } = inputs;
  const count = variants.names.length;
  const lists = new Map<string, { unit: string; name: string; kind: SectionKind; byVariant: Candidate[][] }>();
  for (const file of objects) {
    if (file.variant === COMMON) continue;
    const symbols = symbolsBySection(file);
    for (const section of file.sections) {
      if (section === undefined || section.fate === 'discard') continue;
      // A part of a set pairs as a whole, however many objects each variant has in it.
      const isWhole = sets.has(section) && !section.isExec && isOnlyOne(section);
      const key = keyOf(section, isWhole ? [] : (symbols.get(section) ?? []));
      if (key.kind === 'once' && file.variant !== variants.defaultIndex) {
        // Each variant's debug information stays, in sections of its own.
        if (!isDebugInformation(section)) section.fate = 'discard';
        continue;
      }
      if (key.kind === 'once' || key.kind === 'merge' || key.kind === 'unwind' || section.size === 0) continue;
      const unit = section.comdat === undefined ? file.unit : '';
      const definition = comdatFunction(section, key, table);
      // A second copy inside one variant, which came with another group: nobody means it.
      if (definition !== undefined && definition !== section) continue;
      const scope = definition === undefined && section.comdat !== undefined ? section.comdat : '';
      // Constant and writable data of one name meet: one variant may have made it constant, which must be noticed.
      const kind = key.kind === 'rodata' ? 'data' : key.kind;
      const id = `${kind}\0${unit}\0${scope}\0${section.isTls ? 't' : ''}\0${key.name}`;
      let list = lists.get(id);
      if (list === undefined) {
        list = { unit, name: key.name, kind: key.kind, byVariant: Array.from({ length: count }, () => []) };
        lists.set(id, list);
      }
      if (key.kind === 'data') list.kind = 'data';
      list.byVariant[file.variant]!.push({ section, key });
    }
  }
  const ambiguous = (a: InputSection, b: InputSection): void =>
    diagnostics.error(
      'variants.ambiguous-static',
      `several static variables could be the one of ${a.name}`,
      [
        { role: 'defined in', where: describePlace(a, 0) },
        { role: 'defined in', where: describePlace(b, 0) },
      ],
      'give the variables different names, or compile the variants with the same -O level',
      { section: a.name },
    );
  const groups: VariantGroup[] = [];
  for (const list of lists.values()) {
    for (const members of matchStatics(list.byVariant, variants.defaultIndex, ambiguous)) {
      const group: VariantGroup = {
        kind: list.kind,
        unit: list.unit,
        name: list.name,
        members,
        aliases: new Array(count).fill(undefined),
      };
      for (const member of members) if (member !== undefined) member.group = group;
      groups.push(group);
    }
  }
  return groups;
}

function isOnlyOne({ file, name }: InputSection): boolean {
  return file.sections.filter((section) => section?.name === name).length === 1;
}

/**
 * The section that a COMDAT function's global name means in its variant; undefined for anything else. Such functions pair by their names alone:
 * gcc's -fdeclone-ctor-dtor (part of -Os) puts the kinds of a constructor or destructor into one group where other compiles make a group of each.
 */
function comdatFunction(section: InputSection, key: SectionKey, table: SymbolTable): InputSection | undefined {
  if (section.comdat === undefined || key.kind !== 'text') return undefined;
  const symbol = table.names.get(key.name)?.definitions[section.file.variant + 1];
  return symbol?.section?.comdat === undefined ? undefined : symbol.section;
}

/**
 * gcc folds equal functions (-fipa-icf): then one section has two names in one variant, where another has two sections.
 * Both names must keep one address in all variants, so the folded one gets a slot with a jump.
 */
function findAliases(
  inputs: LoadedInputs,
  options: LinkOptions,
  table: SymbolTable,
  text: readonly VariantGroup[],
): void {
  const byName = new Map<string, VariantGroup>();
  for (const group of text) byName.set(`${group.unit}\0${group.name}`, group);
  const locals: (() => void)[] = [];
  let rebind = false;
  for (const file of inputs.objects) {
    if (file.variant === COMMON) continue;
    for (const [i, symbol] of file.symbols.entries()) {
      if (symbol.kind !== 'section' || symbol.value !== 0) continue;
      if (symbol.type !== STT_FUNC && symbol.type !== STT_GNU_IFUNC) continue;
      const own = symbol.section?.group;
      if (own === undefined || own.kind !== 'text' || own.name === symbol.name) continue;
      const group = byName.get(`${file.unit}\0${symbol.name}`) ?? byName.get(`\0${symbol.name}`);
      if (group === undefined || group === own || group.members[file.variant] !== undefined) continue;
      const shown = group.members.find((m) => m !== undefined)!;
      const stand = shown.file.symbols.find((s) => s.name === symbol.name && s.section === shown);
      if (stand === undefined) continue;
      group.aliases[file.variant] = symbol;
      // References of this variant go to the slot like everybody's.
      const entry = symbol.binding === STB_LOCAL ? undefined : table.names.get(symbol.name);
      if (entry?.definitions[file.variant + 1] === symbol) {
        entry.definitions[file.variant + 1] = stand;
        rebind = true;
      } else locals.push(() => (file.resolved[i] = stand));
    }
  }
  if (rebind) bindReferences(inputs, options, table);
  for (const redirect of locals) redirect();
}

/** Takes functions out of the multivariant part: those of `--common`, and those in a section that is known by its bounds, which slots have not. */
function keepCommon(text: readonly VariantGroup[], options: LinkOptions, sets: LinkerSets, defaultIndex: number): void {
  const { common: patterns = [], multivariant } = options;
  if (patterns.length === 0 && multivariant === undefined && sets.isEmpty) return;
  const kept = globMatcher(patterns);
  const chosen = multivariant === undefined ? () => true : globMatcher(multivariant);
  const matches = (name: string): boolean => kept(name) || !chosen(name);
  const common: InputSection[] = [];
  for (const group of text) {
    const own = group.members[defaultIndex];
    const isInSet = own !== undefined && sets.has(own);
    if (!isInSet && (CLONE.test(group.name) || !matches(baseFunction(group.name)))) continue;
    if (isColdPart(group.name)) {
      // A cold part jumps back into its own variant's function, which is no longer there.
      for (const [v, member] of group.members.entries())
        if (member !== undefined && v !== defaultIndex) member.fate = 'discard';
      separate(group);
    } else if (own !== undefined) {
      for (const member of group.members) {
        if (member === undefined || member === own) continue;
        member.fate = 'replace';
        member.replacement = own;
      }
      separate(group);
      common.push(own);
    }
  }
  // A clone's calling convention is its compile's own secret: what common code calls must be its own clone, in every view.
  for (let section = common.pop(); section !== undefined; section = common.pop()) {
    const { relocations, file } = section;
    for (let i = relocations.first; i < relocations.last; i++) {
      const target = file.resolved[relocations.symbols[i]!]?.section;
      const group = target?.group;
      if (target === undefined || group === undefined || group.kind !== 'text' || !CLONE.test(group.name)) continue;
      separate(group);
      common.push(target);
    }
  }
}

function separate(group: VariantGroup): void {
  for (const member of group.members) if (member !== undefined) member.group = undefined;
}

function makeSlots(text: readonly VariantGroup[], options: LinkOptions, count: number, defaultIndex: number): Slot[] {
  const ownPages = globMatcher((options.pageAlign ?? []).map((p) => (p === 'all' ? '*' : p)));
  const slots: Slot[] = [];
  for (const group of text) {
    const present = group.members.filter((m) => m !== undefined && m.group === group);
    const aliases = group.aliases.filter((a) => a !== undefined);
    if (present.length === 0 || present.length + aliases.length < 2) continue;
    const fallback =
      group.members[defaultIndex] !== undefined ? defaultIndex : group.members.findIndex((m) => m !== undefined);
    const bodies: SlotBody[] = [];
    for (let v = 0; v < count; v++) {
      const thunk = group.aliases[v];
      const from = thunk !== undefined || group.members[v] !== undefined ? v : fallback;
      bodies.push({ from, section: thunk === undefined ? group.members[from] : undefined, thunk });
    }
    const slot: Slot = {
      group,
      name: group.name,
      unit: group.unit,
      align: Math.max(...present.map((m) => m!.align), 1),
      size: Math.max(...present.map((m) => m!.size), aliases.length > 0 ? THUNK_SIZE : 0),
      ownPages: ownPages(group.name),
      bodies,
      va: 0,
    };
    for (const member of present) member!.slot = slot;
    slots.push(slot);
  }
  return slots.sort((a, b) => compareText(a.unit, b.unit) || compareText(a.name, b.name));
}

/** Orders by code unit: the same on every machine, whatever its locale. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Every function symbol of a slot must lie at one offset in all variants, or pointers to it would not survive a switch. */
function checkOffsets(
  inputs: LoadedInputs,
  slots: readonly Slot[],
  variants: VariantList,
  diagnostics: Diagnostics,
): void {
  if (slots.length === 0) return;
  const seen = new Map<Slot, Map<string, LinkSymbol>>();
  for (const file of inputs.objects) {
    if (file.variant === COMMON) continue;
    for (const symbol of file.symbols) {
      const slot = symbol.kind === 'section' ? symbol.section?.slot : undefined;
      if (slot === undefined || symbol.type !== STT_FUNC) continue;
      let names = seen.get(slot);
      if (names === undefined) {
        names = new Map();
        seen.set(slot, names);
      }
      const before = names.get(symbol.name);
      if (before === undefined) names.set(symbol.name, symbol);
      else if (before.value !== symbol.value) {
        const [a, b] = [before.section!.file.variant, file.variant].map((v) => variants.names[v]);
        diagnostics.error(
          'variants.function-offset',
          `function ${symbol.name} is at +${before.value} of its section in variant ${a} and at +${symbol.value} in variant ${b}`,
          [
            { role: 'defined in', where: placeOf(before) },
            { role: 'defined in', where: placeOf(symbol) },
          ],
          'compile with -ffunction-sections, so that each function has its own section',
          { symbol: symbol.name },
        );
      }
    }
  }
}

/** A global name must mean one address for all variants. */
function checkGlobals(table: SymbolTable, variants: VariantList, diagnostics: Diagnostics): void {
  for (const { name, definitions } of table.names.values()) {
    let first: LinkSymbol | undefined;
    for (let v = 1; v < definitions.length; v++) {
      const symbol = definitions[v];
      if (symbol === undefined || symbol.kind !== 'section') continue;
      if (first === undefined) first = symbol;
      else if (!sameAddress(first, symbol) && !isReported(first, symbol)) {
        const [a, b] = [first.file!.variant, symbol.file!.variant].map((i) => variants.names[i]);
        diagnostics.error(
          'variants.address-differs',
          `${name} would have one address in variant ${a} and another in variant ${b}`,
          [
            { role: 'defined in', where: placeOf(first) },
            { role: 'defined in', where: placeOf(symbol) },
          ],
          'both must be compiles of one source: check that their units pair (melf inspect shows units), and use -ffunction-sections -fdata-sections',
          { symbol: name },
        );
      }
    }
  }
}

function sameAddress(a: LinkSymbol, b: LinkSymbol): boolean {
  if (a.value !== b.value) return false;
  const [x, y] = [a.section!, b.section!];
  if (x.slot !== undefined || y.slot !== undefined) return x.slot === y.slot;
  return x.final === y.final;
}

/** Data of one group that could not be shared was reported there, with the better reason. */
function isReported(a: LinkSymbol, b: LinkSymbol): boolean {
  const group = a.section?.group;
  return group !== undefined && group.kind !== 'text' && group === b.section?.group;
}
