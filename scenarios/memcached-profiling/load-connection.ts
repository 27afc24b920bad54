import type { ClientConnection, ClientHandlers, ClientWorld } from '../runner/client-world.ts';
import type { RandomStream, Zipf } from '../runner/random.ts';
import type { Load } from './load.ts';
import { getRequest, type Reply, ReplyReader, setRequest } from './protocol.ts';
import type { StoreModel } from './store-model.ts';

/** A request under way. */
export interface Request {
  readonly kind: 'get' | 'set';
  readonly key: number;
  readonly version: number;
  readonly sent: number;
}

export const keyName = (key: number): string => `key:${key}`;

/** What a connection needs of the others: see MemcachedClients. */
export interface Crowd {
  readonly load: Load;
  readonly world: ClientWorld;
  readonly zipf: Zipf;
  readonly model: StoreModel;
  /** The connection is set up. */
  ready(now: number): void;
  /** No request is sent from now on. */
  stopped(now: number): boolean;
  /** The connection would have sent its next request after the end. */
  drained(now: number): void;
  /** A request is sent; `profiled`: one that the server's profile must show. */
  count(profiled?: boolean): void;
  finish(one: LoadConnection, request: Request, reply: Reply, at: number): void;
  read(reader: ReplyReader, bytes: Uint8Array): Reply[];
  complain(message: string): void;
  connectionLost(at: number): void;
}

/** One of the clients that the measurement is about: sends a request, waits for its reply, thinks, sends the next. */
export class LoadConnection {
  readonly #clients: Crowd;
  readonly #random: RandomStream;
  readonly #reader = new ReplyReader();
  readonly profiled: boolean;
  connection: ClientConnection | undefined;
  pending: Request | undefined;
  #awaitsProfileReply = false;

  constructor(clients: Crowd, random: RandomStream, profiled: boolean) {
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
    this.#clients.count(this.profiled);
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
