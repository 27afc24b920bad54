import { type DataPlace, dataAt } from './debug/object-data.ts';
import { describePlace } from './debug/object-lines.ts';
import { SHT_NOBITS, STB_LOCAL, STT_SECTION } from './elf.ts';
import type { Diagnostics } from './errors.ts';
import type { LoadedInputs, VariantList } from './inputs.ts';
import { adviseCommon, describeSet, functionsInside, type LinkerSets } from './linker-sets.ts';
import type { ObjectFile } from './object.ts';
import { COMMON } from './object.ts';
import type { InputSection } from './section.ts';
import { GENERIC_DATA, symbolsBySection } from './variant-keys.ts';
import { firstDifference } from './variant-statics.ts';
import type { VariantGroup } from './variants.ts';

/**
 * Makes one copy of the variants' data: every variant's code is led to the default variant's copy. Where that would be
 * wrong it is an error; constants that only code uses (jump tables, literals, label addresses) stay per variant instead.
 */
export function shareData(
  inputs: LoadedInputs,
  groups: readonly VariantGroup[],
  sets: LinkerSets,
  diagnostics: Diagnostics,
): void {
  const { variants } = inputs;
  /** Copies that differ and therefore stay beside the default variant's. */
  const own = new Set<InputSection>();
  const constants: { group: VariantGroup; member: InputSection; reason: Difference | undefined }[] = [];
  for (const group of groups) {
    if (group.kind === 'init') shareConstructors(group, variants);
    if (group.kind !== 'data' && group.kind !== 'rodata') continue;
    if (!sets.isEmpty) sets.leaveOut(group, (a, b) => difference(a, b) === undefined);
    if (group.members.every((member) => member === undefined || member.fate === 'discard')) continue;
    const primary = sharedMember(group, variants.defaultIndex);
    for (const member of group.members) {
      if (member === undefined || member === primary || member.fate === 'discard') continue;
      const reason = difference(primary, member);
      constants.push({ group, member, reason });
      if (reason !== undefined) own.add(member);
    }
  }
  // A table that refers to a constant kept per variant must be kept per variant itself.
  for (let changed = true; changed; ) {
    changed = false;
    for (const entry of constants) {
      if (entry.reason !== undefined || entry.member.relocations.count === 0) continue;
      const target = targetAmong(own, entry.member);
      if (target === undefined) continue;
      entry.reason = { what: `it refers to ${target.name}, which differs` };
      own.add(entry.member);
      changed = true;
    }
  }
  for (const { group, member } of constants) {
    if (own.has(member)) continue;
    member.fate = 'replace';
    member.replacement = sharedMember(group, variants.defaultIndex);
  }
  const fromData = constantsUsedByData(inputs);
  for (const { group, member, reason } of constants) {
    if (reason !== undefined && (sets.has(member) || !mayDiffer(group, member, fromData)))
      report(group, member, reason, sets, variants, diagnostics);
  }
  sets.report(diagnostics);
  reportSplitStatics(inputs, diagnostics);
}

/**
 * The member that stands for a group: the default variant's, or the first there is; of a variable that some compile found to be constant, one
 * that can be written (reportPartialData tells of it).
 */
function sharedMember(group: VariantGroup, defaultIndex: number): InputSection {
  const usual = group.members[defaultIndex] ?? group.members.find((m) => m !== undefined)!;
  if (group.kind !== 'data' || usual.isWritable) return usual;
  return group.members.find((m) => m?.isWritable === true) ?? usual;
}

/** A section of `own` that this one's relocations lead to. Literals do not count: they were compared one by one, so the default's will do. */
function targetAmong(own: ReadonlySet<InputSection>, section: InputSection): InputSection | undefined {
  const { first, last, symbols, addends } = section.relocations;
  for (let i = first; i < last; i++) {
    const symbol = section.file.resolved[symbols[i]!]!;
    const target = symbol.section;
    if (target === undefined || !own.has(target)) continue;
    const isLiteral =
      !target.isWritable && isNameless(target) && literalAt(target, symbol.value + addends[i]!) !== undefined;
    if (!isLiteral) return target;
  }
  return undefined;
}

