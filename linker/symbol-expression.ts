// The arithmetic of `--defsym` (ld(1)): symbols and numbers, added and subtracted, in parentheses; numbers also multiplied.

/** A sum of symbols, each as often as its factor says, and of a number. */
export interface SymbolExpression {
  readonly number: bigint;
  readonly factors: ReadonlyMap<string, bigint>;
}

const TOKEN = /\s*(?:(0[xX][0-9a-fA-F]+|\d+)([kKmM]?)(?![\w.$])|([A-Za-z_.$][\w.$]*)|"([^"]+)"|([-+*()]))/y;
const UNITS: Readonly<Record<string, bigint>> = { '': 1n, k: 1024n, m: 1_048_576n };

/** Of parentheses and signs within each other: more of them were made to end the program. */
const DEEPEST = 200;

/** Reads an expression; undefined for what is none, or is beyond sums of symbols. */
export function parseSymbolExpression(text: string): SymbolExpression | undefined {
  return new Parser(text).parse();
}

/** C's numbers: octal with a leading 0. */
function numberOf(digits: string, unit: string): bigint | undefined {
  const isOctal = /^0\d/.test(digits);
  if (isOctal && /[89]/.test(digits)) return undefined;
  return BigInt(isOctal ? `0o${digits.slice(1)}` : digits) * UNITS[unit.toLowerCase()]!;
}

const scaled = ({ number, factors }: SymbolExpression, by: bigint): SymbolExpression => ({
  number: number * by,
  factors: new Map([...factors].map(([name, factor]) => [name, factor * by])),
});

function sum(a: SymbolExpression, b: SymbolExpression): SymbolExpression {
  const factors = new Map(a.factors);
  for (const [name, factor] of b.factors) factors.set(name, (factors.get(name) ?? 0n) + factor);
  return { number: a.number + b.number, factors };
}

class Parser {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  /** The next one: an operator, or what stands for a value. */
  #operator = '';
  #operand: SymbolExpression | undefined;

  constructor(text: string) {
    this.#text = text.trimEnd();
  }

  parse(): SymbolExpression | undefined {
    if (!this.#next()) return undefined;
    const value = this.#sum();
    return value !== undefined && this.#operator === 'end' ? value : undefined;
  }

  /** False for what is no word of the language. */
  #next(): boolean {
    this.#operand = undefined;
    this.#operator = 'end';
    if (this.#at === this.#text.length) return true;
    TOKEN.lastIndex = this.#at;
    const match = TOKEN.exec(this.#text);
    if (match === null) this.#operator = 'unknown';
    else {
      this.#at = TOKEN.lastIndex;
      const [, digits, unit = '', name, quoted, operator = ''] = match;
      const symbol = name ?? quoted;
      this.#operator = operator;
      if (symbol !== undefined) this.#operand = { number: 0n, factors: new Map([[symbol, 1n]]) };
      const number = digits === undefined ? undefined : numberOf(digits, unit);
      if (number !== undefined) this.#operand = { number, factors: new Map() };
    }
    return this.#operator !== 'unknown';
  }

  #sum(): SymbolExpression | undefined {
    let value = this.#product();
    while (value !== undefined && (this.#operator === '+' || this.#operator === '-')) {
      const sign = this.#operator === '+' ? 1n : -1n;
      this.#next();
      const other = this.#product();
      value = other === undefined ? undefined : sum(value, scaled(other, sign));
    }
    return value;
  }

  #product(): SymbolExpression | undefined {
    let value = this.#unary();
    while (value !== undefined && this.#operator === '*') {
      this.#next();
      const other = this.#unary();
      if (other === undefined || (other.factors.size > 0 && value.factors.size > 0)) return undefined;
      value = other.factors.size > 0 ? scaled(other, value.number) : scaled(value, other.number);
    }
    return value;
  }

  #unary(): SymbolExpression | undefined {
    if (++this.#depth > DEEPEST) return undefined;
    try {
      const [operator, operand] = [this.#operator, this.#operand];
      if (!/^[-+(]?$/.test(operator)) return undefined;
      this.#next();
      if (operator === '') return operand;
      if (operator !== '(') {
        const value = this.#unary();
        return value === undefined || operator === '+' ? value : scaled(value, -1n);
      }
      const inner = this.#sum();
      if (this.#operator !== ')') return undefined;
      this.#next();
      return inner;
    } finally {
      this.#depth--;
    }
  }
}
