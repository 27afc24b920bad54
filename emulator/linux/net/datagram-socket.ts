import { Errno } from '../../errno.ts';
import { OpenFlag } from '../files/open-flags.ts';
import { READABLE, WRITABLE } from '../files/poll-events.ts';
import { asFamily, Family, loopback, type SocketAddress } from './addresses.ts';
import type { Network } from './network.ts';
import { Socket, SocketType } from './socket.ts';

interface Datagram {
  readonly bytes: Uint8Array;
  readonly from: SocketAddress;
}

const MAX_UDP = 65_507;

/** A datagram socket: UDP on the loopback interface, or UNIX. What finds a full buffer is dropped (UDP) or has to wait (UNIX). */
export class DatagramSocket extends Socket {
  override readonly type = SocketType.DGRAM;
  /** The other half of a socketpair, or whom connect(2) named. */
  partner: DatagramSocket | undefined;
  readonly #network: Network;
  readonly #queue: Datagram[] = [];
  #queued = 0;
  #shut = false;

  constructor(network: Network, family: number, ino: number, nonBlocking: boolean) {
    super(family, OpenFlag.RDWR | (nonBlocking ? OpenFlag.NONBLOCK : 0), ino);
    this.#network = network;
  }

  override read(into: Uint8Array, now: number): number {
    const taken = this.receiveFrom(into, now, false);
    return typeof taken === 'number' ? taken : Math.min(taken.bytes.length, into.length);
  }

  /** Takes one datagram (cut to `into`'s length, the whole of it in the answer), or a negated errno. */
  receiveFrom(into: Uint8Array, now: number, peek: boolean): Datagram | number {
    if (this.error !== 0) return -this.takeError();
    const first = this.#queue[0];
    if (first === undefined) return this.#shut ? 0 : -Errno.EAGAIN;
    into.set(first.bytes.subarray(0, into.length));
    if (!peek) {
      this.#queue.shift();
      this.#queued -= first.bytes.length;
      this.partner?.notify(WRITABLE, now);
    }
    return first;
  }

  override write(from: Uint8Array, now: number): number {
    return this.sendTo(from, undefined, now);
  }

  /** Sends one datagram to `address`, or to the peer. */
  sendTo(bytes: Uint8Array, address: SocketAddress | undefined, now: number): number {
    if (this.error !== 0) return -this.takeError();
    if (this.family === Family.UNIX) return this.#sendUnix(bytes, address, now);
    const target = address ?? this.peer;
    if (target === undefined || target.family === Family.UNIX) return -Errno.EDESTADDRREQ;
    if (bytes.length > MAX_UDP) return -Errno.EMSGSIZE;
    if (!this.bound) {
      const result = this.#network.bindInet(this, { ...loopback(0) });
      if (result !== 0) return result;
    }
    const copy = bytes.slice();
    const from = this.local;
    this.#network.after(now, (at) => {
      const receiver = this.#network.datagramTarget(target);
      if (receiver !== undefined) receiver.#deliver({ bytes: copy, from }, at);
      else if (this.peer !== undefined) {
        this.error = Errno.ECONNREFUSED; // the ICMP answer reaches connected sockets only (udp(7))
        this.notify(READABLE | WRITABLE, at);
      }
    });
    return bytes.length;
  }

  #sendUnix(bytes: Uint8Array, address: SocketAddress | undefined, now: number): number {
    const named = address?.family === Family.UNIX ? this.#network.named(address.path) : undefined;
    const receiver = address === undefined ? this.partner : named;
    if (!(receiver instanceof DatagramSocket)) return address === undefined ? -Errno.ENOTCONN : -Errno.ECONNREFUSED;
    if (!receiver.open) return -Errno.ECONNREFUSED;
    if (receiver.#shut) return -Errno.EPIPE;
    if (receiver.#queued + bytes.length > receiver.receiveBuffer) return -Errno.EAGAIN;
    receiver.#deliver({ bytes: bytes.slice(), from: this.local }, now);
    return bytes.length;
  }

  #deliver(datagram: Datagram, at: number): void {
    if (this.#shut || this.#queued + datagram.bytes.length > this.receiveBuffer) return;
    const from = datagram.from.family === Family.UNIX ? datagram.from : asFamily(datagram.from, this.family);
    this.#queue.push({ bytes: datagram.bytes, from });
    this.#queued += datagram.bytes.length;
    this.notify(READABLE, at);
  }

  override shutdown(input: boolean, _output: boolean, now: number): number {
    if (this.partner === undefined && this.peer === undefined) return -Errno.ENOTCONN;
    if (input) this.#shut = true;
    this.notify(READABLE | WRITABLE, now);
    return 0;
  }

  override poll(): number {
    const full = this.partner !== undefined && this.partner.#queued >= this.partner.receiveBuffer;
    return (this.#queue.length > 0 || this.#shut || this.error !== 0 ? READABLE : 0) | (full ? 0 : WRITABLE);
  }

  override available(): number {
    return this.#queue[0]?.bytes.length ?? 0;
  }

  protected override closed(): void {
    this.released?.();
    this.#shut = true;
  }
}
