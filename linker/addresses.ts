import { describePlace } from './debug/object-lines.ts';
import { STT_SECTION, STT_TLS } from './elf.ts';
import type { Diagnostics } from './errors.ts';
import type { LoadedInputs } from './inputs.ts';
import type { Layout } from './layout.ts';
import type { LinkerSymbol } from './linker-symbols.ts';
import type { RelocationBackend, RelocationContext } from './relocation/backend.ts';
import { placeOf } from './resolution.ts';
import type { InputSection } from './section.ts';
import type { LinkSymbol } from './symbol.ts';
import type { LinkTables } from './tables.ts';
import type { Veneers } from './veneers.ts';

/** Addresses of the tables that layout placed. */
export interface TableAddresses {
  readonly got: number;
  readonly iplt: number;
}

/** Answers every question of a relocation from the finished layout. */
export class Addresses implements RelocationContext {
  readonly gotBase: number;
  readonly tlsStart: number;
  readonly tlsToThreadPointer: number;
  readonly isPie: boolean;
  /** Start of the overlay window, 0 without one. */
  readonly windowVa: number;
  readonly dynamicVa: number;
  readonly #iplt: number;
  readonly #tables: LinkTables;
  readonly #backend: RelocationBackend;
  readonly #diagnostics: Diagnostics;
  readonly #veneers: Veneers | undefined;

  constructor(
    layout: Layout,
    at: TableAddresses,
    tables: LinkTables,
    backend: RelocationBackend,
    diagnostics: Diagnostics,
    veneers?: Veneers,
  ) {
    this.#veneers = veneers;
    this.gotBase = at.got;
    this.isPie = layout.isPie;
    this.dynamicVa = layout.byName.get('.dynamic')?.va ?? 0;
    this.windowVa = layout.window?.va ?? 0;
    this.#iplt = at.iplt;
    this.#tables = tables;
    this.#backend = backend;
    this.#diagnostics = diagnostics;
    const { tls } = layout;
    this.tlsStart = tls?.start ?? 0;
    this.tlsToThreadPointer = tls === undefined ? 0 : backend.threadPointerOffset(tls.size, tls.align, tls.start);
  }

  symbolAddress(symbol: LinkSymbol): number {
    if (symbol.ifuncIndex >= 0) return this.#iplt + symbol.ifuncIndex * this.#backend.ipltEntrySize;
    return this.definitionAddress(symbol);
  }

  /** Like `symbolAddress`, but for an ifunc its resolver. */
  definitionAddress(symbol: LinkSymbol): number {
    const { section } = symbol;
    if (section === undefined) {
      if (symbol.kind !== 'undefined') return symbol.value;
      // A weak thread-local variable that nobody defines is at the thread pointer itself, as GNU ld has it.
      return symbol.type === STT_TLS ? -this.tlsToThreadPointer : 0;
    }
    if (section.pieces?.pool !== undefined && symbol.type !== STT_SECTION) {
      return section.pieces.addressOf(symbol.value) ?? 0;
    }
    return section.final.va + symbol.value;
  }

  target(symbol: LinkSymbol, addend: number, from?: InputSection): number {
    const { section } = symbol;
    if (section !== undefined) {
      // Nearly all lead to a section that is placed as a whole.
      if (section.live && section.pieces === undefined && section.fate === 'keep' && symbol.ifuncIndex < 0) {
        return section.va + symbol.value + addend;
      }
      // Another variant's description of a function that is common code: the default variant describes what is there.
      if (section.fate === 'replace' && section.isExec && from?.isAlloc === false) return nowhere(from);
      const { pieces } = section;
      if (pieces?.pool !== undefined && symbol.type === STT_SECTION)
        return pieces.addressOf(symbol.value + addend) ?? 0;
      if (!section.final.live) return from === undefined ? 0 : nowhere(from);
    }
    return this.symbolAddress(symbol) + addend;
  }

  gotAddress(symbol: LinkSymbol): number {
    return this.gotBase + (this.#tables.gotHeader + symbol.gotIndex) * 8;
  }

  tlsGotAddress(symbol: LinkSymbol): number {
    const { gotHeader, got } = this.#tables;
    return this.gotBase + (gotHeader + got.length + symbol.tlsGotIndex) * 8;
  }

  ifuncSlot(index: number): number {
    const { gotHeader, got, tlsGot } = this.#tables;
    return this.gotBase + (gotHeader + got.length + tlsGot.length + index) * 8;
  }

  veneer(place: number, symbol: LinkSymbol, addend: number): number | undefined {
    return this.#veneers?.find(place, symbol, addend);
  }

  problem(section: InputSection, index: number, message: string, hint?: string): void {
    const { types, symbols, offsets } = section.relocations;
    const symbol = section.file.resolved[symbols[index]!]!;
    const type = this.#backend.typeName(types[index]!);
    const name = symbol.name === '' ? 'a nameless symbol' : symbol.name;
    this.#diagnostics.error(
      'link.relocation',
      `relocation ${type} to ${name}: ${message}`,
      [
        {
          role: 'referenced by',
          where: `${describePlace(section, offsets[index]!)}+0x${offsets[index]!.toString(16)}`,
        },
        ...(symbol.section === undefined ? [] : [{ role: 'defined in', where: placeOf(symbol) }]),
      ],
      hint,
      { relocation: type, symbol: name },
    );
  }
}

/**
 * What debug information says of code that is gone. Its readers know address 0, but in the lists of DWARF 4 a pair of zeros is the end, where
 * GNU ld and lld write 1.
 */
function nowhere(from: InputSection): number {
  return from.name === '.debug_ranges' || from.name === '.debug_loc' ? 1 : 0;
}

/** Gives the linker's own symbols their values. */
export function placeLinkerSymbols(symbols: readonly LinkerSymbol[], layout: Layout): void {
  for (const { symbol, value } of symbols) symbol.value = value(layout);
}

/** References from live code to sections that have no place: discarded groups that only a local symbol names. */
export function checkDeadReferences(inputs: LoadedInputs, diagnostics: Diagnostics): void {
  for (const file of inputs.objects) {
    // A local symbol is in its own file; a global one of a discarded section is undefined.
    if (!file.sections.some((section) => section?.fate === 'discard')) continue;
    for (const section of file.sections) {
      if (section?.live !== true || section.fate !== 'keep' || !section.isAlloc || section.name === '.eh_frame')
        continue;
      const { first, last, symbols, offsets } = section.relocations;
      for (let i = first; i < last; i++) {
        const symbol = file.resolved[symbols[i]!]!;
        const target = symbol.section;
        if (target === undefined || target.final.live || target.name === '.eh_frame') continue;
        if (target.fate === 'discard' && !section.name.startsWith('.gcc_except_table')) {
          diagnostics.error('link.discarded', `reference to ${symbol.name} in a discarded section`, [
            { role: 'defined in', where: placeOf(symbol) },
            { role: 'referenced by', where: describePlace(section, offsets[i]!) },
          ]);
        }
      }
    }
  }
}
