import { Errno } from '../../errno.ts';
import type { TimerQueue } from '../../scheduler/timers.ts';
import {
  anyAddress,
  asFamily,
  Family,
  type InetAddress,
  isAny,
  isLoopback,
  loopback,
  loopbackFor,
  type SocketAddress,
} from './addresses.ts';
import { DatagramSocket } from './datagram-socket.ts';
import { Listener } from './listener.ts';
import { PortTable } from './port-table.ts';
import { type ClientHandlers, SimulatedConnection } from './simulated-client.ts';
import { type Socket, SocketType } from './socket.ts';
import { StreamSocket } from './stream-socket.ts';
import { type StreamEnd, Wire } from './wire.ts';

export interface NetworkOptions {
  readonly timers: TimerQueue;
  /** Virtual ns that a TCP segment or UDP datagram is under way. UNIX sockets between guests take no time. Default 20,000. */
  readonly latency?: number;
}

/** Where a client outside the guest connects to. */
export type Target = { readonly port: number } | { readonly path: string };

const SOMAXCONN = 4096;

/** The guest's network: one loopback interface, IPv4 and IPv6, and the names of UNIX sockets. All times are virtual ns. */
export class Network {
  readonly latency: number;
  readonly #timers: TimerQueue;
  readonly #ports = new PortTable();
  /** UNIX sockets by absolute path, or by abstract name (which starts with NUL). */
  readonly #names = new Map<string, Socket>();
  readonly #awaited = new Map<string, ((at: number) => void)[]>();
  #nextIno = 1000;

  constructor(options: NetworkOptions) {
    this.#timers = options.timers;
    this.latency = options.latency ?? 20_000;
  }

