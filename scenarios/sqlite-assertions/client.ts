// The service's clients. Each knows what every answer must be: nobody else touches its accounts and notes, and what all together see (the
// sum of all balances) nobody changes.

import { createHash } from 'node:crypto';
import { MelfError } from '../../base/errors.ts';
import type { ClientConnection, ClientWorld } from '../runner/client-world.ts';
import type { RandomStream } from '../runner/random.ts';
import {
  type Configuration,
  plantPageBefore,
  plantValueBefore,
  requestedStatement,
  sessionOff,
  sessionOn,
} from './configurations.ts';
import type { Load } from './run-record.ts';

/** Accounts of one client, and what is in each at first: as in guest/service.c. */
const accounts = 50;
const firstBalance = 1000;

interface Request {
  readonly text: string;
  readonly reply: string;
  /** Number of the statement that it is, if it is one of the measured ones. */
  readonly statement: number | undefined;
}

const row = (...values: readonly (number | string)[]): string => `|${values.join(' ')}`;

/** One client's view of its data, and the next statement with its right answer. */
export class ClientModel {
  readonly #client: number;
  readonly #clients: number;
  readonly #random: RandomStream;
  readonly #balances: number[] = Array.from({ length: accounts }, () => firstBalance);
  readonly #notes: string[] = [];

  constructor(client: number, clients: number, random: RandomStream) {
    this.#client = client;
    this.#clients = clients;
    this.#random = random;
  }

  #account(): number {
    return this.#random.integer(0, accounts - 1);
  }

  next(): { text: string; reply: string } {
    const kind = this.#random.fraction();
    const first = this.#client * accounts;
    if (kind < 0.3) {
      const account = this.#account();
      return { text: `get ${first + account}`, reply: `ok${row(this.#balances[account]!)}` };
    }
    if (kind < 0.45) {
      const [from, to] = [this.#account(), this.#account()];
      const amount = this.#random.integer(1, 20);
      if (from !== to) {
        this.#balances[from]! -= amount;
        this.#balances[to]! += amount;
      }
      // Both sides in one statement, so that no reader sees money that is nowhere. From an account to itself: nothing may change.
      return { text: `move ${first + from} ${first + to} ${from === to ? 0 : amount}`, reply: 'ok' };
    }
    if (kind < 0.6) {
      const body = `note-${this.#random.integer(0, 1e9)}`.repeat(this.#random.integer(1, 8));
      this.#notes.push(body);
      return { text: `note ${this.#client} ${this.#notes.length} ${body}`, reply: 'ok' };
    }
    if (kind < 0.75) {
      const rows = this.#notes.map((body, index) => row(index + 1, body)).reverse();
      return { text: `list ${this.#client}`, reply: `ok${rows.slice(0, 8).join('')}` };
    }
    if (kind < 0.85) {
      const order = this.#balances.map((balance, account) => ({ balance, id: first + account }));
      order.sort((a, b) => b.balance - a.balance || a.id - b.id);
      const rows = order.slice(0, 5).map(({ id, balance }) => row(id, balance));
      return { text: `top ${this.#client}`, reply: `ok${rows.join('')}` };
    }
    if (kind < 0.93) {
      const sum = accounts * firstBalance;
      return { text: `owner ${this.#client}`, reply: `ok${row(accounts, sum, this.#notes.length)}` };
    }
    const count = this.#clients * accounts;
    return { text: 'sum', reply: `ok${row(count, count * firstBalance)}` };
  }
}

const keptMessages = 10;

/** One client: sends a request, waits for its reply, thinks, sends the next. */
class Client {
  readonly #clients: Clients;
  readonly #number: number;
  readonly #thinking: RandomStream;
  readonly #model: ClientModel;
  readonly #hash = createHash('sha256');
  readonly latencies: number[] = [];
  #connection: ClientConnection | undefined;
  #statement = 0;
  /** Requests that come before the next statement. */
  #waiting: Request[] = [];
  #pending: (Request & { readonly sent: number }) | undefined;
  #received = '';
  #ended = false;

  constructor(clients: Clients, number: number, random: RandomStream, thinking: RandomStream) {
    this.#clients = clients;
    this.#number = number;
    this.#thinking = thinking;
    this.#model = new ClientModel(number, clients.load.clients, random);
  }

  connect(at: number): void {
    this.#connection = this.#clients.world.connect(at, {
      onConnected: (now) => {
        this.#waiting.push({ text: `client ${this.#number}`, reply: 'ok', statement: undefined });
        this.#send(now);
      },
      onData: (bytes, now) => {
        this.#received += Buffer.from(bytes).toString('latin1');
        for (let end = this.#received.indexOf('\n'); end >= 0; end = this.#received.indexOf('\n')) {
          const line = this.#received.slice(0, end);
          this.#received = this.#received.slice(end + 1);
          this.#receive(line, now);
        }
      },
      onClose: (now) => {
        if (!this.#ended) throw this.#lost('closed the connection', now);
      },
      onRefused: (now) => {
        throw this.#lost('does not listen', now);
      },
    });
  }

  #lost(what: string, now: number): MelfError {
    return new MelfError('client.lost', `the service ${what}`, {
      facts: { client: this.#number, statement: this.#statement, at: `${Math.round(now)} ns` },
    });
  }

  #receive(line: string, now: number): void {
    const request = this.#pending;
    this.#pending = undefined;
    if (request === undefined) {
      this.#clients.complain(`client ${this.#number}: a reply to nothing: ${line}`);
      return;
    }
    if (line !== request.reply)
      this.#clients.complain(`client ${this.#number}: ${request.text}: ${line}, not ${request.reply}`);
    if (request.statement !== undefined) {
      this.latencies[request.statement] = now - request.sent;
      this.#hash.update(`${line}\n`);
      this.#clients.lastReply = Math.max(this.#clients.lastReply, now);
    }
    const pause = this.#thinking.exponential(this.#clients.load.think);
    this.#clients.world.at(now + pause, (at) => this.#send(at));
  }

  #send(now: number): void {
    if (this.#waiting.length === 0) {
      const { statements } = this.#clients.load;
      if (this.#statement === statements) {
        this.#ended = true;
        this.#connection!.close(now);
        return;
      }
      this.#prepare(statements);
    }
    const request = this.#waiting.shift()!;
    if (request.statement !== undefined) this.#clients.firstRequest = Math.min(this.#clients.firstRequest, now);
    this.#pending = { ...request, sent: now };
    this.#clients.requests++;
    this.#connection!.send(Buffer.from(`${request.text}\n`), now);
  }

  /** The next statement, and what the configuration wants before it. */
  #prepare(statements: number): void {
    const { session, request, planted } = this.#clients.configuration;
    const statement = this.#statement++;
    const before = (text: string): void => void this.#waiting.push({ text, reply: 'ok', statement: undefined });
    if (session === true && statement === sessionOn(statements)) before('assert on');
    if (session === true && statement === sessionOff(statements)) before('assert off');
    if (planted === true && statement === plantPageBefore(statements)) before('plant page');
    if (planted === true && statement === plantValueBefore(statements)) before('plant value');
    const { text, reply } = this.#model.next();
    const marked = request === true && this.#number === 0 && statement === requestedStatement(statements);
    this.#waiting.push({ text: marked ? `!${text}` : text, reply, statement });
  }

  /** To be asked once. */
  answers(): string {
    return this.#hash.digest('hex');
  }
}

