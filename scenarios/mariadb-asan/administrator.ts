import { MelfError } from '../../base/errors.ts';
import type { MariadbClients } from './client.ts';
import { firstNumber, firstText, tables } from './load.ts';
import { mismatch } from './load-session.ts';
import { type Answer, Session } from './session.ts';

/** The server needs some time until it listens. */
const connectRetry = 5e6;
const connectLimit = 20e9;
/** Rows in one INSERT. */
const batch = 100;

/** Makes the tables before the load, looks at them after it, and stops the server; never sanitised by its own wish. */
export class Administrator {
  readonly #clients: MariadbClients;

  constructor(clients: MariadbClients) {
    this.#clients = clients;
  }

  /** Connects as soon as the server listens and fills the tables. */
  prepare(at: number, then: (now: number) => void): void {
    const { load } = this.#clients;
    const count = load.connections * load.rows;
    const ids = Array.from({ length: count }, (_, id) => id);
    const batches = Array.from({ length: Math.ceil(count / batch) }, (_, index) =>
      ids.slice(index * batch, (index + 1) * batch),
    );
    const statements = [
      'CREATE DATABASE IF NOT EXISTS test',
      'USE test',
      ...tables.flatMap(({ name, engine }) => [
        `CREATE TABLE ${name} (id INT NOT NULL PRIMARY KEY, k INT NOT NULL, c CHAR(60) NOT NULL, KEY (k)) ENGINE=${engine} CHARSET=latin1`,
        ...batches.map((some) => {
          const values = some.map((id) => `(${id},${firstNumber(id)},'${firstText(id)}')`);
          return `INSERT INTO ${name} (id, k, c) VALUES ${values.join(',')}`;
        }),
      ]),
    ];
    this.#connect(at, at + connectLimit, (session, now) => {
      this.#clients.listening(now);
      this.#run(session, statements, now, (end) => {
        this.#clients.countCommand(false);
        session.close(end);
        then(end);
      });
    });
  }

  /** Compares what is in the tables with the sums that the clients have in mind, and ends the server. */
  finish(at: number, sums: readonly number[]): void {
    const count = this.#clients.load.connections * this.#clients.load.rows;
    this.#connect(at, at + connectLimit, (session, now) => {
      this.#run(session, ['USE test'], now, (next) => this.#inspect(session, 0, count, sums, next));
    });
  }

  #inspect(session: Session, table: number, count: number, sums: readonly number[], now: number): void {
    if (table === tables.length) {
      // The server may close the connection before or after its answer.
      session.expectEnd();
      this.#clients.count(false);
      session.query('SHUTDOWN', now, () => {});
      return;
    }
    const sql = `SELECT COUNT(*), SUM(k), COUNT(DISTINCT id) FROM ${tables[table]!.name}`;
    this.#clients.count(false);
    session.query(sql, now, (answer, at) => {
      const rows = [[count, sums[table]!, count].map(String)];
      const complaint = mismatch({ sql, rows, changed: undefined }, answer);
      if (complaint !== undefined) this.#clients.complain(`at the end: ${complaint}`);
      this.#inspect(session, table + 1, count, sums, at);
    });
  }

  /** One statement after the other. */
  #run(session: Session, statements: readonly string[], at: number, then: (now: number) => void): void {
    const [sql, ...others] = statements;
    if (sql === undefined) {
      then(at);
      return;
    }
    this.#clients.count(false);
    session.query(sql, at, ({ error }: Answer, now) => {
      if (error !== undefined) {
        throw new MelfError('client.prepare', `The server refuses ${sql.slice(0, 60)}: ${error}`);
      }
      this.#run(session, others, now, then);
    });
  }

  #connect(at: number, limit: number, use: (session: Session, now: number) => void): void {
    const session: Session = new Session(this.#clients.world, at, 'root', {
      onReady: (now) => use(session, now),
      onRefused: (now) => {
        if (now > limit) {
          throw new MelfError('client.refused', 'The server does not listen', {
            facts: { waited: `${connectLimit / 1e9} s of virtual time` },
          });
        }
        this.#clients.world.at(now + connectRetry, (next) => this.#connect(next, limit, use));
      },
      onLost: (now) => this.#clients.lost('root', now),
    });
  }
}
