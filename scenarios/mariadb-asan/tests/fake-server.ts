// A world for the tests of the clients: virtual time and a server that answers from a function, by the server side of mysql2.

import { EventEmitter } from 'node:events';
import mysql from 'mysql2';
import type { ClientConnection, ClientHandlers, ClientWorld } from '../../runner/client-world.ts';

/** What a server answers: rows with the names of their columns, changed rows, or an error's text. */
export type FakeAnswer =
  | { readonly columns: readonly string[]; readonly rows: readonly (readonly unknown[])[] }
  | number
  | string;

interface ServerConnection {
  serverHandshake(settings: object): void;
  on(event: 'query', listener: (sql: string) => void): void;
  writeOk(settings: object): void;
  writeError(settings: object): void;
  writeTextResult(rows: readonly object[], columns: readonly object[]): void;
  sequenceId: number;
}

const VAR_STRING = 253;
const travelTime = 1000;

/** The server's end of a connection, as mysql2 wants it. */
class ServerEnd extends EventEmitter {
  readonly send: (bytes: Uint8Array) => void;
  constructor(send: (bytes: Uint8Array) => void) {
    super();
    this.send = send;
  }
  write(bytes: Uint8Array): boolean {
    this.send(bytes);
    return true;
  }
  end(): void {}
}

/** Virtual time with connections to one server that listens from `from` on. */
export class FakeWorld implements ClientWorld {
  readonly users: string[] = [];
  now = 0;
  readonly #queue: { time: number; order: number; callback: (now: number) => void }[] = [];
  readonly #greetings: Promise<void>[] = [];
  #order = 0;
  readonly #answer: (sql: string) => FakeAnswer;
  readonly #from: number;

  constructor(answer: (sql: string) => FakeAnswer, from = 0) {
    this.#answer = answer;
    this.#from = from;
  }

  at(time: number, callback: (now: number) => void): void {
    this.#queue.push({ time, order: this.#order++, callback });
  }

  /** Until nothing happens any more. The library's server draws its greeting's random numbers in the background: those are waited for. */
  async run(): Promise<void> {
    for (;;) {
      await Promise.all(this.#greetings);
      this.#queue.sort((a, b) => a.time - b.time || a.order - b.order);
      const next = this.#queue.shift();
      if (next === undefined) return;
      this.now = next.time;
      next.callback(next.time);
    }
  }

  connect(at: number, handlers: ClientHandlers): ClientConnection {
    if (at < this.#from) {
      this.at(at + travelTime, (now) => handlers.onRefused(now));
      return { send() {}, close() {} };
    }
    let greeted = (): void => {};
    const end = new ServerEnd((bytes) => {
      greeted();
      const copy = Uint8Array.from(bytes);
      this.at(this.now + travelTime, (now) => handlers.onData(copy, now));
    });
    this.at(at + travelTime, (now) => {
      handlers.onConnected(now);
      this.#greetings.push(
        new Promise((resolve) => {
          greeted = resolve;
        }),
      );
      this.#serve(end);
    });
    return {
      send: (bytes, time) => {
        const copy = Buffer.from(bytes);
        this.at(time + travelTime, () => void end.emit('data', copy));
      },
      close: () => {},
    };
  }

  #serve(end: ServerEnd): void {
    const server = mysql.createServer(() => {}) as unknown as EventEmitter & {
      _handleConnection(end: ServerEnd): void;
    };
    server.on('connection', (connection: ServerConnection) => {
      connection.serverHandshake({
        protocolVersion: 10,
        serverVersion: '10.11.0-fake',
        connectionId: 1,
        statusFlags: 2,
        characterSet: 8,
        capabilityFlags: 0xffffff ^ 0x800 ^ 0x20,
        authCallback: ({ user }: { user: string }, done: (problem: null) => void) => {
          this.users.push(user);
          done(null);
          connection.sequenceId = 0;
        },
      });
      connection.on('query', (sql) => {
        const answer = this.#answer(sql);
        if (typeof answer === 'number') connection.writeOk({ affectedRows: answer });
        else if (typeof answer === 'string') connection.writeError({ code: 1064, message: answer });
        else {
          const columns = answer.columns.map((name) => ({
            catalog: 'def',
            schema: '',
            table: '',
            orgTable: '',
            name,
            orgName: name,
            characterSet: 33,
            columnLength: 100,
            columnType: VAR_STRING,
            flags: 0,
            decimals: 0,
          }));
          const rows = answer.rows.map((row) => Object.fromEntries(row.map((value, i) => [answer.columns[i]!, value])));
          connection.writeTextResult(rows, columns);
        }
        // The server side of the library counts on where a command ended; each command begins at 0.
        connection.sequenceId = 0;
      });
    });
    server._handleConnection(end);
  }
}
