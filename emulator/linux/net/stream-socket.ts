import { Errno } from '../../errno.ts';
import { ByteQueue } from '../files/byte-queue.ts';
import { OpenFlag } from '../files/open-flags.ts';
import { PollEvent, READABLE, WRITABLE } from '../files/poll-events.ts';
import { Family, type SocketAddress } from './addresses.ts';
import type { Listener } from './listener.ts';
import { Socket, SocketType } from './socket.ts';
import type { StreamEnd, Wire } from './wire.ts';

export type StreamState = 'new' | 'listening' | 'connecting' | 'connected' | 'closed';

/** A stream socket of a guest: TCP, or UNIX where `family` says so. It behaves as net/ipv4/tcp.c and net/unix/af_unix.c do. */
export class StreamSocket extends Socket implements StreamEnd {
  override readonly type = SocketType.STREAM;
  state: StreamState = 'new';
  listener: Listener | undefined;
  /** The other end of a UNIX connection between guests: it learns of close and shutdown at once. */
  unixPeer: StreamSocket | undefined;
  /** A connection attempt was refused and no connect(2) has told of it yet. */
  attemptFailed = false;
  /** SO_LINGER with a time of 0. */
  resetOnClose = false;
  readonly #received = new ByteQueue();
  #wire: Wire | undefined;
  /** Bytes sent that the other end has not read yet, and how many there may be. */
  #outstanding = 0;
  #capacity = 0;
  #wantsRoom = false;
  /** No more will come: the peer said so, or this end shut its input. */
  #inputEnded = false;
  /** The peer has closed or shut its output, properly. */
  #peerEnded = false;
  #outputEnded = false;

  constructor(family: number, ino: number, nonBlocking: boolean) {
    super(family, OpenFlag.RDWR | (nonBlocking ? OpenFlag.NONBLOCK : 0), ino);
  }

  /** Becomes one end of a connection; `capacity` bytes may be under way or unread. */
  attach(wire: Wire, capacity: number, local: SocketAddress, peer: SocketAddress): void {
    this.#wire = wire;
    this.#capacity = capacity;
    this.local = local;
    this.peer = peer;
  }

  /** A connection attempt begins. */
  connecting(peer: SocketAddress): void {
    this.state = 'connecting';
    this.peer = peer;
  }

  /** connect(2) tells of an attempt that failed; then the socket is as new. Returns the error (net/ipv4/af_inet.c). */
  takeFailure(): number {
    this.attemptFailed = false;
    this.#inputEnded = this.#outputEnded = false;
    return this.takeError() || Errno.ECONNABORTED;
  }

  /** The connection stands. */
  connected(at: number): void {
    this.state = 'connected';
    this.notify(WRITABLE, at);
  }

  /** The connection attempt failed. */
  refused(errno: number, at: number): void {
    if (this.state !== 'connecting') return;
    this.state = 'new';
    this.error = errno;
    this.attemptFailed = true;
    this.#inputEnded = this.#outputEnded = true; // until connect(2) has told of it (tcp_done)
    this.notify(PollEvent.ERR | PollEvent.HUP | READABLE | WRITABLE, at);
  }

  receive(bytes: Uint8Array, at: number): void {
    if (this.state === 'closed') {
      this.#wire?.reset(at); // nobody will ever read it (RFC 9293, 3.10.7.1)
      return;
    }
    this.#received.push(bytes);
    this.notify(READABLE, at);
  }

