import { chooseComdats } from './comdat.ts';
import { describePlace } from './debug/object-lines.ts';
import { STB_GLOBAL, STB_WEAK, STT_NOTYPE, STT_SECTION, STV_HIDDEN } from './elf.ts';
import type { Diagnostics } from './errors.ts';
import type { LoadedInputs } from './inputs.ts';
import { wrappedName } from './inputs.ts';
import type { ObjectFile } from './object.ts';
import { COMMON } from './object.ts';
import type { LinkOptions } from './options.ts';
import type { InputSection } from './section.ts';
import { LinkSymbol, unversionedNames } from './symbol.ts';
import { symbolsBySection } from './variant-keys.ts';

/** What one global name means: for common code, and for each variant's code. */
export interface GlobalName {
  readonly name: string;
  /** By variant + 1; index 0 is the common definition. Before `settle` the definitions found, after it the same. */
  readonly definitions: (LinkSymbol | undefined)[];
}

/** The global name space after resolution. */
export class SymbolTable {
  readonly names = new Map<string, GlobalName>();
  readonly variantCount: number;
  readonly defaultIndex: number;

  constructor(variantCount: number, defaultIndex: number) {
    this.variantCount = variantCount;
    this.defaultIndex = defaultIndex;
  }

  entry(name: string): GlobalName {
    let found = this.names.get(name);
    if (found === undefined) {
      found = { name, definitions: new Array(this.variantCount + 1).fill(undefined) };
      this.names.set(name, found);
    }
    return found;
  }

  /**
   * The definition that code of `variant` means by `name`: its own, the common one, or the default variant's; common code may also mean
   * the only one that there is. Addresses of multivariant functions and of shared data agree whichever is taken.
   */
  lookup(name: string, variant: number): LinkSymbol | undefined {
    const found = this.names.get(name);
    if (found === undefined) return undefined;
    const { definitions } = found;
    const first = variant === COMMON ? this.defaultIndex : variant;
    const own = stronger(definitions[first + 1], definitions[0]);
    if (own !== undefined) return own;
    const shared = definitions[this.defaultIndex + 1];
    // Code of one variant never leads into another that is not the default: that would be a mistake of the build.
    return shared ?? (variant === COMMON ? definitions.find((d) => d !== undefined) : undefined);
  }

  /** Defines a symbol of the linker's own, unless an input defined it. */
  provide(symbol: LinkSymbol): boolean {
    const entry = this.entry(symbol.name);
    if (entry.definitions.some((d) => d !== undefined)) return false;
    entry.definitions[0] = symbol;
    return true;
  }
}

function rank(symbol: LinkSymbol): number {
  if (symbol.kind === 'common') return 1;
  return symbol.binding === STB_WEAK ? 0 : 2;
}

function stronger(a: LinkSymbol | undefined, b: LinkSymbol | undefined): LinkSymbol | undefined {
  if (a === undefined) return b;
  if (b === undefined) return a;
  return rank(b) > rank(a) ? b : a;
}

/** Makes a symbol that the linker defines. */
export function linkerSymbol(
  name: string,
  type = STT_NOTYPE,
  binding = STB_GLOBAL,
  visibility = STV_HIDDEN,
): LinkSymbol {
  return new LinkSymbol(name, undefined, binding, type, visibility, 'absolute', undefined, 0, 0);
}

/**
 * Chooses among COMDAT groups, then among definitions, then fills `resolved` of every object.
 * Duplicate strong definitions in one scope (a variant together with common code) are reported.
 */
export function resolveSymbols(inputs: LoadedInputs, options: LinkOptions, diagnostics: Diagnostics): SymbolTable {
  const { variants, objects } = inputs;
  const table = new SymbolTable(variants.names.length, variants.defaultIndex);
  chooseComdats(objects, variants.defaultIndex);
  const allowed = options.multipleDefinitions === true;
  for (const file of objects) addDefinitions(file, table, allowed ? undefined : diagnostics);
  if (!allowed && table.variantCount > 0) reportCommonClashes(table, diagnostics);
  return table;
}

/** Second half of resolution, once the linker's own symbols are in the table. */
export function bindReferences(inputs: LoadedInputs, options: LinkOptions, table: SymbolTable): void {
  const wrap = new Set(options.wrap ?? []);
  for (const file of inputs.objects) {
    const { symbols, firstGlobal } = file;
    const resolved = symbols.slice();
    for (let i = firstGlobal; i < symbols.length; i++) {
      const symbol = symbols[i]!;
      const name = symbol.isDefined ? symbol.name : wrappedName(symbol.name, wrap);
      resolved[i] = table.lookup(name, file.variant) ?? symbol;
    }
    file.resolved = resolved;
  }
}

