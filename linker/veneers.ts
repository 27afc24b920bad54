// Branches that do not reach (AAELF64, "Call and Jump relocations"): they go by a veneer in an island among the code, which does.

import type { Addresses } from './addresses.ts';
import { LinkError } from './errors.ts';
import type { LoadedInputs } from './inputs.ts';
import type { Layout } from './layout.ts';
import type { Synthetic } from './output.ts';
import type { RelocationBackend, VeneerKind } from './relocation/backend.ts';
import { InputSection } from './section.ts';
import type { LinkSymbol } from './symbol.ts';
import type { Finished } from './synthetic.ts';
import { synthetic } from './synthetic.ts';

/** Bytes of code from one island to the next: from everywhere some island is in reach. */
const SPACING = 0x4000000;
/** What all islands together may have, so that nothing that reached before gets out of reach by them. */
const MOST_BYTES = 0x400000;

/** Veneers for the code around, at a place in `.text`. */
export interface Island {
  /** The section that it stands before; undefined: the end of `.text`. */
  readonly before: InputSection | undefined;
  readonly synthetic: Synthetic;
}

interface Spot {
  readonly before: InputSection | undefined;
  readonly va: number;
  readonly entries: { symbol: LinkSymbol; addend: number }[];
}

/** The islands of a link, and which veneer leads where. */
export class Veneers {
  readonly islands: readonly Island[];
  readonly #bySymbol = new Map<LinkSymbol, { addend: number; island: Synthetic; index: number }[]>();
  readonly #kind: VeneerKind;

  constructor(spots: readonly Spot[], kind: VeneerKind, finished: Finished) {
    this.#kind = kind;
    this.islands = spots.map(({ before, entries }) => {
      const island = synthetic('veneers', entries.length * kind.size, 16, finished, (out, offset, addresses, self) => {
        const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
        for (const [i, { symbol, addend }] of entries.entries()) {
          const at = i * kind.size;
          kind.write(view, offset + at, self.va + at, addresses.target(symbol, addend));
        }
      });
      for (const [index, { symbol, addend }] of entries.entries()) {
        let list = this.#bySymbol.get(symbol);
        if (list === undefined) {
          list = [];
          this.#bySymbol.set(symbol, list);
        }
        list.push({ addend, island, index });
      }
      return { before, synthetic: island };
    });
  }

  /** A veneer to a target that a branch at `place` reaches, or undefined. */
  find(place: number, symbol: LinkSymbol, addend: number): number | undefined {
    for (const veneer of this.#bySymbol.get(symbol) ?? []) {
      const va = veneer.island.va + veneer.index * this.#kind.size;
      if (veneer.addend === addend && this.#kind.reaches(va - place)) return va;
    }
    return undefined;
  }
}

/** Decides from a layout without islands which are needed; undefined: none. */
export function planVeneers(
  inputs: LoadedInputs,
  layout: Layout,
  addresses: Addresses,
  backend: RelocationBackend,
  finished: Finished,
): Veneers | undefined {
  const { veneer } = backend;
  if (veneer === undefined || codeSpan(layout) < veneer.reach - MOST_BYTES) return undefined;
  const spots = findSpots(layout);
  const known = new Map<Spot, Map<LinkSymbol, Set<number>>>();
  for (const file of inputs.objects) {
    for (const section of file.sections) {
      if (section?.live !== true || section.fate !== 'keep' || !section.isExec) continue;
      const { types, symbols, offsets, addends, first, last } = section.relocations;
      for (let i = first; i < last; i++) {
        if (!veneer.isBranch(types[i]!)) continue;
        const [symbol, addend] = [file.resolved[symbols[i]!]!, addends[i]!];
        if (symbol.kind === 'undefined') continue;
        const place = section.va + offsets[i]!;
        if (Math.abs(addresses.target(symbol, addend) - place) < veneer.reach - MOST_BYTES) continue;
        const spot = nearest(spots, place);
        if (Math.abs(spot.va - place) < veneer.reach - MOST_BYTES) note(known, spot, symbol, addend);
      }
    }
  }
  const used = spots.filter(({ entries }) => entries.length > 0);
  const bytes = used.reduce((sum, { entries }) => sum + entries.length * veneer.size + 16, 0);
  if (bytes > MOST_BYTES) {
    throw new LinkError(
      'link.too-many-veneers',
      `${bytes} bytes of veneers for branches that do not reach are needed`,
      {
        hint: `at most ${MOST_BYTES} are made; leave out what is not needed (--gc-sections)`,
      },
    );
  }
  return used.length === 0 ? undefined : new Veneers(used, veneer, finished);
}

/** From the first byte of code to the last. */
function codeSpan(layout: Layout): number {
  const code = layout.sections.filter((s) => s.region === 'exec' || s.region === 'window');
  const start = Math.min(...code.map((s) => s.va));
  return Math.max(...code.map((s) => s.va + s.size)) - start;
}

function findSpots(layout: Layout): Spot[] {
  const spots: Spot[] = [];
  const text = layout.byName.get('.text');
  if (text === undefined) return spots;
  let last = 0;
  for (const { content, offset } of text.chunks) {
    if (!(content instanceof InputSection) || offset + content.size - last <= SPACING || offset === last) continue;
    spots.push({ before: content, va: text.va + offset, entries: [] });
    last = offset;
  }
  spots.push({ before: undefined, va: text.va + text.size, entries: [] });
  return spots;
}

function nearest(spots: readonly Spot[], place: number): Spot {
  let best = spots[0]!;
  for (const spot of spots) if (Math.abs(spot.va - place) < Math.abs(best.va - place)) best = spot;
  return best;
}

function note(known: Map<Spot, Map<LinkSymbol, Set<number>>>, spot: Spot, symbol: LinkSymbol, addend: number): void {
  let symbols = known.get(spot);
  if (symbols === undefined) {
    symbols = new Map();
    known.set(spot, symbols);
  }
  let addends = symbols.get(symbol);
  if (addends === undefined) {
    addends = new Set();
    symbols.set(symbol, addends);
  }
  if (addends.has(addend)) return;
  addends.add(addend);
  spot.entries.push({ symbol, addend });
}
