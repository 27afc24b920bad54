import assert from 'node:assert/strict';
import { randomStreams } from '../runner/random.ts';
import { firstNumber, firstText, tables } from './load.ts';
import { mismatch } from './load-session.ts';
import { mix, OwnRows, type StatementKind } from './statements.ts';

/** Enough SQL for the statements here, on rows of all connections. */
class TinyDatabase {
  readonly #tables: Map<string, Map<number, { k: number; c: string }>>;

  constructor(count: number) {
    this.#tables = new Map(
      tables.map(({ name }) => [
        name,
        new Map(Array.from({ length: count }, (_, id) => [id, { k: firstNumber(id), c: firstText(id) }])),
      ]),
    );
  }

  ask(sql: string): { rows: string[][] | undefined; changed: number | undefined; error: undefined } {
    const table = this.#tables.get(/(?:FROM|UPDATE|INTO) (\w+)/.exec(sql)![1]!)!;
    const rows = (values: (string | number)[][]) => ({
      rows: values.map((row) => row.map(String)),
      changed: undefined,
      error: undefined,
    });
    const changed = (ok: boolean) => ({ rows: undefined, changed: ok ? 1 : 0, error: undefined });
    const one = Number(/id=(\d+)/.exec(sql)?.[1]);
    const [, low, high] = (/BETWEEN (\d+) AND (\d+)/.exec(sql) ?? []).map(Number);
    const found = [...table]
      .filter(([id]) => (low === undefined ? id === one : id >= low && id <= high!))
      .sort(([a], [b]) => a - b);
    if (sql.startsWith('INSERT')) {
      const [, id, k, c] = /\((\d+), (\d+), '(.*)'\)/.exec(sql)!;
      const isNew = !table.has(Number(id));
      table.set(Number(id), { k: Number(k), c: c! });
      return changed(isNew);
    }
    if (sql.startsWith('DELETE')) return changed(table.delete(one));
    if (sql.startsWith('UPDATE')) {
      const row = table.get(one)!;
      const text = /c='(.*)' WHERE/.exec(sql)?.[1];
      if (text === undefined) row.k++;
      else row.c = text;
      return changed(true);
    }
    if (sql.includes('JOIN')) {
      const other = this.#tables.get('sb_myisam')!;
      return rows(found.map(([id, { k }]) => [id, k, other.get(id)!.c]));
    }
    if (sql.includes('SUM')) return rows([[found.reduce((sum, [, { k }]) => sum + k, 0)]]);
    if (sql.includes('id, k')) return rows(found.map(([id, { k }]) => [id, k]));
    const texts = found.map(([, { c }]) => c);
    return rows((sql.includes('ORDER BY c') ? texts.sort() : texts).map((text) => [text]));
  }
}

describe('statements on rows of their own', () => {
  it('have the answers that a database gives, in any order of the connections, in about the shares that are meant', () => {
    const [connections, count] = [3, 12];
    const database = new TinyDatabase(connections * count);
    const streams = randomStreams(7, connections + 1);
    const owners = Array.from({ length: connections }, (_, number) => new OwnRows(number, count, streams[number]!));
    const seen = new Map<StatementKind, number>();
    const rounds = 6000;
    for (let round = 0; round < rounds; round++) {
      const statement = owners[streams[connections]!.integer(0, connections - 1)]!.next();
      seen.set(statement.kind, (seen.get(statement.kind) ?? 0) + 1);
      assert.equal(mismatch(statement, database.ask(statement.sql)), undefined);
    }
    assert.equal(
      Object.values(mix).reduce((sum, share) => sum + share, 0),
      100,
    );
    for (const [kind, share] of Object.entries(mix)) {
      const found = ((seen.get(kind as StatementKind) ?? 0) / rounds) * 100;
      assert.ok(Math.abs(found - share) < 4, `${kind}: ${found} %, meant ${share} %`);
    }
  });

  it('only read where that is asked for', () => {
    const [random] = randomStreams(3, 1);
    const owner = new OwnRows(0, 12, random!, false);
    for (let round = 0; round < 500; round++) assert.match(owner.next().sql, /^SELECT/);
  });

  it('a wrong answer is told with what was asked', () => {
    const right = { sql: 'SELECT 1', rows: [['1']], changed: undefined };
    const answer = { rows: [['2']], changed: undefined, error: undefined };
    assert.match(mismatch(right, answer)!, /SELECT 1: \[\["2"\]\], not \[\["1"\]\]/);
    assert.match(mismatch(right, { ...answer, error: 'no table' })!, /no table/);
    assert.match(mismatch({ ...right, rows: undefined, changed: 1 }, answer)!, /no rows changed, not 1/);
  });
});
