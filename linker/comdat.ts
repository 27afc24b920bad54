// Which COMDAT groups are kept (gABI, "Section Groups"): one of each signature for common code, or one for each variant.

import type { ComdatGroup, ObjectFile } from './object.ts';
import { COMMON } from './object.ts';
import type { InputSection } from './section.ts';

/** The group that is kept, by signature and scope (variant or common code): its file. */
type Kept = Map<string, Map<number, ObjectFile>>;

/** Names of kinds of a constructor or destructor, as the groups of gcc have them: C1, C2, or C5 for both (Itanium C++ ABI, 5.1.4.3). */
const OF_KINDS = /[CD][125]/;

/** Chooses and marks all others' sections as discarded. */
export function chooseComdats(objects: readonly ObjectFile[], defaultIndex: number): void {
  const kept = firstOfEach(objects, defaultIndex);
  const inDefault = new NamesInDefault(objects, kept, defaultIndex);
  for (const file of objects) {
    const seen = new Set<string>();
    for (const group of file.comdats) {
      const scopes = kept.get(group.signature)!;
      const keeps =
        scopes.get(file.variant) === file &&
        !seen.has(group.signature) &&
        (file.variant === COMMON
          ? !inDefault.hasAll(group, file)
          : !scopes.has(COMMON) || inDefault.hasSome(group, file));
      if (keeps) seen.add(group.signature);
      for (const i of group.members) {
        const section = file.sections[i];
        if (section === undefined) continue;
        if (keeps) section.comdat = group.signature;
        else section.fate = 'discard';
      }
    }
  }
}

/** The first in input order, but in a variant that is not the default the one of the same unit as the default's, so that its members pair with those. */
function firstOfEach(objects: readonly ObjectFile[], defaultIndex: number): Kept {
  const kept: Kept = new Map();
  const keep = (group: ComdatGroup, file: ObjectFile): void => {
    let scopes = kept.get(group.signature);
    if (scopes === undefined) {
      scopes = new Map();
      kept.set(group.signature, scopes);
    }
    const scope = file.variant;
    const before = scopes.get(scope);
    if (before === undefined) scopes.set(scope, file);
    else if (scope !== COMMON && scope !== defaultIndex) {
      const wanted = scopes.get(defaultIndex)?.unit;
      if (before.unit !== wanted && file.unit === wanted) scopes.set(scope, file);
    }
  };
  for (const primary of [true, false]) {
    for (const file of objects) {
      if ((file.variant === COMMON || file.variant === defaultIndex) !== primary) continue;
      for (const group of file.comdats) keep(group, file);
    }
  }
  return kept;
}

/**
 * What the default variant has. Its copies win over common code's, in whatever order they came. It may have what a group holds in a group of
 * another name: gcc's -fdeclone-ctor-dtor (part of -Os) unites those of a destructor's kinds.
 */
class NamesInDefault {
  readonly #kept: Kept;
  readonly #defaultIndex: number;
  readonly #files: readonly ObjectFile[];
  #names: ReadonlySet<string> | undefined;

  constructor(objects: readonly ObjectFile[], kept: Kept, defaultIndex: number) {
    this.#files = objects.filter(({ variant }) => variant === defaultIndex);
    this.#kept = kept;
    this.#defaultIndex = defaultIndex;
  }

  hasAll(group: ComdatGroup, file: ObjectFile): boolean {
    if (this.#hasSame(group)) return true;
    const names = this.#othersCount(group) ? namesIn(group, file) : [];
    return names.length > 0 && names.every((name) => this.#all().has(name));
  }

  hasSome(group: ComdatGroup, file: ObjectFile): boolean {
    return (
      this.#hasSame(group) || (this.#othersCount(group) && namesIn(group, file).some((name) => this.#all().has(name)))
    );
  }

  #hasSame({ signature }: ComdatGroup): boolean {
    return this.#kept.get(signature)?.has(this.#defaultIndex) === true;
  }

  #othersCount({ signature }: ComdatGroup): boolean {
    return this.#files.length > 0 && OF_KINDS.test(signature);
  }

  #all(): ReadonlySet<string> {
    if (this.#names !== undefined) return this.#names;
    const names = new Set<string>();
    for (const file of this.#files) {
      for (const group of file.comdats) {
        if (!OF_KINDS.test(group.signature) || this.#kept.get(group.signature)?.get(this.#defaultIndex) !== file)
          continue;
        for (const name of namesIn(group, file)) names.add(name);
      }
    }
    this.#names = names;
    return names;
  }
}

const namesByFile = new WeakMap<ObjectFile, ReadonlyMap<ComdatGroup, readonly string[]>>();

/** The global names that a group of a constructor's or destructor's kinds defines. */
function namesIn(group: ComdatGroup, file: ObjectFile): readonly string[] {
  let names = namesByFile.get(file);
  if (names === undefined) {
    names = namesOfFile(file);
    namesByFile.set(file, names);
  }
  return names.get(group) ?? [];
}

function namesOfFile(file: ObjectFile): ReadonlyMap<ComdatGroup, readonly string[]> {
  const names = new Map<ComdatGroup, string[]>();
  const groups = new Map<InputSection, string[]>();
  for (const group of file.comdats) {
    if (!OF_KINDS.test(group.signature)) continue;
    const list: string[] = [];
    names.set(group, list);
    for (const i of group.members) {
      const section = file.sections[i];
      if (section !== undefined) groups.set(section, list);
    }
  }
  for (let i = file.firstGlobal; i < file.symbols.length; i++) {
    const { kind, section, name } = file.symbols[i]!;
    if (kind === 'section' && section !== undefined) groups.get(section)?.push(name);
  }
  return names;
}
