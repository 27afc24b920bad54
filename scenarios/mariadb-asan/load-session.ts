import type { RandomStream } from '../runner/random.ts';
import type { MariadbClients } from './client.ts';
import { plants } from './plants.ts';
import { type Answer, Session } from './session.ts';
import { OwnRows, type Statement } from './statements.ts';

/** So that sessions do not all connect in one moment, ns. */
const connectGap = 50e3;
/** Statements of the load between two planted mistakes. */
const plantEvery = 4;
/** Statements of the load between two commands that change the session's variant. */
const commandEvery = 3;
/** What such a session says in turns; USER is what its user's name says. */
const commands = ['ON', 'OFF', 'USER'] as const;

const shown = (rows: Answer['rows']): string => (rows === undefined ? 'no rows' : JSON.stringify(rows).slice(0, 200));

/** What is wrong with an answer; undefined: nothing. */
export function mismatch(
  { sql, rows, changed }: Pick<Statement, 'sql' | 'rows' | 'changed'>,
  answer: Answer,
): string | undefined {
  if (answer.error !== undefined) return `${sql}: ${answer.error}`;
  if (changed !== answer.changed) return `${sql}: ${answer.changed ?? 'no'} rows changed, not ${changed ?? 'none'}`;
  if (JSON.stringify(rows) !== JSON.stringify(answer.rows)) return `${sql}: ${shown(answer.rows)}, not ${shown(rows)}`;
  return undefined;
}

/** One of the clients that the measurement is about: sends a statement, waits for its answer, thinks, sends the next. */
export class LoadSession {
  readonly rows: OwnRows;
  /** By its user's name. */
  readonly sanitised: boolean;
  readonly #number: number;
  readonly #clients: MariadbClients;
  readonly #thinking: RandomStream;
  #session: Session | undefined;
  /** What executes the next statement. */
  #isSanitised: boolean;
  #sent = 0;
  #planted = 0;

  constructor(
    clients: MariadbClients,
    options: { number: number; statements: RandomStream; thinking: RandomStream; sanitised: boolean },
  ) {
    this.#clients = clients;
    this.#number = options.number;
    this.#thinking = options.thinking;
    this.sanitised = options.sanitised;
    this.#isSanitised = options.sanitised;
    this.rows = new OwnRows(options.number, clients.load.rows, options.statements, clients.load.writes);
  }

  /** The server sanitises sessions of users whose name begins with "asan" (patches/). */
  get user(): string {
    return `${this.sanitised ? 'asan' : 'plain'}-${this.#number}`;
  }

  connect(now: number): void {
    this.#clients.world.at(now + this.#number * connectGap, (at) => {
      this.#session = new Session(this.#clients.world, at, this.user, {
        onReady: (ready) => this.#ask(ready, 'USE test', (next) => this.#clients.ready(next)),
        onRefused: (refused) => this.#clients.lost(this.user, refused),
        onLost: (lost) => this.#clients.lost(this.user, lost),
      });
    });
  }

  #ask(now: number, sql: string, then: (now: number) => void): void {
    this.#clients.count(this.#isSanitised);
    this.#session!.query(sql, now, ({ error }, at) => {
      if (error !== undefined) this.#clients.complain(`${this.user}: ${sql}: ${error}`);
      then(at);
    });
  }

  /** Think times and statements come from this session's own streams: they are the same in every configuration of a seed. */
  thinkAndSend(now: number): void {
    this.#clients.world.at(now + this.#thinking.exponential(this.#clients.load.think), (at) => this.#send(at));
  }

  #send(now: number): void {
    // A connection that planted all of its mistakes has no more to do in such a run.
    const isDone = this.#clients.isPlanting ? this.#planted === plants.length : this.#clients.stopped(now);
    if (isDone && this.rows.isComplete) {
      this.#clients.countCommand(this.#isSanitised);
      this.#session!.close(now);
      this.#clients.drained(now);
      return;
    }
    if (this.#clients.isPlanting && !isDone && ++this.#sent % plantEvery === 0) {
      this.#plant(now);
      return;
    }
    if (this.#clients.isCommanding && !isDone && ++this.#sent % commandEvery === 0) {
      this.#command(now);
      return;
    }
    const statement = this.rows.next();
    this.#clients.count(this.#isSanitised);
    this.#session!.query(statement.sql, now, (answer, at) => {
      this.#compare(statement, answer);
      this.#clients.finish(this.#isSanitised, now, at);
      this.thinkAndSend(at);
    });
  }

  /** Changes the variant, which holds from the next statement on, and has the server say which one it is. */
  #command(now: number): void {
    const word = commands[(this.#sent / commandEvery - 1) % commands.length]!;
    this.#ask(now, `SET melf_sanitize=${word}`, (then) => {
      this.#isSanitised = word === 'USER' ? this.sanitised : word === 'ON';
      const sql = 'SELECT MELF_VARIANT()';
      const rows = [[this.#isSanitised ? 'asan' : 'plain']];
      this.#clients.count(this.#isSanitised);
      this.#session!.query(sql, then, (answer, at) => {
        this.#compare({ sql, rows, changed: undefined }, answer);
        this.thinkAndSend(at);
      });
    });
  }

  #plant(now: number): void {
    const { name } = plants[this.#planted++]!;
    this.#clients.count(this.#isSanitised);
    this.#clients.countPlant(this.sanitised);
    const sql = `SELECT MELF_PLANT('${name}')`;
    this.#session!.query(sql, now, (answer, at) => {
      this.#compare({ sql, rows: [[name]], changed: undefined }, answer);
      this.thinkAndSend(at);
    });
  }

  #compare(statement: Pick<Statement, 'sql' | 'rows' | 'changed'>, answer: Answer): void {
    const complaint = mismatch(statement, answer);
    if (complaint !== undefined) this.#clients.complain(`${this.user}: ${complaint}`);
  }
}
