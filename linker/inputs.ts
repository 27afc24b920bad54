import { basename } from 'node:path';
import type { Archive, ArchiveMember } from './archive.ts';
import { isArchive, keysOf, readArchive } from './archive.ts';
import type { Defsyms } from './defsyms.ts';
import { STB_WEAK, STT_FUNC, STT_GNU_IFUNC } from './elf.ts';
import type { Diagnostics } from './errors.ts';
import { InputError, LinkError } from './errors.ts';
import { decodeFat, FAT_SECTION, type FatVariant, sectionNamed } from './fat-object.ts';
import { assertSymbols } from './fat-symbols.ts';
import { type ByteSource, InputFile, readWhole, sourceOf } from './input-file.ts';
import type { Isa, ObjectFile, ObjectIdentity } from './object.ts';
import { COMMON, readObject } from './object.ts';
import type { LinkInput, LinkOptions, VariantSpec } from './options.ts';
import { type LinkSymbol, unversionedNames } from './symbol.ts';

/** The variants of a link, by index. The default variant is always index 0, as published MELF managers expect. */
export interface VariantList {
  readonly names: readonly string[];
  readonly flags: readonly string[];
  readonly defaultIndex: 0;
}

/** All objects that take part, archive members included, in a fixed order. */
export interface LoadedInputs {
  readonly isa: Isa;
  readonly variants: VariantList;
  readonly objects: readonly ObjectFile[];
}

interface ArchiveInput {
  readonly archive: Archive;
  readonly variant: number;
  /** Pairs the archives of different variants. */
  readonly unit: string;
  readonly whole: boolean;
  readonly loaded: Set<number>;
  /** The last position among the inputs whose common symbols it answers for: its own, or the end of its group. */
  readonly reach: number;
  /** Its position among the inputs. */
  readonly at: number;
}

interface Wanted {
  readonly name: string;
  readonly variant: number;
  /** Set for a common symbol: the position of the input that has it. */
  readonly tentativeAt: number | undefined;
}

type Found = { readonly archive: ArchiveInput; readonly member: ArchiveMember };

const NO_VARIANTS: VariantList = { names: [], flags: [], defaultIndex: 0 };

/** Checks the variant list: names are unique and the default is one of them. */
function readVariantList(options: Pick<LinkOptions, 'variants' | 'defaultVariant'>): VariantList {
  const specs = options.variants ?? [];
  const names = specs.map((v) => v.name);
  const twice = names.find((n, i) => names.indexOf(n) !== i);
  if (twice !== undefined) throw new LinkError('link.duplicate-variant', `variant ${twice} is declared twice`);
  for (const name of names) {
    if (!/^[A-Za-z0-9_.+-]{1,64}$/.test(name)) {
      throw new LinkError('link.bad-variant-name', `"${name}" is not a variant name`, {
        hint: 'use up to 64 letters, digits and the characters _ . + -',
      });
    }
  }
  const wanted = options.defaultVariant;
  const chosen = wanted === undefined ? 0 : names.indexOf(wanted);
  if (chosen < 0) {
    throw new LinkError('link.unknown-variant', `the default variant ${wanted} is not declared`, {
      hint: `declared are: ${names.join(', ') || 'none'}`,
    });
  }
  const ordered = [...specs.slice(chosen, chosen + 1), ...specs.filter((_, i) => i !== chosen)];
  return { names: ordered.map((v) => v.name), flags: ordered.map((v) => v.flags ?? ''), defaultIndex: 0 };
}

/**
 * Reads all inputs and takes the archive members that are needed, like lld: archives answer from the start, whatever
 * their place on the command line. A member taken for one variant is taken for all that have it.
 */
export function loadInputs(options: LinkOptions, defsyms: Defsyms, diagnostics: Diagnostics): LoadedInputs {
  return new Loader(options, defsyms, diagnostics).load();
}

/** The name that an undefined reference really asks for (`--wrap`). */
export function wrappedName(name: string, wrap: ReadonlySet<string>): string {
  if (wrap.size === 0) return name;
  if (wrap.has(name)) return `__wrap_${name}`;
  if (name.startsWith('__real_') && wrap.has(name.slice(7))) return name.slice(7);
  return name;
}

class Loader {
  readonly #options: LinkOptions;
  readonly #defsyms: Defsyms;
  #variants: VariantList;
  readonly #diagnostics: Diagnostics;
  readonly #objects: ObjectFile[] = [];
  readonly #archives: ArchiveInput[] = [];
  readonly #wrap: ReadonlySet<string>;
  /** For each name the scopes (bit variant + 1) that define it, be it as a common symbol. */
  readonly #defined = new Map<string, number>();
  /** For each name the scopes that define it as anything else. */
  readonly #definedFully = new Map<string, number>();
  readonly #wanted: Wanted[] = [];
  /** Position among the inputs of what is read. */
  #at = 0;
  /** For each name the scopes (bit variant + 1) that asked for it. */
  readonly #asked = new Map<string, number>();
  #fatIndex: Map<string, Found> | undefined;
  #isa: Isa | undefined;
  #isaFrom = '';
  /** Archives, which stay open until their last member is read. */
  readonly #open: InputFile[] = [];