/** The clients of one run. */
export class Clients {
  readonly world: ClientWorld;
  readonly load: Load;
  readonly configuration: Configuration;
  readonly #all: readonly Client[];
  readonly wrong: string[] = [];
  wrongCount = 0;
  requests = 0;
  firstRequest = Number.POSITIVE_INFINITY;
  lastReply = 0;

  /** `streams`: two of random numbers for each client, of statements and of think times: the statements are the same in every configuration. */
  constructor(options: {
    world: ClientWorld;
    load: Load;
    configuration: Configuration;
    streams: readonly RandomStream[];
  }) {
    this.world = options.world;
    this.load = options.load;
    this.configuration = options.configuration;
    const { clients } = options.load;
    this.#all = Array.from(
      { length: clients },
      (_, number) => new Client(this, number, options.streams[number]!, options.streams[clients + number]!),
    );
  }

  /** Lets them connect one after the other, when the service listens. */
  start(at: number): void {
    for (const [index, client] of this.#all.entries()) client.connect(at + index * 10e3);
  }

  complain(message: string): void {
    this.wrongCount++;
    if (this.wrong.length < keptMessages) this.wrong.push(message);
  }

  latency(client: number, statement: number): number | undefined {
    return this.#all[client]?.latencies[statement];
  }

  answersHash(): string {
    const hash = createHash('sha256');
    for (const client of this.#all) hash.update(client.answers());
    return hash.digest('hex').slice(0, 32);
  }
}