  /** A new socket, or a negated errno. */
  socket(family: number, type: number, nonBlocking: boolean): Socket | number {
    if (family !== Family.INET && family !== Family.INET6 && family !== Family.UNIX) return -Errno.EAFNOSUPPORT;
    switch (type) {
      case SocketType.STREAM:
        return new StreamSocket(family, this.#nextIno++, nonBlocking);
      case SocketType.DGRAM:
        return new DatagramSocket(this, family, this.#nextIno++, nonBlocking);
      default:
        return family === Family.UNIX && type !== SocketType.SEQPACKET
          ? -Errno.ESOCKTNOSUPPORT
          : -Errno.EPROTONOSUPPORT;
    }
  }

  /** Two connected UNIX sockets (socketpair). */
  pair(type: number, nonBlocking: boolean): readonly [Socket, Socket] | number {
    const a = this.socket(Family.UNIX, type, nonBlocking);
    const b = this.socket(Family.UNIX, type, nonBlocking);
    if (typeof a === 'number') return a;
    if (typeof b === 'number') return b;
    if (a instanceof StreamSocket && b instanceof StreamSocket) {
      this.#join(a, b);
      a.connected(0);
      b.connected(0);
    } else if (a instanceof DatagramSocket && b instanceof DatagramSocket) {
      a.partner = b;
      b.partner = a;
    }
    return [a, b];
  }

  /** Binds to an internet address; port 0 picks one. */
  bindInet(socket: Socket, address: InetAddress): number {
    return this.#ports.bind(socket, address);
  }

  /** Gives a UNIX socket a name that is known to be free on disk: an absolute path, or an abstract name. */
  bindName(socket: Socket, name: string, shown: string): number {
    if (socket.bound) return -Errno.EINVAL;
    const holder = this.#names.get(name);
    if (holder !== undefined && name.startsWith('\0')) return -Errno.EADDRINUSE;
    this.#names.set(name, socket);
    socket.local = { family: Family.UNIX, path: shown };
    socket.bound = true;
    socket.released = () => {
      if (this.#names.get(name) === socket) this.#names.delete(name);
    };
    return 0;
  }

  named(name: string): Socket | undefined {
    return this.#names.get(name);
  }

  listen(socket: Socket, backlog: number, now: number): number {
    if (!(socket instanceof StreamSocket)) return -Errno.EOPNOTSUPP;
    const limit = backlog < 0 || backlog > SOMAXCONN ? SOMAXCONN : backlog;
    if (socket.listener !== undefined) {
      socket.listener.backlog = limit;
      return 0;
    }
    if (socket.state !== 'new') return -Errno.EINVAL;
    if (!socket.bound) {
      if (socket.family === Family.UNIX) return -Errno.EINVAL;
      const result = this.bindInet(socket, anyAddress(socket.family === Family.INET6 ? Family.INET6 : Family.INET));
      if (result !== 0) return result;
    }
    socket.listener = new Listener(socket, limit);
    socket.state = 'listening';
    const { local } = socket;
    this.#announce(local.family === Family.UNIX ? this.#nameOf(socket) : `${local.port}`, now);
    return 0;
  }

  /** Begins to connect a TCP socket: it is `connecting` until the answer arrives. Returns 0 or a negated errno. */
  connectInet(socket: StreamSocket, address: InetAddress, now: number): number {
    const target = isAny(address.host) ? loopbackFor(address) : address;
    if (!isLoopback(target.host)) return -Errno.ENETUNREACH;
    if (!socket.bound) {
      const result = this.bindInet(socket, { ...loopbackFor(target), port: 0 });
      if (result !== 0) return result;
    } else if (socket.local.family !== Family.UNIX && isAny(socket.local.host)) {
      socket.local = { ...loopbackFor(target), port: socket.local.port };
    }
    socket.connecting(target);
    const { latency } = this;
    this.#timers.at(now + latency, (at) => {
      const listener = this.#ports.listener(target);
      const refuse = (when: number) =>
        this.#timers.at(when + latency, (back) => socket.refused(Errno.ECONNREFUSED, back));
      if (listener === undefined) {
        refuse(at);
        return;
      }
      listener.listener!.arrive(
        {
          refuse,
          complete: (when) => {
            const server = this.#serverFor(listener, socket, socket.local, socket.sendBuffer, latency);
            socket.attach(
              this.#wire(latency, server),
              listener.receiveBuffer + socket.sendBuffer,
              socket.local,
              target,
            );
            this.#timers.at(when + latency, (back) => {
              this.#timers.at(back + latency, (last) => listener.listener!.enqueue(server, last));
              if (socket.state === 'connecting') socket.connected(back);
              else server.receiveReset(back + latency);
            });
            return server;
          },
        },
        at,
      );
    });
    return 0;
  }

  /** Connects a UNIX socket to a listener. Returns 0, -EAGAIN while its queue is full, or another negated errno. */
  connectUnix(socket: StreamSocket, target: Socket | undefined, now: number): number {
    if (!(target instanceof StreamSocket)) return target === undefined ? -Errno.ECONNREFUSED : -Errno.EPROTOTYPE;
    const { listener } = target;
    if (listener === undefined || target.state !== 'listening') return -Errno.ECONNREFUSED;
    if (listener.full) return -Errno.EAGAIN;
    listener.arrive(
      {
        refuse: () => {},
        complete: (at) => {
          const server = this.#accepting(target);
          this.#join(socket, server, target.local);
          server.connected(at);
          listener.enqueue(server, at);
          socket.connected(at);
          return server;
        },
      },
      now,
    );
    return 0;
  }

  /**
   * A client outside the guest connects at virtual time `at`. Its bytes and the guest's take one latency each way.
   * `handlers` are called at the times of arrival.
   */
  connect(target: Target, at: number, handlers: ClientHandlers): SimulatedConnection {
    const { latency } = this;
    const client = new SimulatedConnection(this.#timers, latency, handlers);
    const address: SocketAddress =
      'port' in target ? loopback(this.#ports.ephemeral()) : { family: Family.UNIX, path: '' };
    this.#timers.at(at + latency, (arrival) => {
      const listener = 'port' in target ? this.#ports.listener(loopback(target.port)) : this.#names.get(target.path);
      const refuse = (when: number) => this.#timers.at(when + latency, (back) => client.refused(back));
      if (!(listener instanceof StreamSocket) || listener.listener === undefined) {
        refuse(arrival);
        return;
      }
      listener.listener.arrive(
        {
          refuse,
          complete: (when) => {
            const server = this.#serverFor(listener, client, address, listener.receiveBuffer, latency);
            client.attach(this.#wire(latency, server), listener.receiveBuffer * 2);
            this.#timers.at(when + latency, (back) => {
              this.#timers.at(back + latency, (last) => listener.listener!.enqueue(server, last));
              client.connected(back);
            });
            return server;
          },
        },
        arrival,
      );
    });
    return client;
  }

  /** Calls back when somebody listens on the target, at once if somebody does. */
  whenListening(target: Target, callback: (at: number) => void, now = 0): void {
    const name = 'port' in target ? `${target.port}` : target.path;
    const listens = 'port' in target ? this.#ports.listener(loopback(target.port)) : this.#names.get(target.path);
    if (listens instanceof StreamSocket && listens.state === 'listening') callback(now);
    else this.#awaited.set(name, [...(this.#awaited.get(name) ?? []), callback]);
  }

  /** Names the peer of a UDP socket. */
  connectDatagram(socket: DatagramSocket, address: InetAddress): number {
    const target = isAny(address.host) ? loopbackFor(address) : address;
    if (!isLoopback(target.host)) return -Errno.ENETUNREACH;
    if (!socket.bound) {
      const result = this.bindInet(socket, { ...loopbackFor(target), port: 0 });
      if (result !== 0) return result;
    }
    socket.peer = target;
    return 0;
  }

  /** The UDP socket that gets what is sent to `address`. */
  datagramTarget(address: InetAddress): DatagramSocket | undefined {
    const target = isAny(address.host) ? loopbackFor(address) : address;
    const found = this.#ports.boundTo(SocketType.DGRAM, target)[0];
    return found instanceof DatagramSocket ? found : undefined;
  }

  after(at: number, action: (arrival: number) => void): void {
    this.#timers.at(at + this.latency, action);
  }

  #nameOf(socket: Socket): string {
    for (const [name, holder] of this.#names) if (holder === socket) return name;
    return '';
  }

  #announce(name: string, now: number): void {
    const callbacks = this.#awaited.get(name);
    this.#awaited.delete(name);
    for (const callback of callbacks ?? []) this.#timers.at(now, callback);
  }

  #wire(latency: number, to: StreamEnd): Wire {
    return new Wire(this.#timers, latency, to);
  }

  /** The socket that accept(2) will return, with the options that it takes over from the listener. */
  #accepting(listener: StreamSocket): StreamSocket {
    const server = new StreamSocket(listener.family, this.#nextIno++, false);
    server.sendBuffer = listener.sendBuffer;
    server.receiveBuffer = listener.receiveBuffer;
    for (const [option, value] of listener.remembered) server.remembered.set(option, value);
    return server;
  }

  #serverFor(
    listener: StreamSocket,
    client: StreamEnd,
    address: SocketAddress,
    clientBuffer: number,
    latency: number,
  ): StreamSocket {
    const server = this.#accepting(listener);
    let { local } = listener;
    let peer = address;
    if (local.family !== Family.UNIX && peer.family !== Family.UNIX) {
      if (isAny(local.host)) local = { ...loopbackFor(peer), port: local.port };
      local = asFamily(local, listener.family);
      peer = asFamily(peer, listener.family);
    }
    server.attach(this.#wire(latency, client), server.sendBuffer + clientBuffer, local, peer);
    server.connected(0);
    return server;
  }

  /** Two UNIX sockets become the ends of one connection. */
  #join(client: StreamSocket, server: StreamSocket, name?: SocketAddress): void {
    client.attach(this.#wire(0, server), client.sendBuffer, client.local, name ?? client.unnamed());
    server.attach(this.#wire(0, client), server.sendBuffer, name ?? server.local, client.local);
    client.unixPeer = server;
    server.unixPeer = client;
  }
}