function isDiscarded(symbol: LinkSymbol): boolean {
  return symbol.kind === 'section' && (symbol.section === undefined || symbol.section.fate === 'discard');
}

function addDefinitions(file: ObjectFile, table: SymbolTable, diagnostics: Diagnostics | undefined): void {
  for (let i = file.firstGlobal; i < file.symbols.length; i++) {
    const symbol = file.symbols[i]!;
    if (!symbol.isDefined) continue;
    if (isDiscarded(symbol)) {
      symbol.kind = 'undefined';
      symbol.section = undefined;
      continue;
    }
    addDefinition(symbol.name, symbol, file.variant + 1, table, diagnostics);
    if (!file.hasVersions) continue;
    for (const name of unversionedNames(symbol.name)) addDefinition(name, symbol, file.variant + 1, table, diagnostics);
  }
}

function addDefinition(
  name: string,
  symbol: LinkSymbol,
  scope: number,
  table: SymbolTable,
  diagnostics: Diagnostics | undefined,
): void {
  const { definitions } = table.entry(name);
  const before = definitions[scope];
  if (before === undefined) definitions[scope] = symbol;
  else if (rank(before) === 2 && rank(symbol) === 2) {
    if (diagnostics !== undefined && !isSamePlace(before, symbol)) reportDuplicate(name, before, symbol, diagnostics);
  } else if (rank(before) === 1 && rank(symbol) === 1) mergeCommon(before, symbol);
  else definitions[scope] = stronger(before, symbol);
}

/** `.symver f,f@@V` leaves `f` beside it. */
function isSamePlace(a: LinkSymbol, b: LinkSymbol): boolean {
  return a.section !== undefined && a.section === b.section && a.value === b.value;
}

/** gABI: of several common symbols the largest size and the strictest alignment count. */
function mergeCommon(into: LinkSymbol, other: LinkSymbol): void {
  into.size = Math.max(into.size, other.size);
  into.value = Math.max(into.value, other.value);
}

function reportDuplicate(name: string, a: LinkSymbol, b: LinkSymbol, diagnostics: Diagnostics): void {
  diagnostics.error(
    'link.duplicate-symbol',
    `duplicate symbol: ${name}`,
    [
      { role: 'defined in', where: placeOf(a) },
      { role: 'defined in', where: placeOf(b) },
    ],
    undefined,
    { symbol: name },
  );
}

/** The symbol of a section that has only one, as with -fdata-sections. */
function onlySymbolOf(section: InputSection): LinkSymbol | undefined {
  const list = symbolsBySection(section.file).get(section) ?? [];
  return list.length === 1 ? list[0] : undefined;
}

/** Where a symbol is defined, for diagnostics. */
export function placeOf(symbol: LinkSymbol): string {
  if (symbol.type === STT_SECTION && symbol.section !== undefined) {
    // What such a symbol means is told by the addend of a reference alone, unless there is but one thing in the section.
    const named = onlySymbolOf(symbol.section);
    return named === undefined ? symbol.section.where : describePlace(symbol.section, named.value);
  }
  if (symbol.section !== undefined) return describePlace(symbol.section, symbol.value);
  return symbol.file?.displayName ?? 'the linker itself';
}

/** The first place in what is loaded that refers to a symbol of the file. */
export function referenceIn(file: ObjectFile, index: number): string | undefined {
  for (const section of file.sections) {
    if (section?.isAlloc !== true || section.name === '.eh_frame') continue;
    const { first, last, symbols, offsets } = section.relocations;
    for (let i = first; i < last; i++) if (symbols[i] === index) return describePlace(section, offsets[i]!);
  }
  return undefined;
}

function reportCommonClashes(table: SymbolTable, diagnostics: Diagnostics): void {
  for (const { name, definitions } of table.names.values()) {
    const common = definitions[0];
    if (common === undefined || rank(common) !== 2) continue;
    for (let v = 1; v < definitions.length; v++) {
      const own = definitions[v];
      if (own !== undefined && rank(own) === 2) reportDuplicate(name, common, own, diagnostics);
    }
  }
}