  constructor(options: LinkOptions, defsyms: Defsyms, diagnostics: Diagnostics) {
    this.#options = options;
    this.#defsyms = defsyms;
    this.#variants = NO_VARIANTS;
    this.#diagnostics = diagnostics;
    this.#wrap = new Set(options.wrap ?? []);
    this.#isa = options.isa;
    this.#isaFrom = options.isaGivenBy ?? 'the options';
  }

  load(): LoadedInputs {
    try {
      return this.#load();
    } finally {
      for (const file of this.#open) file.close();
    }
  }

  #load(): LoadedInputs {
    if (this.#options.inputs.length === 0) throw new LinkError('link.no-inputs', 'no input files');
    if ((this.#options.variants ?? []).length > 0) this.#declare(this.#options.variants!);
    if (this.#variants.names.length > 16) {
      throw new LinkError('link.too-many-variants', 'at most 16 variants can be linked together');
    }
    this.#want(this.#options.entry ?? '_start', COMMON);
    const { undefinedSymbols = [], requiredSymbols = [] } = this.#options;
    for (const name of [...undefinedSymbols, ...requiredSymbols]) this.#want(name, COMMON);
    for (const name of this.#defsyms.names) {
      this.#defined.set(name, 1);
      this.#definedFully.set(name, 1);
    }
    for (const name of this.#defsyms.references) this.#want(name, COMMON);
    const units = deriveUnits(this.#options.inputs);
    const groupEnds = new Map<number, number>();
    for (const [i, { group }] of this.#options.inputs.entries()) if (group !== undefined) groupEnds.set(group, i);
    for (const [i, input] of this.#options.inputs.entries()) {
      this.#at = i;
      this.#addInput(input, units[i]!, input.group === undefined ? i : groupEnds.get(input.group)!);
    }
    for (const archive of this.#archives) {
      if (archive.whole) for (const member of archive.archive.list()) this.#addMember(archive, member);
    }
    this.#takeMembers();
    if (this.#variants.names.length === 0) this.#declare([]);
    if (this.#isa === undefined) {
      throw new LinkError('link.no-objects', 'no input holds an object that is needed', {
        hint: 'archives alone give nothing unless something refers to their members: add -u SYMBOL or an object',
      });
    }
    return { isa: this.#isa, variants: this.#variants, objects: this.#objects };
  }

  #declare(variants: readonly VariantSpec[]): void {
    this.#variants = readVariantList({ ...this.#options, variants });
  }

  #addInput(input: LinkInput, unit: string, reach: number): void {
    const variant = input.variant === undefined ? COMMON : this.#variants.names.indexOf(input.variant);
    if (input.variant !== undefined && variant < 0) {
      throw new LinkError(
        'link.unknown-variant',
        `${input.path} belongs to variant ${input.variant}, which is not declared`,
      );
    }
    const [file, source] = openInput(input);
    const readAll = (): Uint8Array => {
      const bytes = source.bytes(0, source.size);
      file?.close();
      return bytes;
    };
    if (file !== undefined) this.#open.push(file);
    const isOne = !isArchive(source.bytes(0, 8));
    if (!isOne || input.lazy === true) {
      const archive = isOne ? archiveOfOne(readAll(), input.path) : readArchive(source, input.path, file && readWhole);
      const whole = input.wholeArchive ?? false;
      this.#archives.push({ archive, variant, unit, whole, loaded: new Set(), at: this.#at, reach });
      return;
    }
    const { path, shownAs, variant: variantName } = input;
    const first = this.#isa === undefined;
    this.#addObject(readAll(), { path, shownAs, variant, variantName, unit });
    if (first && input.givenBy !== undefined) this.#isaFrom = input.givenBy;
  }

  /** An object of melf-cc holds one of each variant; every other one is what it is. */
  #addObject(bytes: Uint8Array, identity: ObjectIdentity): void {
    const fat = identity.variant === COMMON ? sectionNamed(bytes, FAT_SECTION) : undefined;
    if (fat === undefined || fat.length === 0) {
      this.#addOne(bytes, identity);
      return;
    }
    const where = identity.member === undefined ? identity.path : `${identity.path}(${identity.member})`;
    const lists = decodeFat(fat, where);
    if (lists.length > 1) {
      throw new InputError(
        'link.combined',
        where,
        `${lists.length} objects of melf-cc were combined without it, so their other variants are not combined`,
        'combine them with melf-cc -r',
      );
    }
    assertSymbols(bytes, fat, where);
    // A link that names no variants has those of its first fat object.
    if (this.#variants.names.length === 0) this.#declare(lists[0]!);
    for (const [variant, name] of this.#variants.names.entries()) {
      const own: FatVariant | undefined = lists[0]!.find((v) => v.name === name);
      if (own === undefined) {
        throw new InputError(
          'link.fat-variants',
          where,
          `it was compiled without the variant ${name}`,
          `it has ${lists[0]!.map((v) => v.name).join(', ')}; compile everything with one melf.toml`,
        );
      }
      this.#addOne(own.object ?? bytes, { ...identity, variant, variantName: name });
    }
  }

  #addOne(bytes: Uint8Array, identity: ObjectIdentity): void {
    const file = readObject(bytes, identity);
    if (this.#isa === undefined) {
      this.#isa = file.isa;
      this.#isaFrom = file.name;
    }
    if (file.isa !== this.#isa) {
      this.#diagnostics.error('link.mixed-isa', `${file.isa} object in a link for ${this.#isa}`, [
        { role: 'defined in', where: file.displayName },
        { role: 'instruction set chosen by', where: this.#isaFrom },
      ]);
      return;
    }
    this.#objects.push(file);
    const bit = 1 << (file.variant + 1);
    for (let i = file.firstGlobal; i < file.symbols.length; i++) {
      const symbol = file.symbols[i]!;
      if (symbol.isDefined) {
        this.#define(symbol.name, symbol, bit, file.variant);
        if (file.hasVersions)
          for (const name of unversionedNames(symbol.name)) this.#define(name, symbol, bit, file.variant);
      } else if (symbol.binding !== STB_WEAK) this.#want(wrappedName(symbol.name, this.#wrap), file.variant);
    }
  }

  #want(name: string, variant: number): void {
    const bit = 1 << (variant + 1);
    const before = this.#asked.get(name) ?? 0;
    if ((before & bit) !== 0) return;
    this.#asked.set(name, before | bit);
    this.#wanted.push({ name, variant, tentativeAt: undefined });
  }

  /** A common symbol takes its definition from an archive, if there is one; a weak definition gives way to it. */
  #define(name: string, { kind, binding }: LinkSymbol, bit: number, variant: number): void {
    const before = this.#defined.get(name) ?? 0;
    this.#defined.set(name, before | bit);
    if (kind === 'common') this.#wanted.push({ name, variant, tentativeAt: this.#at });
    else if (binding !== STB_WEAK) this.#definedFully.set(name, (this.#definedFully.get(name) ?? 0) | bit);
  }

  #takeMembers(): void {
    for (let i = 0; i < this.#wanted.length; i++) {
      const { name, variant, tentativeAt } = this.#wanted[i]!;
      const defined = this.#defined.get(name) ?? 0;
      const own = variant === COMMON ? -1 : (1 << (variant + 1)) | 1;
      const enough = tentativeAt === undefined ? defined : (this.#definedFully.get(name) ?? 0);
      if ((enough & own) !== 0) continue;
      const found =
        tentativeAt === undefined
          ? this.#search(name, variant, defined !== 0)
          : this.#searchData(name, variant, tentativeAt);
      if (found !== undefined) this.#addMember(found.archive, found.member);
    }
  }

  #search(name: string, variant: number, definedElsewhere: boolean): Found | undefined {
    const byScope = (accept: (v: number) => boolean) => {
      for (const archive of this.#archives) {
        if (!accept(archive.variant)) continue;
        const offset = archive.archive.index.get(name);
        if (offset !== undefined) return { archive, member: archive.archive.memberAt(offset) };
      }
      return undefined;
    };
    const preferred = variant === COMMON ? this.#variants.defaultIndex : variant;
    const found = byScope((v) => v === preferred) ?? byScope((v) => v === COMMON);
    if (found !== undefined || definedElsewhere) return found;
    return byScope((v) => v === this.#variants.defaultIndex) ?? byScope(() => true) ?? this.#searchFat(name);
  }

  /**
   * A member that defines as data what an input has as a common symbol. As for GNU ld (elf_link_is_defined_archive_symbol) functions, weak
   * definitions and further common symbols do not count, nor archives that stand before the input; lld's --fortran-common is alike.
   */
  #searchData(name: string, variant: number, tentativeAt: number): Found | undefined {
    const preferred = variant === COMMON ? this.#variants.defaultIndex : variant;
    for (const scope of [preferred, COMMON]) {
      for (const archive of this.#archives) {
        const first = archive.archive.index.get(name);
        if (first === undefined || archive.variant !== scope || archive.reach < tentativeAt) continue;
        for (const offset of [first, ...(archive.archive.repeats.get(name) ?? [])]) {
          const member = archive.archive.memberAt(offset);
          if (!archive.loaded.has(offset) && definesData(member, name, archive.archive.path))
            return { archive, member };
        }
      }
    }
    return undefined;
  }

  /** Archive indices know the default variant's symbols only: a function of another variant alone is found here. */
  #searchFat(name: string): Found | undefined {
    if (this.#variants.names.length === 0) return undefined;
    this.#fatIndex ??= this.#indexFatMembers();
    return this.#fatIndex.get(name);
  }

  #indexFatMembers(): Map<string, Found> {
    const index = new Map<string, Found>();
    for (const archive of this.#archives) {
      const { path } = archive.archive;
      for (const member of archive.archive.list()) {
        const fat = sectionNamed(member.bytes, FAT_SECTION);
        for (const { object } of fat === undefined ? [] : decodeFat(fat, path).flat()) {
          if (object === undefined) continue;
          const file = readObject(object, { path, member: member.name, variant: COMMON, unit: '' });
          for (const name of definedNames(file)) if (!index.has(name)) index.set(name, { archive, member });
        }
      }
    }
    return index;
  }

