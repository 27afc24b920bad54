// Linker sets: sections that code walks over from `__start_NAME` to `__stop_NAME` (GNU ld manual, "Orphan Sections"). There is one such section for
// all variants, so that its entries must hold in all of them.

import { type Diagnostics, firstPlaces, type Place } from './errors.ts';
import type { LoadedInputs } from './inputs.ts';
import { COMMON } from './object.ts';
import type { InputSection } from './section.ts';
import { baseFunction, isColdPart } from './variant-keys.ts';
import type { VariantGroup } from './variants.ts';

const BOUND = /^__(?:start|stop)_(\w+)$/;

/** Where an entry leads to, if that is code. */
interface CodeTarget {
  readonly section: InputSection;
  readonly offset: number;
}

/** The sets of one link. */
export class LinkerSets {
  readonly #inputs: LoadedInputs;
  readonly #names = new Set<string>();
  readonly #left: Place[] = [];
  readonly #inside: InputSection[] = [];
  #ofDefault: ReadonlySet<string> | undefined;
  #referred: ReadonlySet<InputSection> | undefined;

  /** Must be made after `bindReferences`. */
  constructor(inputs: LoadedInputs) {
    this.#inputs = inputs;
    for (const { symbols, resolved, firstGlobal } of inputs.objects) {
      for (let i = firstGlobal; i < symbols.length; i++) {
        const { name, isDefined } = symbols[i]!;
        if (isDefined || !name.startsWith('__st')) continue;
        const set = BOUND.exec(name)?.[1];
        if (set !== undefined && resolved[i]!.file === undefined) this.#names.add(set);
      }
    }
  }

  get isEmpty(): boolean {
    return this.#names.size === 0;
  }

  has(section: InputSection): boolean {
    return this.#names.has(section.name) && section.isAlloc;
  }

  /**
   * Leaves out what must not stand in a set, of a group that is a part of one: what describes bodies of common functions that are not in the
   * program, and entries that the default variant has not, as an ordinary link has not.
   */
  leaveOut(group: VariantGroup, isEqual: (a: InputSection, b: InputSection) => boolean): void {
    const own = group.members[this.#inputs.variants.defaultIndex];
    const others = group.members.filter((member) => member !== undefined && member !== own && this.has(member));
    if (own !== undefined) {
      for (const member of others)
        if (!isEqual(own, member!) && describesAbsent(member!) && !this.#isReferred(member!)) member!.fate = 'discard';
      if (this.has(own) && leadsAstray(own, group)) this.#inside.push(own);
      return;
    }
    const isReferred = others.some((member) => this.#isReferred(member!));
    const isAbsent = others.length > 0 && others.every((member) => describesAbsent(member!)) && !isReferred;
    if (!isAbsent) {
      const inside = others.filter((member) => functionsInside(member!).length > 0);
      for (const member of inside) this.#inside.push(member!);
      if (inside.length > 0 || !others.some((member) => this.#hasDefault(member!))) return;
      const role = isReferred ? 'found in all variants' : 'left out';
      for (const member of others) this.#left.push({ role, where: member!.where });
    }
    if (!isReferred) for (const member of others) member!.fate = 'discard';
  }

  /** Tells of entries that the default variant has not. */
  report(diagnostics: Diagnostics): void {
    for (const section of this.#inside) {
      const { variantName } = section.file.identity;
      const functions = functionsInside(section);
      diagnostics.error(
        'variants.data-disagrees',
        `not all variants have the entries of variant ${variantName} in ${describeSet(section.name)}: they lead into ${functions.join(', ')}, of which each has its own`,
        [{ role: `${section.size} bytes in`, where: section.where }],
        adviseCommon(functions),
        { symbol: section.name },
      );
    }
    if (this.#left.length === 0) return;
    diagnostics.warn(
      'variants.set-partial',
      'a section that is walked over by its bounds (__start_NAME, __stop_NAME) has entries in a variant that the default variant has not',
      firstPlaces(this.#left),
      'there is one such section for all variants, as the default variant has it: give all the same entries',
    );
  }

  #hasDefault({ name }: InputSection): boolean {
    if (this.#ofDefault === undefined) {
      const { objects, variants } = this.#inputs;
      const files = objects.filter(({ variant }) => variant === COMMON || variant === variants.defaultIndex);
      const sections = files.flatMap((file) => file.sections.filter((s) => s?.isAlloc === true && s.size > 0));
      this.#ofDefault = new Set(sections.map((section) => section!.name));
    }
    return this.#ofDefault.has(name);
  }

  /** Whether anything but the bounds leads to it. */
  #isReferred(section: InputSection): boolean {
    if (this.#referred === undefined) {
      const referred = new Set<InputSection>();
      for (const file of this.#inputs.objects) {
        for (const from of file.sections) {
          if (from?.isAlloc !== true || from.name === '.eh_frame') continue;
          const { symbols, first, last } = from.relocations;
          for (let i = first; i < last; i++) {
            const target = file.resolved[symbols[i]!]!.section;
            if (target !== undefined && target !== from) referred.add(target);
          }
        }
      }
      this.#referred = referred;
    }
    return this.#referred.has(section);
  }
}

/** A set, for people. */
export function describeSet(name: string): string {
  return `${name}, a section that is walked over by its bounds (__start_${name})`;
}

/** What to do about entries that lead into multivariant functions. */
export function adviseCommon(functions: readonly string[]): string {
  const names = functions.map((name) => `"${name}"`).join(', ');
  return `every variant would find entries for code that only another one shows: keep these functions common (functions = [${names}] in [common] of melf.toml; melf link --common)`;
}

function codeTargets(section: InputSection): CodeTarget[] {
  const { symbols, addends } = section.relocations;
  return section.relocations.rows().flatMap((i) => {
    const symbol = section.file.resolved[symbols[i]!]!;
    return symbol.section?.isExec === true ? [{ section: symbol.section, offset: symbol.value + addends[i]! }] : [];
  });
}

/** Whether all that a section says of code is of bodies that the default variant's stand for (`--common`). The start of a function is the same in all. */
function describesAbsent(section: InputSection): boolean {
  const targets = codeTargets(section);
  const isAbsent = ({ section: code }: CodeTarget): boolean => code.fate !== 'keep';
  return targets.some(isAbsent) && targets.every((target) => isAbsent(target) || target.offset === 0);
}

/** Whether a variant without a part of its own would find entries for a body that it does not show. */
function leadsAstray(section: InputSection, { members }: VariantGroup): boolean {
  const lacking = [...members.keys()].filter((v) => members[v] === undefined);
  return (
    lacking.length > 0 &&
    codeTargets(section).some(
      ({ section: { slot, fate }, offset }) =>
        slot !== undefined && fate === 'keep' && offset !== 0 && lacking.some((v) => slot.bodies[v]!.from === v),
    )
  );
}

/** The multivariant functions that a section leads into, but to their starts. */
export function functionsInside(section: InputSection): string[] {
  const names = codeTargets(section).flatMap(({ section: { slot, fate }, offset }) =>
    fate !== 'keep' || slot === undefined || (offset === 0 && !isColdPart(slot.name)) ? [] : [baseFunction(slot.name)],
  );
  return [...new Set(names)].sort();
}
