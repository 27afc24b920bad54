import { MelfError } from '../../emulator/errors.ts';
import { Latencies } from '../runner/latency.ts';
import { type RandomStream, Zipf } from '../runner/random.ts';
import type { Load } from './load.ts';
import { getRequest, type Reply, ReplyReader, setRequest } from './protocol.ts';
import { StoreModel } from './store-model.ts';

/** A connection of a simulated client, as the guest's network gives it. */
export interface ClientConnection {
  send(bytes: Uint8Array, at: number): void;
  close(at: number): void;
}

export interface ClientHandlers {
  onConnected(at: number): void;
  onData(bytes: Uint8Array, at: number): void;
  onClose(at: number): void;
  onRefused(at: number): void;
}

/** What the clients need of the world they live in; all times are ns of virtual time. */
export interface ClientWorld {
  at(time: number, callback: (now: number) => void): void;
  connect(at: number, handlers: ClientHandlers): ClientConnection;
}

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

interface Request {
  readonly kind: 'get' | 'set';
  readonly key: number;
  readonly version: number;
  readonly sent: number;
}

const keyName = (key: number): string => `key:${key}`;

/** The server needs some time until it listens. */
const connectRetry = 1e6;
const connectLimit = 2e9;
/** Keys stored by one message before the clients start. */
const preloadBatch = 16;
const keptMessages = 10;
/** Between the last reply and the shutdown, so that the server's threads are all waiting. */
const quietTime = 2e6;

/** One of the clients that the measurement is about: sends a request, waits for its reply, thinks, sends the next. */
class LoadConnection {
  readonly #clients: MemcachedClients;
  readonly #random: RandomStream;
  readonly #reader = new ReplyReader();
  readonly profiled: boolean;
  connection: ClientConnection | undefined;
  pending: Request | undefined;
  #awaitsProfileReply = false;

  constructor(clients: MemcachedClients, random: RandomStream, profiled: boolean) {
    this.#clients = clients;
    this.#random = random;
    this.profiled = profiled;
  }

  handlers(): ClientHandlers {
    return {
      onConnected: (at) => this.#connected(at),
      onData: (bytes, at) => {
        for (const reply of this.#clients.read(this.#reader, bytes)) this.#receive(reply, at);
      },
      onClose: (at) => this.#clients.connectionLost(at),
      onRefused: (at) => this.#clients.connectionLost(at),
    };
  }

  #connected(at: number): void {
    if (!this.profiled) {
      this.#clients.ready(at);
      return;
    }
    this.#awaitsProfileReply = true;
    this.#clients.count();
    this.connection!.send(Buffer.from('profile on\r\n'), at);
  }

  #receive(reply: Reply, at: number): void {
    if (this.#awaitsProfileReply) {
      this.#awaitsProfileReply = false;
      if (reply.line !== 'OK') this.#clients.complain(`profile on: ${reply.line}`);
      this.#clients.ready(at);
      return;
    }
    const request = this.pending;
    this.pending = undefined;
    if (request === undefined) {
      this.#clients.complain(`a reply to nothing: ${reply.line}`);
      return;
    }
    this.#clients.finish(this, request, reply, at);
    this.thinkAndSend(at);
  }

  /** Think times and requests come from this connection's own stream: they are the same in every configuration of a seed. */
  thinkAndSend(at: number): void {
    const { think, thinkDistribution } = this.#clients.load;
    const pause = thinkDistribution === 'fixed' ? think : this.#random.exponential(think);
    this.#clients.world.at(at + pause, (now) => this.#send(now));
  }

  #send(now: number): void {
    if (this.#clients.stopped(now)) {
      this.#clients.drained(now);
      return;
    }
    const { load, zipf, model } = this.#clients;
    const key = zipf.draw(this.#random);
    const isGet = this.#random.fraction() < load.getShare;
    const length = this.#random.integer(load.valueBytes.least, load.valueBytes.most);
    this.#clients.count();
    if (this.profiled) this.#clients.profiledCommands++;
    if (isGet) {
      this.pending = { kind: 'get', key, version: 0, sent: now };
      this.connection!.send(getRequest(keyName(key)), now);
    } else {
      const { version, bytes } = model.beginWrite(key, length, now);
      this.pending = { kind: 'set', key, version, sent: now };
      this.connection!.send(setRequest(keyName(key), bytes), now);
    }
  }
}

/**
 * The clients of one run: store every key, connect, ask for profiling where told, warm up, measure, let every request end, stop the server.
 * Every reply is checked against a model of the store.
 */
export class MemcachedClients {
  readonly load: Load;
  readonly world: ClientWorld;
  readonly zipf: Zipf;
  readonly model = new StoreModel();
  readonly #events: ClientEvents;
  readonly #connections: readonly LoadConnection[];
  readonly #control: RandomStream;
  readonly #performance = new Latencies();
  readonly #profiled = new Latencies();
  profiledCommands = 0;
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

  count(): void {
    this.#requests++;
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
      profiledCommands: this.profiledCommands,
      wrong: this.#wrong,
      wrongCount: this.#wrongCount,
      windowStart: this.#windowStart,
      windowEnd: this.#windowEnd,
    };
  }
}