/** Sections that data of the default variant or of common code points to. */
function constantsUsedByData(inputs: LoadedInputs): ReadonlySet<InputSection> {
  const used = new Set<InputSection>();
  const { defaultIndex } = inputs.variants;
  for (const file of inputs.objects) {
    if (file.variant !== COMMON && file.variant !== defaultIndex) continue;
    for (const section of file.sections) {
      if (section === undefined || !section.isAlloc || section.isExec || section.fate !== 'keep') continue;
      if (section.name === '.eh_frame' || section.name.startsWith('.gcc_except_table')) continue;
      const { first, last, symbols } = section.relocations;
      for (let i = first; i < last; i++) {
        const target = file.resolved[symbols[i]!]!.section;
        if (target !== undefined) used.add(target);
      }
    }
  }
  return used;
}

/** Constants that nobody but their own variant's code can see may differ. */
function mayDiffer(group: VariantGroup, member: InputSection, fromData: ReadonlySet<InputSection>): boolean {
  // Data points to the default's literals, whose contents were compared; code may have its own.
  if (group.members.every((m) => m === undefined || isNameless(m))) return true;
  if (group.kind !== 'rodata') return false;
  for (const m of group.members) {
    if (m === undefined) continue;
    if (fromData.has(m)) return false;
    if (m.file.symbols.some((s) => s.section === m && s.binding !== STB_LOCAL && s.type !== STT_SECTION)) return false;
  }
  return !member.isTls;
}

const describe = ({ name, path, type }: DataPlace): string =>
  path === '' ? `${name} of type ${type}` : `${name}${path} of ${type}`;

/** What gcc and clang make for --coverage and -fprofile-generate; `LPBX` are gcc's nameless tables of it. */
const COUNTERS = /__(llvm_)?gcov|\.LPBX\d|__prof[cdn]_|__llvm_prf_/;

function report(
  group: VariantGroup,
  member: InputSection,
  { what, at, bit }: Difference,
  sets: LinkerSets,
  variants: VariantList,
  diagnostics: Diagnostics,
): void {
  const primary = sharedMember(group, variants.defaultIndex);
  const [a, b] = [primary, member].map((s) => variants.names[s.file.variant]);
  const isSet = sets.has(member);
  const inside = isSet ? [...new Set([...functionsInside(primary), ...functionsInside(member)])] : [];
  const name = isSet ? describeSet(group.name) : group.name;
  const known = at === undefined || inside.length > 0 ? undefined : dataAt(primary, at, bit);
  const why =
    inside.length > 0
      ? `it leads into ${inside.join(', ')}, of which each has its own`
      : `${what}${known === undefined ? '' : ` (${describe(known)})`}`;
  diagnostics.error(
    'variants.data-disagrees',
    `variants ${a} and ${b} disagree about ${name}: ${why}`,
    [primary, member].map((s) => ({ role: `${s.size} bytes in`, where: describePlace(s, at ?? 0) })),
    hintFor(group, primary, member, inside),
    {
      symbol: group.name,
      size: primary.size,
      otherSize: member.size,
      member: known && known.name + known.path,
      type: known?.type,
    },
  );
}

function hintFor(group: VariantGroup, a: InputSection, b: InputSection, inside: readonly string[]): string {
  if (inside.length > 0) return adviseCommon(inside);
  if (COUNTERS.test(group.name))
    return 'profiling counters follow the code, which differs between variants: put --coverage or -fprofile-generate into the flags of the default variant alone (the guide, "Limits of melf-cc")';
  if (!GENERIC_DATA.test(a.name) && isReordered(a, b))
    return 'the same things are there in another order: gcc keeps that of the source at -O0 only, and in all variants with -fno-toplevel-reorder';
  if (group.name.startsWith('.')) return 'compile with -fdata-sections, so that each object is compared by itself';
  return 'variants share their data: both must be compiled with the same types and initial values';
}

