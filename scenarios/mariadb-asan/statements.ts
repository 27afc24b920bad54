// The statements of one connection, each with its right answer: as sysbench's oltp scripts have them (point selects, ranges, sums, sorted
// ranges, updates of an indexed and of another column, delete and insert), with a join besides. A connection only touches its own rows, so
// that its model of them is exact whatever the others do.

import type { RandomStream } from '../runner/random.ts';
import { firstNumber, firstText, tables, textLength } from './load.ts';

/** A row or a count of changed rows as text, for comparison. */
export interface Statement {
  readonly kind: StatementKind;
  readonly sql: string;
  /** The rows, in order; of a statement that changes rows `undefined`. */
  readonly rows: readonly (readonly string[])[] | undefined;
  /** Rows that it changes, where it does. */
  readonly changed: number | undefined;
}

/** Kinds with their share of all statements, in percent. A replacement is two statements. */
export const mix = {
  point: 50,
  range: 10,
  sum: 5,
  sorted: 5,
  join: 10,
  'update-index': 8,
  'update-text': 7,
  replace: 5,
} as const;
export type StatementKind = keyof typeof mix | 'insert';

const changing: ReadonlySet<keyof typeof mix> = new Set(['update-index', 'update-text', 'replace']);

interface Row {
  number: number;
  text: string;
}

const rangeRows = 10;
const joinedRows = 5;
const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** One connection's rows in both tables, and what it asks next. */
export class OwnRows {
  readonly #first: number;
  readonly #count: number;
  readonly #random: RandomStream;
  readonly #tables: readonly Row[][];
  /** The second half of a replacement. */
  #following: Statement | undefined;

  readonly #kinds: readonly (readonly [kind: keyof typeof mix, share: number])[];

  /** `writes`: false leaves the kinds out that change rows, and gives the others their shares. */
  constructor(connection: number, count: number, random: RandomStream, writes = true) {
    const kinds = Object.entries(mix) as [keyof typeof mix, number][];
    this.#kinds = kinds.filter(([kind]) => writes || !changing.has(kind));
    this.#first = connection * count;
    this.#count = count;
    this.#random = random;
    this.#tables = tables.map(() =>
      Array.from({ length: count }, (_, index) => ({
        number: firstNumber(this.#first + index),
        text: firstText(this.#first + index),
      })),
    );
  }

  /** Sum of the numbers that the connection has in a table. */
  sum(table: number): number {
    return this.#tables[table]!.reduce((sum, { number }) => sum + number, 0);
  }

  /** Whether the connection may stop here: it is not in the middle of a replacement. */
  get isComplete(): boolean {
    return this.#following === undefined;
  }

  #text(): string {
    const letters = Array.from({ length: 12 }, () => String.fromCharCode(97 + this.#random.integer(0, 25)));
    return letters
      .join('')
      .repeat(Math.ceil(textLength / 12))
      .slice(0, textLength);
  }

  #kind(): keyof typeof mix {
    let ticket = this.#random.fraction() * this.#kinds.reduce((sum, [, share]) => sum + share, 0);
    for (const [kind, share] of this.#kinds) {
      ticket -= share;
      if (ticket < 0) return kind;
    }
    return 'point';
  }

  next(): Statement {
    const following = this.#following;
    this.#following = undefined;
    if (following !== undefined) return following;
    const kind = this.#kind();
    const table = this.#random.integer(0, tables.length - 1);
    const { name } = tables[table]!;
    const rows = this.#tables[table]!;
    const some =
      kind === 'join' ? joinedRows : kind === 'point' || kind.startsWith('u') || kind === 'replace' ? 1 : rangeRows;
    const index = this.#random.integer(0, this.#count - some);
    const id = this.#first + index;
    const range = `BETWEEN ${id} AND ${id + some - 1}`;
    const chosen = rows.slice(index, index + some);
    const row = chosen[0]!;
    const asked = (sql: string, answer: readonly (readonly (string | number)[])[]): Statement => ({
      kind,
      sql,
      rows: answer.map((one) => one.map(String)),
      changed: undefined,
    });
    const change = (sql: string, of: StatementKind = kind): Statement => ({
      kind: of,
      sql,
      rows: undefined,
      changed: 1,
    });
    switch (kind) {
      case 'point':
        return asked(`SELECT c FROM ${name} WHERE id=${id}`, [[row.text]]);
      case 'range':
        return asked(
          `SELECT id, k FROM ${name} WHERE id ${range} ORDER BY id`,
          chosen.map(({ number }, at) => [id + at, number]),
        );
      case 'sum':
        return asked(`SELECT SUM(k) FROM ${name} WHERE id ${range}`, [
          [chosen.reduce((sum, { number }) => sum + number, 0)],
        ]);
      case 'sorted':
        return asked(
          `SELECT c FROM ${name} WHERE id ${range} ORDER BY c`,
          chosen
            .map(({ text }) => text)
            .sort(byText)
            .map((text) => [text]),
        );
      case 'join': {
        const [a, b] = this.#tables as [Row[], Row[]];
        return asked(
          `SELECT a.id, a.k, b.c FROM ${tables[0].name} a JOIN ${tables[1].name} b ON a.id=b.id WHERE a.id ${range} ORDER BY a.id`,
          chosen.map((_, at) => [id + at, a[index + at]!.number, b[index + at]!.text]),
        );
      }
      case 'update-index':
        row.number++;
        return change(`UPDATE ${name} SET k=k+1 WHERE id=${id}`);
      case 'update-text':
        row.text = this.#text();
        return change(`UPDATE ${name} SET c='${row.text}' WHERE id=${id}`);
      case 'replace':
        row.text = this.#text();
        this.#following = change(
          `INSERT INTO ${name} (id, k, c) VALUES (${id}, ${row.number}, '${row.text}')`,
          'insert',
        );
        return change(`DELETE FROM ${name} WHERE id=${id}`);
    }
  }
}
