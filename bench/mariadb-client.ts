// A client of MariaDB that costs the host next to nothing, for figures that are about the server: the scenario's client library takes as long
// for a short answer as the server. MariaDB's client/server protocol, as far as queries without parameters go
// (https://mariadb.com/kb/en/clientserver-protocol/); the server must not ask for a password (--skip-grant-tables).
import type { ClientConnection, ClientWorld } from '../scenarios/runner/client-world.ts';
import { BenchError } from './measure.ts';

/** LONG_PASSWORD, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION */
const CAPABILITIES = 0x1 | 0x200 | 0x2000 | 0x8000;
const LATIN1 = 8;
const COM_QUERY = 3;
const OK = 0;
const EOF = 0xfe;
const ERROR = 0xff;
const HEADER = 4;

function packet(sequence: number, body: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(HEADER + body.length);
  bytes.writeUIntLE(body.length, 0, 3);
  bytes[3] = sequence;
  bytes.set(body, HEADER);
  return bytes;
}

function login(user: string): Uint8Array {
  const fixed = Buffer.alloc(32);
  fixed.writeUInt32LE(CAPABILITIES, 0);
  fixed.writeUInt32LE(2 ** 24 - 1, 4);
  fixed[8] = LATIN1;
  return packet(1, Buffer.concat([fixed, Buffer.from(`${user}\0\0`, 'latin1')]));
}

/** A query as it goes over the wire. */
export const encodeQuery = (sql: string): Uint8Array =>
  packet(0, Buffer.concat([Uint8Array.of(COM_QUERY), Buffer.from(sql, 'latin1')]));

/** What a query gave: its first row's first column; undefined for none. */
export type OnAnswer = (first: string | undefined, now: number) => void;

export class PacketClient {
  readonly #connection: ClientConnection;
  #bytes: Uint8Array = new Uint8Array();
  #state: 'greeting' | 'login' | 'ready' | 'answer' | 'columns' | 'rows' = 'greeting';
  #first: string | undefined;
  #onAnswer: OnAnswer;
  #mayEnd = false;

  constructor(
    world: ClientWorld,
    at: number,
    user: string,
    events: { onReady: (now: number) => void; onRefused: (now: number) => void },
  ) {
    this.#onAnswer = (_, now) => events.onReady(now);
    this.#connection = world.connect(at, {
      onConnected: () => {},
      onRefused: events.onRefused,
      onClose: () => {
        if (!this.#mayEnd) throw new BenchError('bench.mariadb', 'the server closed a connection');
      },
      onData: (bytes, now) => this.#take(bytes, now, user),
    });
  }

  query(query: Uint8Array, at: number, onAnswer: OnAnswer): void {
    this.#state = 'answer';
    this.#first = undefined;
    this.#onAnswer = onAnswer;
    this.#connection.send(query, at);
  }

  /** From now on the server may close the connection. */
  expectEnd(): void {
    this.#mayEnd = true;
  }

  #take(bytes: Uint8Array, now: number, user: string): void {
    const all = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
    let at = 0;
    while (at + HEADER <= all.length) {
      const end = at + HEADER + (all[at]! | (all[at + 1]! << 8) | (all[at + 2]! << 16));
      if (end > all.length) break;
      this.#packet(all.subarray(at + HEADER, end), now, user);
      at = end;
    }
    this.#bytes = all.slice(at);
  }

  #packet(body: Uint8Array, now: number, user: string): void {
    const kind = body[0];
    if (kind === ERROR && this.#mayEnd) return; // it tells its clients that it ends
    if (kind === ERROR)
      throw new BenchError('bench.mariadb', `the server says: ${Buffer.from(body.subarray(9)).toString('latin1')}`);
    switch (this.#state) {
      case 'greeting':
        this.#state = 'login';
        this.#connection.send(login(user), now);
        break;
      case 'login':
      case 'answer':
        if (kind === OK) this.#finish(now);
        else this.#state = 'columns';
        break;
      case 'columns':
        if (kind === EOF) this.#state = 'rows';
        break;
      case 'rows':
        if (kind === EOF && body.length < 9) this.#finish(now);
        // Shorter than 251 bytes: its length is one byte.
        else this.#first ??= Buffer.from(body.subarray(1, 1 + kind!)).toString('latin1');
        break;
      default:
        throw new BenchError('bench.mariadb', 'the server speaks without being asked');
    }
  }

  #finish(now: number): void {
    this.#state = 'ready';
    this.#onAnswer(this.#first, now);
  }
}