/** Whether two sections seem to hold the same things: by their names, or by where they lead to. */
function isReordered(a: InputSection, b: InputSection): boolean {
  if (a.size !== b.size) return false;
  const [x, y] = [a, b].map((section) =>
    (symbolsBySection(section.file).get(section) ?? []).map(({ name }) => name.replace(/\.\d+$/, '')).sort(),
  );
  if (x!.length > 1 && x!.join('\0') === y!.join('\0')) return true;
  if (a.relocations.count < 2 || a.relocations.count !== b.relocations.count) return false;
  const rest = b.relocations.rows().map((i) => targetOf(b, i));
  return a.relocations.rows().every((i) => {
    const { base, offset } = targetOf(a, i);
    const at = rest.findIndex((one) => one.base === base && one.offset === offset);
    if (at >= 0) rest.splice(at, 1);
    return at >= 0;
  });
}

/** Why two copies cannot be one. */
interface Difference {
  readonly what: string;
  /** Offset of what differs in the contents. */
  readonly at?: number;
  /** The lowest bit there that differs. */
  readonly bit?: number;
}

function difference(a: InputSection, b: InputSection): Difference | undefined {
  if (a.size !== b.size) return { what: `${a.size} bytes against ${b.size}` };
  const names = symbolLayout(a);
  for (const [name, value] of symbolLayout(b)) {
    const other = names.get(name);
    if (other !== undefined && other !== value)
      return { what: `${name} is at +${other} in one and +${value} in the other` };
  }
  const at = firstDifference(a, b);
  if (at >= 0)
    return { what: `the initial contents differ at +${at}`, at, bit: lowestBit(byteIn(a, at) ^ byteIn(b, at)) };
  const [x, y] = [a.relocations, b.relocations];
  if (x.count !== y.count) return { what: 'the initial contents hold different addresses' };
  for (let i = x.first, j = y.first; i < x.last; i++, j++) {
    if (x.offsets[i] !== y.offsets[j] || x.types[i] !== y.types[j] || !sameTarget(a, i, b, j)) {
      return { what: `the initial contents hold different addresses at +${y.offsets[j]}`, at: x.offsets[i] };
    }
  }
  return undefined;
}

const byteIn = (section: InputSection, at: number): number => section.data[at] ?? 0;
const lowestBit = (byte: number): number => 31 - Math.clz32(byte & -byte);

function symbolLayout(section: InputSection): Map<string, number> {
  const layout = new Map<string, number>();
  if (!/^\.(t?data|t?bss|rodata|data\.rel[a-z.]*)$/.test(section.name)) return layout;
  for (const symbol of section.file.symbols) {
    if (symbol.section === section && symbol.type !== STT_SECTION && !/^\$|\.\d+$/.test(symbol.name)) {
      layout.set(symbol.name, symbol.value);
    }
  }
  return layout;
}

/** True when two relocations of paired sections lead to the same thing, each seen from its own variant. */
function sameTarget(a: InputSection, i: number, b: InputSection, j: number): boolean {
  const [x, y] = [targetOf(a, i), targetOf(b, j)];
  return x.base === y.base && x.offset === y.offset;
}

function targetOf(section: InputSection, i: number): { base: unknown; offset: number } {
  const symbol = section.file.resolved[section.relocations.symbols[i]!]!;
  const addend = section.relocations.addends[i]!;
  if (symbol.kind !== 'section' || symbol.section === undefined) {
    return { base: symbol.kind === 'undefined' ? `undefined ${symbol.name}` : symbol, offset: symbol.value + addend };
  }
  const { pieces } = symbol.section;
  if (pieces !== undefined) {
    const at = symbol.type === STT_SECTION ? symbol.value + addend : symbol.value;
    const piece = pieces.indexOf(at);
    if (piece >= 0) {
      const rest = symbol.type === STT_SECTION ? 0 : addend;
      return { base: pieces.text(piece).slice(at - pieces.starts[piece]!), offset: rest };
    }
  }
  const literal =
    !symbol.section.isWritable && isNameless(symbol.section)
      ? literalAt(symbol.section, symbol.value + addend)
      : undefined;
  if (literal !== undefined) return { base: literal, offset: 0 };
  return { base: symbol.section.group ?? symbol.section.final, offset: symbol.value + addend };
}

