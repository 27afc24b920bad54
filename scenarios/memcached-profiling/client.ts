import { MelfError } from '../../base/errors.ts';
import type { ClientConnection, ClientWorld } from '../runner/client-world.ts';
import { Latencies } from '../runner/latency.ts';
import { type RandomStream, Zipf } from '../runner/random.ts';
import type { Load } from './load.ts';
import { type Crowd, keyName, LoadConnection, type Request } from './load-connection.ts';
import { type Reply, ReplyReader, setRequest } from './protocol.ts';
import { StoreModel } from './store-model.ts';

/** The moments of a run. */
export interface ClientEvents {
  /** The warm-up is over; the counters of the measurement start here. */
  onWindowStart(now: number): void;
  onWindowEnd(now: number): void;
}

export interface ClientResult {
  /** Of connections that are not profiled. */
  readonly performance: Latencies;
  readonly profiled: Latencies;
  /** Replies in the measurement window. */
  readonly measured: number;
  /** Every request of the run, preparation included. */
  readonly requests: number;
  /** Commands that profiled connections sent after their `profile on` was confirmed. */
  readonly profiledCommands: number;
  /** The first wrong replies, each with its request. */
  readonly wrong: readonly string[];
  readonly wrongCount: number;
  readonly windowStart: number;
  readonly windowEnd: number;
}

/** The server needs some time until it listens. */
const connectRetry = 1e6;
const connectLimit = 2e9;
/** Keys stored by one message before the clients start. */
const preloadBatch = 16;
const keptMessages = 10;
/** Between the last reply and the shutdown, so that the server's threads are all waiting. */
const quietTime = 2e6;

/**
 * The clients of one run: store every key, connect, ask for profiling where told, warm up, measure, let every request end, stop the server.
 * Every reply is checked against a model of the store.
 */
export class MemcachedClients implements Crowd {
  readonly load: Load;
  readonly world: ClientWorld;
  readonly zipf: Zipf;
  readonly model = new StoreModel();
  readonly #events: ClientEvents;
  readonly #connections: readonly LoadConnection[];
  readonly #control: RandomStream;
  readonly #performance = new Latencies();
  readonly #profiled = new Latencies();
  #profiledCommands = 0;
  #requests = 0;
  #ready = 0;
  #drained = 0;
  #wrong: string[] = [];
  #wrongCount = 0;
  #windowStart = Number.POSITIVE_INFINITY;
  #windowEnd = Number.POSITIVE_INFINITY;
  #stopping = false;

