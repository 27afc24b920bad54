import { describePlace } from './debug/object-lines.ts';
import { STT_GNU_IFUNC } from './elf.ts';
import type { Diagnostics, Place } from './errors.ts';
import type { LoadedInputs } from './inputs.ts';
import type { RelocationBackend } from './relocation/backend.ts';
import { NEEDS_GOT, NEEDS_TLS_GOT, SKIPS_NEXT, UNSUPPORTED } from './relocation/backend.ts';
import type { SymbolTable } from './resolution.ts';
import { placeOf } from './resolution.ts';
import type { InputSection } from './section.ts';
import { closestName, linkageHint } from './suggestion.ts';
import type { LinkSymbol } from './symbol.ts';

/** The entries that relocations asked for, in the order they asked. */
export class LinkTables {
  /** Words before the first entry: a self-relocating program finds `_DYNAMIC` in the first, two are ld.so's (psABI 5.2). */
  readonly gotHeader: number;
  /** GOT entries: addresses first, then thread pointer offsets, then the slots of ifuncs. */
  readonly got: LinkSymbol[] = [];
  readonly tlsGot: LinkSymbol[] = [];
  readonly ifuncs: LinkSymbol[] = [];

  constructor(isPie: boolean) {
    this.gotHeader = isPie ? 3 : 0;
  }

  get gotEntries(): number {
    return this.gotHeader + this.got.length + this.tlsGot.length + this.ifuncs.length;
  }

  needGot(symbol: LinkSymbol): void {
    if (symbol.gotIndex < 0) symbol.gotIndex = this.got.push(symbol) - 1;
  }
  needTlsGot(symbol: LinkSymbol): void {
    if (symbol.tlsGotIndex < 0) symbol.tlsGotIndex = this.tlsGot.push(symbol) - 1;
  }
  needIfunc(symbol: LinkSymbol): void {
    if (symbol.ifuncIndex < 0) symbol.ifuncIndex = this.ifuncs.push(symbol) - 1;
  }
}

interface Missing {
  readonly symbol: LinkSymbol;
  readonly variants: Set<string | undefined>;
  readonly places: Place[];
  last: InputSection | undefined;
  count: number;
}

/** Reads the relocations of all live sections once, before layout: what they need, and what nobody defines. */
export function scanRelocations(
  inputs: LoadedInputs,
  table: SymbolTable,
  backend: RelocationBackend,
  diagnostics: Diagnostics,
  isPie: boolean,
): LinkTables {
  const tables = new LinkTables(isPie);
  const missing = new Map<string, Missing>();
  for (const file of inputs.objects) {
    for (const section of file.sections) {
      if (section?.live !== true || section.fate !== 'keep') continue;
      scanSection(section, backend, tables, missing, diagnostics, isPie);
    }
  }
  for (const found of missing.values()) reportMissing(found, table, diagnostics);
  return tables;
}

function scanSection(
  section: InputSection,
  backend: RelocationBackend,
  tables: LinkTables,
  missing: Map<string, Missing>,
  diagnostics: Diagnostics,
  isPie: boolean,
): void {
  const { first, last, types, symbols, offsets } = section.relocations;
  const { resolved } = section.file;
  for (let i = first; i < last; i++) {
    const symbol = resolved[symbols[i]!]!;
    const needs = backend.needs(section, i, symbol, isPie);
    if (symbol.kind === 'undefined' && symbol.binding === 1 && section.isAlloc)
      noteMissing(section, i, symbol, missing);
    if (needs !== 0) {
      if ((needs & UNSUPPORTED) !== 0) {
        diagnostics.error(
          'link.unsupported-relocation',
          `relocation ${backend.typeName(types[i]!)} cannot be used in a static link`,
          [{ role: 'in', where: describePlace(section, offsets[i]!) }],
        );
      }
      if ((needs & NEEDS_GOT) !== 0) tables.needGot(symbol);
      if ((needs & NEEDS_TLS_GOT) !== 0) tables.needTlsGot(symbol);
      if ((needs & SKIPS_NEXT) !== 0) i++;
    }
    if (symbol.type === STT_GNU_IFUNC && symbol.isDefined) tables.needIfunc(symbol);
  }
}

const SHOWN_REFERENCES = 3;

function noteMissing(section: InputSection, index: number, symbol: LinkSymbol, missing: Map<string, Missing>): void {
  let found = missing.get(symbol.name);
  if (found === undefined) {
    found = { symbol, variants: new Set(), places: [], last: undefined, count: 0 };
    missing.set(symbol.name, found);
  }
  found.variants.add(section.file.identity.variantName);
  // Of several references from one function the first is enough.
  if (found.last === section) return;
  found.last = section;
  found.count++;
  if (found.count > SHOWN_REFERENCES) return;
  const where = describePlace(section, section.relocations.offsets[index]!);
  found.places.push({ role: 'referenced by', where });
}

function reportMissing(found: Missing, table: SymbolTable, diagnostics: Diagnostics): void {
  const { symbol, places, count } = found;
  const more =
    count > SHOWN_REFERENCES ? [{ role: 'referenced', where: `${count - SHOWN_REFERENCES} more times` }] : [];
  diagnostics.error(
    'link.undefined-symbol',
    `undefined symbol: ${symbol.name}`,
    [...places, ...more],
    hintFor(symbol.name, table),
    { symbol: symbol.name },
  );
}

function hintFor(name: string, table: SymbolTable): string {
  const elsewhere = table.names.get(name)?.definitions.find((d) => d !== undefined);
  if (elsewhere !== undefined) {
    return `code of one variant cannot go to another's: it is defined in ${placeOf(elsewhere)} only`;
  }
  for (const other of table.names.values()) {
    const symbol = other.name.startsWith(`${name}@`) ? other.definitions.find((d) => d !== undefined) : undefined;
    if (symbol !== undefined)
      return `only the default version, ${name}@@VERSION, answers; ${other.name} is defined in ${placeOf(symbol)}`;
  }
  const linkage = linkageHint(name, table);
  if (linkage !== undefined) return linkage;
  const near = closestName(name, table);
  if (near !== undefined) return `did you mean ${near.name}? It is defined in ${near.where}`;
  return 'no input defines it: give the object or the library (-l) that does';
}