const namedByFile = new WeakMap<ObjectFile, ReadonlySet<InputSection>>();

/**
 * True for a section of constants without any named object: compilers put literals there that they do not merge, and in the
 * generic data section those that hold addresses. (Variables have names, static ones too.)
 */
export function isNameless(section: InputSection): boolean {
  const name = section.isWritable ? /^\.data(\.rel)?(\.ro)?(\.local)?$/ : /^\.rodata(\.|$)/;
  if (section.isExec || section.isTls || !name.test(section.name)) return false;
  let named = namedByFile.get(section.file);
  if (named === undefined) {
    named = new Set(symbolsBySection(section.file).keys());
    namedByFile.set(section.file, named);
  }
  return !named.has(section);
}

/** The string at an offset with its terminator, as the pieces of mergeable sections have it. */
function literalAt(section: InputSection, offset: number): string | undefined {
  const { data } = section;
  const end = offset >= 0 && offset < data.length ? data.indexOf(0, offset) : -1;
  if (end < 0) return undefined;
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('latin1', offset, end + 1);
}

/**
 * Constructors and destructors run once: an entry of another variant is dropped when the default variant has an entry
 * for the same function, and kept when that function exists in the other variant only.
 */
function shareConstructors(group: VariantGroup, variants: VariantList): void {
  const primary = sharedMember(group, variants.defaultIndex);
  const known = new Set<unknown>();
  for (const i of primary.relocations.rows()) known.add(targetOf(primary, i).base);
  for (const member of group.members) {
    if (member === undefined || member === primary) continue;
    const { relocations } = member;
    const kept = relocations.rows().filter((i) => !known.has(targetOf(member, i).base));
    for (const i of kept) known.add(targetOf(member, i).base);
    if (kept.length === 0) {
      member.fate = 'discard';
      continue;
    }
    // Entries are 8 bytes with one relocation each; only the new ones stay.
    member.replaceData(new Uint8Array(kept.length * 8));
    member.relocations = relocations.picked(kept, (_, n) => n * 8);
  }
}

/**
 * The last guard: a file-scope variable that two variants of a unit both have, but in sections that were not paired,
 * would silently exist twice.
 */
function reportSplitStatics(inputs: LoadedInputs, diagnostics: Diagnostics): void {
  const seen = new Map<string, InputSection>();
  for (const file of inputs.objects) {
    if (file.variant === COMMON) continue;
    for (const [section, symbols] of symbolsBySection(file)) {
      if (!section.isAlloc || !section.isWritable || section.isExec || section.fate === 'discard') continue;
      for (const symbol of symbols) {
        if (symbol.binding !== STB_LOCAL || /\.\d+$/.test(symbol.name)) continue;
        if (section.type !== SHT_NOBITS && section.size === 0) continue;
        const id = `${file.unit}\0${symbol.name}`;
        const before = seen.get(id);
        if (before === undefined) seen.set(id, section.final);
        else if (before !== section.final && before.group !== section.group && before.file.variant !== file.variant) {
          diagnostics.error(
            'variants.data-split',
            `the static variable ${symbol.name} would exist twice`,
            [
              { role: 'defined in', where: describePlace(before, symbol.value) },
              { role: 'defined in', where: describePlace(section, symbol.value) },
            ],
            'compile all variants with -fdata-sections',
            { symbol: symbol.name },
          );
        }
      }
    }
  }
}