  /** `streams`: one of random numbers for each connection and one more for the preparation. */
  constructor(options: {
    world: ClientWorld;
    load: Load;
    streams: readonly RandomStream[];
    profiled: ReadonlySet<number>;
    events: ClientEvents;
  }) {
    const { world, load, streams, profiled, events } = options;
    this.world = world;
    this.load = load;
    this.zipf = new Zipf(load.keys, load.zipf);
    this.#events = events;
    this.#control = streams[load.connections]!;
    this.#connections = Array.from(
      { length: load.connections },
      (_, index) => new LoadConnection(this, streams[index]!, profiled.has(index)),
    );
  }

  /** Starts it all; the rest happens in callbacks of the world. */
  start(at: number): void {
    this.#controlConnection(at, at + connectLimit, (connection, now) => this.#preload(connection, now));
  }

  /** A connection of its own that is never profiled, tried again until the server listens. */
  #controlConnection(
    at: number,
    limit: number,
    use: (connection: ClientConnection, now: number) => (reply: Reply, at: number) => void,
  ): void {
    const reader = new ReplyReader();
    let receive: (reply: Reply, at: number) => void = () => {};
    const connection = this.world.connect(at, {
      onConnected: (now) => {
        receive = use(connection, now);
      },
      onData: (bytes, now) => {
        for (const reply of this.read(reader, bytes)) receive(reply, now);
      },
      onClose: (now) => this.connectionLost(now),
      onRefused: (now) => {
        if (now > limit)
          throw new MelfError('client.refused', 'memcached does not listen', {
            facts: { waited: '2 s of virtual time' },
          });
        this.world.at(now + connectRetry, (next) => this.#controlConnection(next, limit, use));
      },
    });
  }

  #preload(connection: ClientConnection, now: number): (reply: Reply, at: number) => void {
    const batches: { key: number; version: number; sent: number }[][] = [];
    let current: { key: number; version: number; sent: number }[] = [];
    let next = 0;
    const sendBatch = (at: number): void => {
      const { least, most } = this.load.valueBytes;
      current = [];
      const parts: Buffer[] = [];
      for (; next < this.load.keys && current.length < preloadBatch; next++) {
        const { version, bytes } = this.model.beginWrite(next, this.#control.integer(least, most), at);
        current.push({ key: next, version, sent: at });
        parts.push(setRequest(keyName(next), bytes));
        this.count();
      }
      batches.push(current);
      connection.send(Buffer.concat(parts), at);
    };
    sendBatch(now);
    return (reply, at) => {
      const { key, version } = current.shift()!;
      if (reply.line !== 'STORED') this.complain(`set of key ${key}: ${reply.line}`);
      this.model.endWrite(key, version, at, at);
      if (current.length > 0) return;
      if (next < this.load.keys) sendBatch(at);
      else this.#connectAll(at);
    };
  }

  #connectAll(now: number): void {
    for (const [index, one] of this.#connections.entries()) {
      // One after the other, as clients come, and so that the server's round robin sees them in order.
      one.connection = this.world.connect(now + index * 10e3, one.handlers());
    }
  }

  /** A connection is set up; with the last one the clock of the measurement starts. */
  ready(now: number): void {
    if (++this.#ready < this.#connections.length) return;
    this.#windowStart = now + this.load.warmUp;
    this.#windowEnd = this.#windowStart + this.load.window;
    this.world.at(this.#windowStart, (at) => this.#events.onWindowStart(at));
    this.world.at(this.#windowEnd, (at) => this.#events.onWindowEnd(at));
    for (const one of this.#connections) one.thinkAndSend(now);
  }

  finish(one: LoadConnection, request: Request, reply: Reply, at: number): void {
    const { key, version, sent } = request;
    if (request.kind === 'set') {
      if (reply.line !== 'STORED') this.complain(`set of key ${key}: ${reply.line}`);
      this.model.endWrite(key, version, at, this.#oldestRequest(at));
    } else {
      const error = this.#checkGet(request, reply);
      if (error !== undefined) this.complain(`get of key ${key}: ${error}`);
    }
    if (sent < this.#windowStart || sent >= this.#windowEnd) return;
    (one.profiled ? this.#profiled : this.#performance).record(at - sent);
  }

  #checkGet({ key, sent }: Request, { values, line }: Reply): string | undefined {
    if (line !== 'END') return line;
    if (values.length > 1) return `${values.length} values`;
    const [value] = values;
    if (value !== undefined && value.key !== keyName(key)) return `the value of ${value.key}`;
    return this.model.checkRead(key, value?.bytes, sent);
  }

  #oldestRequest(now: number): number {
    return this.#connections.reduce((oldest, { pending }) => Math.min(oldest, pending?.sent ?? now), now);
  }

  stopped(now: number): boolean {
    return now >= this.#windowEnd;
  }

  /** A connection would have sent its next request after the end; the last of them stops the server. */
  drained(now: number): void {
    if (++this.#drained < this.#connections.length) return;
    this.#stopping = true;
    this.world.at(now + quietTime, (at) =>
      this.#controlConnection(at, at, (connection, connected) => {
        this.count();
        connection.send(Buffer.from('shutdown\r\n'), connected);
        return (reply) => this.complain(`shutdown: ${reply.line}`);
      }),
    );
  }

  count(profiled: boolean = false): void {
    this.#requests++;
    if (profiled) this.#profiledCommands++;
  }

  /** Replies in these bytes; bytes that are none of the protocol's are noted and dropped. */
  read(reader: ReplyReader, bytes: Uint8Array): Reply[] {
    try {
      return reader.push(bytes);
    } catch (error) {
      this.complain(error instanceof Error ? error.message : String(error));
      return [];
    }
  }

  connectionLost(at: number): void {
    if (this.#stopping) return;
    throw new MelfError('client.lost', 'memcached closed a connection', {
      facts: { at: `${Math.round(at)} ns`, replies: this.#wrong.join('; ') },
    });
  }

  complain(message: string): void {
    this.#wrongCount++;
    if (this.#wrong.length < keptMessages) this.#wrong.push(message);
  }

  /** To be asked when the server has ended. */
  result(): ClientResult {
    if (!this.#stopping)
      throw new MelfError('client.unfinished', 'memcached ended before the clients did', {
        facts: { requests: this.#requests },
      });
    return {
      performance: this.#performance,
      profiled: this.#profiled,
      measured: this.#performance.count + this.#profiled.count,
      requests: this.#requests,
      profiledCommands: this.#profiledCommands,
      wrong: this.#wrong,
      wrongCount: this.#wrongCount,
      windowStart: this.#windowStart,
      windowEnd: this.#windowEnd,
    };
  }
}
