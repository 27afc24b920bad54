import { Errno } from '../../errno.ts';
import { Family, type InetAddress, isAny, isLoopback, sameHost } from './addresses.ts';
import { type Socket, SocketType } from './socket.ts';
import { StreamSocket } from './stream-socket.ts';

const FIRST_EPHEMERAL = 32768;
const LAST_EPHEMERAL = 60999;

/** Who has which TCP and UDP port. */
export class PortTable {
  readonly #ports: Readonly<Record<number, Map<number, Socket[]>>> = {
    [SocketType.STREAM]: new Map(),
    [SocketType.DGRAM]: new Map(),
  };
  #nextEphemeral = FIRST_EPHEMERAL;
  #turn = 0;

  /** Binds a socket, until it is released; port 0 picks one. Returns 0 or a negated errno. */
  bind(socket: Socket, address: InetAddress): number {
    if (socket.bound) return -Errno.EINVAL;
    if (!isAny(address.host) && !isLoopback(address.host)) return -Errno.EADDRNOTAVAIL;
    const port = address.port === 0 ? this.#freePort(socket) : address.port;
    if (port < 0) return port;
    const wanted: InetAddress = { ...address, port };
    const others = this.#ports[socket.type]!.get(port) ?? [];
    if (others.some((other) => clashes(socket, wanted, other))) return -Errno.EADDRINUSE;
    this.#ports[socket.type]!.set(port, [...others, socket]);
    socket.local = wanted;
    socket.bound = true;
    socket.released = () => this.#unbind(socket, port);
    return 0;
  }

  /** The TCP socket that a connection to `target` arrives at. */
  listener(target: InetAddress): StreamSocket | undefined {
    const listening = this.boundTo(SocketType.STREAM, target).filter(
      (socket): socket is StreamSocket => socket instanceof StreamSocket && socket.state === 'listening',
    );
    // Several sockets share a port only with SO_REUSEPORT: they take turns.
    return listening.length > 1 ? listening[this.#turn++ % listening.length] : listening[0];
  }

  /** Sockets bound to the port whose address takes in `target`, those of the most exact address only. */
  boundTo(type: number, target: InetAddress): Socket[] {
    const bound = (this.#ports[type]!.get(target.port) ?? []).filter(
      (socket) => !(type === SocketType.STREAM && socket instanceof StreamSocket && socket.state !== 'listening'),
    );
    const exact = bound.filter(({ local }) => local.family !== Family.UNIX && sameHost(local.host, target.host));
    if (exact.length > 0) return exact;
    return bound.filter(
      ({ local, onlyIpv6 }) =>
        local.family !== Family.UNIX &&
        isAny(local.host) &&
        (local.family === target.family || (local.family === Family.INET6 && !onlyIpv6)),
    );
  }

  #unbind(socket: Socket, port: number): void {
    const ports = this.#ports[socket.type]!;
    const left = (ports.get(port) ?? []).filter((other) => other !== socket);
    if (left.length === 0) ports.delete(port);
    else ports.set(port, left);
  }

  /** The next port of those that are given to who asks for none. */
  ephemeral(): number {
    const port = this.#nextEphemeral;
    this.#nextEphemeral = port === LAST_EPHEMERAL ? FIRST_EPHEMERAL : port + 1;
    return port;
  }

  #freePort(socket: Socket): number {
    const ports = this.#ports[socket.type]!;
    for (let tries = FIRST_EPHEMERAL; tries <= LAST_EPHEMERAL; tries++) {
      const port = this.ephemeral();
      if (!ports.has(port)) return port;
    }
    return -Errno.EADDRINUSE;
  }
}

/** Whether `socket` may not be bound to `address` because `other` is there. */
function clashes(socket: Socket, address: InetAddress, other: Socket): boolean {
  const { local } = other;
  if (local.family === Family.UNIX) return false;
  const differentFamilies = local.family !== address.family;
  if (differentFamilies && (local.family === Family.INET6 ? other.onlyIpv6 : socket.onlyIpv6)) return false;
  if (differentFamilies && !isAny(local.host) && !isAny(address.host) && !sameHost(local.host, address.host))
    return false;
  const overlap = isAny(local.host) || isAny(address.host) || sameHost(local.host, address.host);
  if (!overlap) return false;
  if (socket.reusePort && other.reusePort) return false;
  const listening = other instanceof StreamSocket && other.state === 'listening';
  return !(socket.reuseAddress && other.reuseAddress && !listening);
}
