// One session with the server by the client library mysql2, in virtual time.

import mysql from 'mysql2';
import { MelfError } from '../../base/errors.ts';
import type { ClientWorld } from '../runner/client-world.ts';
import { VirtualStream } from './virtual-stream.ts';

/** What a statement gave. */
export interface Answer {
  /** Values as text; `undefined` for a statement that gives no rows. */
  readonly rows: readonly (readonly string[])[] | undefined;
  readonly changed: number | undefined;
  /** The server's message, where it refused the statement. */
  readonly error: string | undefined;
}

export interface SessionEvents {
  /** The server has accepted the user. */
  onReady(now: number): void;
  /** It does not listen yet. */
  onRefused(now: number): void;
  /** It closed the connection without being asked to. */
  onLost(now: number): void;
}

/** A result as mysql2 gives it for a statement without rows. */
const isHeader = (row: unknown): row is { affectedRows: number } =>
  typeof row === 'object' && row !== null && !Array.isArray(row) && 'affectedRows' in row;

/** A user's session. Its calls give times of virtual time. */
export class Session {
  readonly #stream: VirtualStream;
  readonly #connection: mysql.Connection;
  #ended = false;

  constructor(world: ClientWorld, at: number, user: string, events: SessionEvents) {
    const stream = new VirtualStream(world, at, {
      onConnected: () => {},
      onData: () => {},
      onClose: (now) => {
        if (!this.#ended) events.onLost(now);
      },
      onRefused: (now) => {
        this.#ended = true;
        events.onRefused(now);
      },
    });
    this.#stream = stream;
    this.#connection = mysql.createConnection({
      user,
      stream,
      rowsAsArray: true,
      connectTimeout: 0, // would be the host's time
      dateStrings: true,
    });
    this.#connection.on('connect', () => events.onReady(stream.now));
    this.#connection.on('error', (error) => {
      if (!this.#ended) throw new MelfError('client.protocol', `${user}: ${error.message}`, { cause: error });
    });
  }

  /** Sends a statement at virtual time `at`; the answer comes with the time when all of it was there. */
  query(sql: string, at: number, onAnswer: (answer: Answer, now: number) => void): void {
    this.#stream.now = at;
    const rows: string[][] = [];
    let changed: number | undefined;
    let error: string | undefined;
    const query = this.#connection.query(sql);
    const finish = (): void => {
      const answer = { rows: changed === undefined ? rows : undefined, changed, error };
      onAnswer(answer, this.#stream.now);
    };
    query.on('result', (row: unknown) => {
      if (isHeader(row)) changed = row.affectedRows;
      else rows.push((row as unknown[]).map((value) => (value === null ? 'NULL' : String(value))));
    });
    query.on('error', (cause: Error) => {
      error = cause.message;
      finish();
    });
    query.on('end', () => {
      if (error === undefined) finish();
    });
  }

  /** From now on the server may close the connection. */
  expectEnd(): void {
    this.#ended = true;
  }

  /** Says goodbye. */
  close(at: number): void {
    this.#ended = true;
    this.#stream.now = at;
    this.#connection.end();
  }
}
