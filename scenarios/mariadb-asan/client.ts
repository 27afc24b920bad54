import { MelfError } from '../../base/errors.ts';
import type { ClientWorld } from '../runner/client-world.ts';
import { Latencies } from '../runner/latency.ts';
import type { RandomStream } from '../runner/random.ts';
import { Administrator } from './administrator.ts';
import type { Load } from './load.ts';
import { LoadSession } from './load-session.ts';

/** The moments of a run. */
export interface ClientEvents {
  /** The server answers for the first time. */
  onListening(now: number): void;
  /** The warm-up is over; the counters of the measurement start here. */
  onWindowStart(now: number): void;
  onWindowEnd(now: number): void;
}

export interface ClientResult {
  /** Of connections that are not sanitised. */
  readonly performance: Latencies;
  readonly sanitised: Latencies;
  /** Answers to statements that were sent in the measurement window. */
  readonly measured: number;
  /** Every statement of the run, preparation included. */
  readonly statements: number;
  /** Mistakes asked for, by connection. */
  readonly planted: { readonly plain: number; readonly sanitised: number };
  readonly connections: { readonly plain: number; readonly sanitised: number };
  /** Commands by the variant that is to execute them: statements, and the one that ends a session. */
  readonly commands: { readonly plain: number; readonly sanitised: number };
  readonly wrong: readonly string[];
  readonly wrongCount: number;
  readonly windowStart: number;
  readonly windowEnd: number;
}

const keptMessages = 10;

/**
 * The clients of one run: make the tables, connect, warm up, measure, let every statement end, look at the tables, stop the server. Every
 * answer is compared with what it must be.
 */
export class MariadbClients {
  readonly load: Load;
  readonly world: ClientWorld;
  readonly isPlanting: boolean;
  readonly isCommanding: boolean;
  readonly #events: ClientEvents;
  readonly #sessions: readonly LoadSession[];
  readonly #administrator: Administrator;
  readonly #performance = new Latencies();
  readonly #sanitised = new Latencies();
  readonly #planted = { plain: 0, sanitised: 0 };
  readonly #commands = { plain: 0, sanitised: 0 };
  readonly #wrong: string[] = [];
  #wrongCount = 0;
  #statements = 0;
  #ready = 0;
  #drained = 0;
  #windowStart = Number.POSITIVE_INFINITY;
  #windowEnd = Number.POSITIVE_INFINITY;

  /** `streams`: two of random numbers for each connection, of statements and of think times; they are the same in every configuration. */
  constructor(options: {
    world: ClientWorld;
    load: Load;
    streams: readonly RandomStream[];
    sanitised: ReadonlySet<number>;
    planting: boolean;
    /** Sessions change their variant by themselves. */
    commanding: boolean;
    events: ClientEvents;
  }) {
    const { world, load, streams, sanitised, planting, commanding, events } = options;
    this.world = world;
    this.load = load;
    this.isPlanting = planting;
    this.isCommanding = commanding;
    this.#events = events;
    this.#sessions = Array.from(
      { length: load.connections },
      (_, number) =>
        new LoadSession(this, {
          number,
          statements: streams[number]!,
          thinking: streams[load.connections + number]!,
          sanitised: sanitised.has(number),
        }),
    );
    this.#administrator = new Administrator(this);
  }

  /** Starts it all; the rest happens in callbacks of the world. */
  start(at: number): void {
    this.#administrator.prepare(at, (now) => {
      for (const session of this.#sessions) session.connect(now);
    });
  }

  listening(now: number): void {
    this.#events.onListening(now);
  }

  /** A session is accepted; when all are, they begin. */
  ready(now: number): void {
    if (++this.#ready < this.#sessions.length) return;
    this.#windowStart = now + this.load.warmUp;
    this.#windowEnd = this.#windowStart + this.load.window;
    this.world.at(this.#windowStart, (at) => this.#events.onWindowStart(at));
    this.world.at(this.#windowEnd, (at) => this.#events.onWindowEnd(at));
    for (const session of this.#sessions) session.thinkAndSend(now);
  }

  /** No statement is sent from now on. */
  stopped(now: number): boolean {
    return now >= this.#windowEnd;
  }

  /** A session would have sent its next statement after the end. */
  drained(now: number): void {
    if (++this.#drained < this.#sessions.length) return;
    const sums = [0, 1].map((table) => this.#sessions.reduce((sum, session) => sum + session.rows.sum(table), 0));
    this.#administrator.finish(now, sums);
  }

  /** A statement is sent, to be executed in this variant. */
  count(sanitised: boolean): void {
    this.#statements++;
    this.countCommand(sanitised);
  }

  /** Any command is sent: a statement, or the end of a session. */
  countCommand(sanitised: boolean): void {
    this.#commands[sanitised ? 'sanitised' : 'plain']++;
  }

  countPlant(sanitised: boolean): void {
    this.#planted[sanitised ? 'sanitised' : 'plain']++;
  }

  finish(sanitised: boolean, sent: number, now: number): void {
    if (sent < this.#windowStart || sent >= this.#windowEnd) return;
    (sanitised ? this.#sanitised : this.#performance).record(now - sent);
  }

  complain(message: string): void {
    this.#wrongCount++;
    if (this.#wrong.length < keptMessages) this.#wrong.push(message);
  }

  lost(who: string, now: number): never {
    throw new MelfError('client.lost', `The server closed the connection of ${who}`, {
      facts: { at: `${Math.round(now)} ns` },
    });
  }

  result(): ClientResult {
    return {
      performance: this.#performance,
      sanitised: this.#sanitised,
      measured: this.#performance.count + this.#sanitised.count,
      statements: this.#statements,
      planted: this.#planted,
      connections: {
        plain: this.#sessions.filter(({ sanitised }) => !sanitised).length,
        sanitised: this.#sessions.filter(({ sanitised }) => sanitised).length,
      },
      commands: this.#commands,
      wrong: this.#wrong,
      wrongCount: this.#wrongCount,
      windowStart: this.#windowStart,
      windowEnd: this.#windowEnd,
    };
  }
}