  #addMember(from: ArchiveInput, member: ArchiveMember): void {
    if (from.loaded.has(member.offset)) return;
    for (const archive of this.#archives) {
      const paired =
        archive !== from && from.variant !== COMMON && archive.variant !== COMMON && archive.unit === from.unit;
      if (archive !== from && !paired) continue;
      // Only variants need to tell members with one name apart.
      const own =
        archive === from ? member : archive.archive.keys().byKey.get(from.archive.keys().keys.get(member.offset)!);
      if (own === undefined || archive.loaded.has(own.offset)) continue;
      archive.loaded.add(own.offset);
      this.#at = archive.at;
      const inVariants = archive.variant !== COMMON || this.#variants.names.length > 0;
      const key = inVariants ? from.archive.keys().keys.get(member.offset)! : member.name;
      this.#addObject(own.bytes, {
        path: archive.archive.path,
        member: member.name,
        variant: archive.variant,
        variantName: this.#variants.names[archive.variant],
        unit: `${archive.unit}(${key})`,
      });
    }
  }
}

function openInput({ path, bytes }: LinkInput): [InputFile | undefined, ByteSource] {
  if (bytes !== undefined) return [undefined, sourceOf(bytes)];
  const file = new InputFile(path);
  return [file, file];
}

function definedNames(file: ObjectFile): string[] {
  const defined = file.symbols.filter((symbol, i) => i >= file.firstGlobal && symbol.isDefined);
  return defined.flatMap(({ name }) => [name, ...unversionedNames(name)]);
}

