// Symbols of the command line (`--defsym NAME=EXPRESSION`). The names exist from the start of resolution on; what they are is known when all
// other symbols are, and the value of some only after layout.

import type { Addresses } from './addresses.ts';
import { STB_GLOBAL, STT_NOTYPE, STV_DEFAULT } from './elf.ts';
import { LinkError } from './errors.ts';
import { COMMON } from './object.ts';
import type { SymbolTable } from './resolution.ts';
import { closestName } from './suggestion.ts';
import { LinkSymbol } from './symbol.ts';
import { parseSymbolExpression, type SymbolExpression } from './symbol-expression.ts';

/** A sum of symbols that are none of these here. */
interface Sum {
  number: bigint;
  readonly factors: Map<LinkSymbol, bigint>;
}

interface Definition {
  readonly text: string;
  readonly expression: SymbolExpression;
  readonly symbol: LinkSymbol;
  /** What the name meant without it: what it means in its own expression. */
  before: LinkSymbol | undefined;
  sum: Sum | undefined;
  isBeingRead: boolean;
}

export class Defsyms {
  readonly #definitions = new Map<string, Definition>();
  /** Those whose value the layout decides. */
  readonly #computed: Definition[] = [];

  /** @throws LinkError `link.bad-defsym` */
  constructor(given: Readonly<Record<string, string>>) {
    for (const [name, value] of Object.entries(given)) {
      const text = `${name}=${value}`;
      const expression = parseSymbolExpression(value);
      if (expression === undefined) {
        throw wrong(text, 'its value is no sum of symbols and numbers', 'as in b-4, a+0x10, end-start, (1+2)*4K');
      }
      const symbol = new LinkSymbol(name, undefined, STB_GLOBAL, STT_NOTYPE, STV_DEFAULT, 'absolute', undefined, 0, 0);
      const open = { before: undefined, sum: undefined, isBeingRead: false };
      this.#definitions.set(name, { text, expression, symbol, ...open });
    }
  }

  get names(): readonly string[] {
    return [...this.#definitions.keys()];
  }

  get symbols(): readonly LinkSymbol[] {
    return [...this.#definitions.values()].map(({ symbol }) => symbol);
  }

  /** The names that the expressions ask for. */
  get references(): readonly string[] {
    return [...this.#definitions.values()].flatMap(({ expression }) => [...expression.factors.keys()]);
  }

  /** What the expressions name, known after `bind`: live whoever else refers to it. */
  get targets(): readonly LinkSymbol[] {
    return [...this.#definitions.values()].flatMap(({ sum }) => [...(sum?.factors.keys() ?? [])]);
  }

  /** Puts the names into the table, in the place of whatever inputs define. */
  declare(table: SymbolTable): void {
    for (const [name, definition] of this.#definitions) {
      definition.before = table.lookup(name, COMMON);
      table.entry(name).definitions.fill(undefined);
      table.entry(name).definitions[0] = definition.symbol;
    }
  }

  /**
   * Finds what the names are, when all other symbols are in the table: another name for a place in a section, a number, or what layout will
   * tell.
   * @throws LinkError `link.bad-defsym`
   */
  bind(table: SymbolTable, isPie: boolean): void {
    for (const definition of this.#definitions.values()) {
      const { number, factors } = this.#read(definition, table);
      const { symbol, text } = definition;
      const [only, ...others] = factors;
      const { section } = only?.[0] ?? {};
      const offset = exact(number, text);
      // Of strings that are merged an offset says little before they have their places.
      if (only?.[1] === 1n && others.length === 0 && section !== undefined && section.pieces === undefined) {
        symbol.kind = 'section';
        symbol.type = only[0].type;
        symbol.section = section;
        symbol.value = only[0].value + offset;
        continue;
      }
      symbol.value = offset;
      if (factors.size === 0) continue;
      const moving = [...factors].reduce(
        (count, [target, factor]) => count + (target.movesWithImage ? factor : 0n),
        0n,
      );
      if (isPie && moving !== 0n && moving !== 1n) {
        throw wrong(
          text,
          'its value would depend on where the program is loaded',
          'in a position-independent executable it can be a place, a distance of two, or a number',
        );
      }
      symbol.isPlace = moving === 1n;
      this.#computed.push(definition);
    }
  }

  /** Gives those their values that layout decides. */
  place(addresses: Addresses): void {
    for (const { symbol, text, sum } of this.#computed) {
      let value = sum!.number;
      for (const [target, factor] of sum!.factors) value += factor * BigInt(addresses.symbolAddress(target));
      symbol.value = exact(value, text);
    }
  }

  #read(definition: Definition, table: SymbolTable): Sum {
    const { text, expression, before } = definition;
    if (definition.sum !== undefined) return definition.sum;
    if (definition.isBeingRead)
      throw wrong(text, 'it is defined by itself', 'give one of the names a value that holds none of the others');
    definition.isBeingRead = true;
    const sum: Sum = { number: expression.number, factors: new Map() };
    const add = (symbol: LinkSymbol, factor: bigint): void => {
      const all = (sum.factors.get(symbol) ?? 0n) + factor;
      if (all === 0n) sum.factors.delete(symbol);
      else sum.factors.set(symbol, all);
    };
    for (const [name, factor] of expression.factors) {
      const other = name === definition.symbol.name ? undefined : this.#definitions.get(name);
      if (other !== undefined) {
        const { number, factors } = this.#read(other, table);
        sum.number += factor * number;
        for (const [symbol, times] of factors) add(symbol, factor * times);
        continue;
      }
      const target = name === definition.symbol.name ? before : table.lookup(name, COMMON);
      if (target === undefined) {
        const near = closestName(name, table);
        const meant = near === undefined ? '' : `did you mean ${near.name} of ${near.where}? `;
        throw wrong(
          text,
          `${name} is not defined`,
          `${meant}a name counts only if some input that is linked defines it`,
        );
      }
      add(target, factor);
    }
    definition.sum = sum;
    return sum;
  }
}

/** A value of 64 bits as the number that stands for it everywhere: such that its sign is that of the word. */
function exact(value: bigint, text: string): number {
  const word = Number(BigInt.asIntN(64, value));
  if (Number.isSafeInteger(word)) return word;
  throw wrong(text, 'its value has more than 53 bits');
}

function wrong(text: string, what: string, hint?: string): LinkError {
  return new LinkError('link.bad-defsym', `--defsym ${text}: ${what}`, { hint });
}