  receiveEnd(at: number): void {
    if (this.state === 'closed') return;
    this.#inputEnded = this.#peerEnded = true;
    this.notify(READABLE | PollEvent.RDHUP | (this.#outputEnded ? PollEvent.HUP : 0), at);
  }

  receiveReset(at: number): void {
    if (this.state === 'closed') return;
    // After a proper end of the peer a reset is a broken pipe (tcp_reset).
    this.error = this.#peerEnded ? Errno.EPIPE : Errno.ECONNRESET;
    this.#inputEnded = this.#outputEnded = true;
    this.notify(READABLE | WRITABLE | PollEvent.ERR | PollEvent.HUP | PollEvent.RDHUP, at);
  }

  credit(bytes: number, at: number): void {
    this.#outstanding -= bytes;
    if (!this.#wantsRoom || !this.#hasRoom) return;
    this.#wantsRoom = false;
    this.notify(WRITABLE, at);
  }

  override read(into: Uint8Array, now: number): number {
    return this.receiveInto(into, now, false);
  }

  /** As `read`; with `peek` the bytes stay. */
  receiveInto(into: Uint8Array, now: number, peek: boolean): number {
    if (this.state !== 'connected') {
      if (this.error !== 0) return -this.takeError();
      if (this.state === 'connecting') return -Errno.EAGAIN;
      if (this.#inputEnded) return 0;
      return this.family === Family.UNIX ? -Errno.EINVAL : -Errno.ENOTCONN;
    }
    if (into.length === 0) return 0;
    const count = this.#received.take(into, peek);
    if (count > 0) {
      if (!peek) this.#wire!.credit(count, now);
      return count;
    }
    if (this.#peerEnded && this.error !== Errno.ECONNRESET) return 0;
    if (this.error !== 0) return -this.takeError();
    return this.#inputEnded ? 0 : -Errno.EAGAIN;
  }

  override write(from: Uint8Array, now: number): number {
    const unix = this.family === Family.UNIX;
    if (unix && this.#outputEnded) return -Errno.EPIPE;
    if (this.error !== 0) return -this.takeError();
    if (this.#outputEnded) return -Errno.EPIPE;
    if (this.state === 'connecting') return -Errno.EAGAIN;
    if (this.state !== 'connected') return unix ? -Errno.ENOTCONN : -Errno.EPIPE;
    if (from.length === 0) return 0;
    const count = Math.min(from.length, this.#capacity - this.#outstanding);
    if (count < from.length) this.#wantsRoom = true;
    if (count <= 0) return -Errno.EAGAIN;
    this.#outstanding += count;
    this.#wire!.send(from.slice(0, count), now);
    return count;
  }

  override shutdown(input: boolean, output: boolean, now: number): number {
    if (this.state === 'listening') {
      if (input) this.listener!.close(now);
      return 0;
    }
    if (this.state !== 'connected') return -Errno.ENOTCONN;
    if (output && !this.#outputEnded) {
      this.#outputEnded = true;
      this.#wire!.end(now);
    }
    if (input && !this.#inputEnded) {
      this.#inputEnded = true;
      this.unixPeer?.stopOutput(now);
    }
    const hangUp = this.#inputEnded && this.#outputEnded ? PollEvent.HUP : 0;
    this.notify(READABLE | WRITABLE | PollEvent.RDHUP | hangUp, now);
    return 0;
  }

  /** The UNIX peer will read no more. */
  stopOutput(at: number): void {
    this.#outputEnded = true;
    this.notify(WRITABLE | (this.#inputEnded ? PollEvent.HUP : 0), at);
  }

  /** Ends the connection from the listener's side before anybody accepted it. */
  abort(at: number): void {
    this.state = 'closed';
    if (this.unixPeer !== undefined) this.unixPeer.peerClosed(true, at);
    else this.#wire?.reset(at);
  }

  /** The UNIX peer is gone: `unread` says that it left bytes unread (unix_release_sock). */
  peerClosed(unread: boolean, at: number): void {
    if (this.state === 'closed') return;
    if (unread) this.error = Errno.ECONNRESET;
    this.#inputEnded = this.#peerEnded = this.#outputEnded = true;
    this.notify(READABLE | WRITABLE | PollEvent.HUP | PollEvent.RDHUP, at);
  }

  override poll(): number {
    if (this.state === 'listening') return this.listener!.ready ? READABLE : 0;
    let events = this.error === 0 ? 0 : PollEvent.ERR;
    if (this.state === 'connecting') return events;
    const idle = this.state !== 'connected';
    if (idle || (this.#inputEnded && this.#outputEnded)) events |= PollEvent.HUP;
    if (this.#inputEnded) events |= READABLE | PollEvent.RDHUP;
    if (this.#received.length > 0) events |= READABLE;
    if (idle || this.#outputEnded || this.#hasRoom) events |= WRITABLE;
    else this.#wantsRoom = true;
    return events;
  }

  override available(): number {
    return this.#received.length;
  }

  override unsent(): number {
    return this.#outstanding;
  }

  protected override closed(now: number): void {
    const { state } = this;
    this.state = 'closed';
    this.listener?.close(now);
    this.released?.();
    if (state !== 'connected') return;
    const unread = this.#received.length > 0;
    if (this.unixPeer !== undefined) this.unixPeer.peerClosed(unread, now);
    else if (unread || this.resetOnClose) this.#wire!.reset(now);
    else if (!this.#outputEnded) this.#wire!.end(now);
    this.#received.clear();
  }

  /** poll(2) says writable while a third of the buffer is free (sk_stream_is_writeable). */
  get #hasRoom(): boolean {
    return this.#outstanding * 3 <= this.#capacity * 2;
  }
}