function definesData(member: ArchiveMember, name: string, path: string): boolean {
  const file = readObject(member.bytes, { path, member: member.name, variant: COMMON, unit: '' });
  const symbol = file.symbols.find((one, i) => i >= file.firstGlobal && one.name === name);
  if (symbol === undefined || symbol.binding === STB_WEAK) return false;
  if (symbol.type === STT_FUNC || symbol.type === STT_GNU_IFUNC) return false;
  return symbol.kind === 'section' || symbol.kind === 'absolute';
}

function archiveOfOne(bytes: Uint8Array, path: string): Archive {
  const member = { name: basename(path), offset: 0, bytes };
  const file = readObject(bytes, { path, variant: COMMON, unit: '' });
  const index = new Map(definedNames(file).map((name) => [name, 0]));
  return {
    path,
    index,
    repeats: new Map(),
    memberAt: () => member,
    list: () => [member],
    keys: () => keysOf([member]),
  };
}

/** For each input its unit: the given one, or the shortest ending of its path that no other input of its variant has. */
function deriveUnits(inputs: readonly LinkInput[]): string[] {
  const byVariant = new Map<string | undefined, number[]>();
  for (const [i, input] of inputs.entries()) {
    const list = byVariant.get(input.variant);
    if (list === undefined) byVariant.set(input.variant, [i]);
    else list.push(i);
  }
  const units: string[] = inputs.map((input) => input.unit ?? basename(input.path));
  for (const list of byVariant.values()) {
    let clashing = list.filter((i) => inputs[i]!.unit === undefined);
    for (let depth = 2; depth < 64; depth++) {
      const seen = new Map<string, number>();
      for (const i of clashing) seen.set(units[i]!, (seen.get(units[i]!) ?? 0) + 1);
      clashing = clashing.filter((i) => (seen.get(units[i]!) ?? 0) > 1);
      if (clashing.length === 0) break;
      for (const i of clashing) units[i] = inputs[i]!.path.split('/').slice(-depth).join('/');
    }
  }
  return units;
}
