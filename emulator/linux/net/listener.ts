import { READABLE } from '../files/poll-events.ts';
import type { StreamSocket } from './stream-socket.ts';

/** Somebody who wants a connection: a guest's connect(2), a simulated client. `at` is the time of arrival at the listener. */
export interface Attempt {
  /** There is room: makes both ends and returns the listener's. */
  complete(at: number): StreamSocket;
  refuse(at: number): void;
}

/** A listening socket's queues. */
export class Listener {
  backlog: number;
  readonly #socket: StreamSocket;
  readonly #accepted: StreamSocket[] = [];
  /** Attempts that found the queue full. Linux drops them and the client tries again; here they wait for room. */
  readonly #waiting: Attempt[] = [];
  /** Connections promised but not in the queue yet: the last segment of the handshake is under way. */
  #promised = 0;
  #closed = false;

  constructor(socket: StreamSocket, backlog: number) {
    this.#socket = socket;
    this.backlog = backlog;
  }

  get ready(): boolean {
    return this.#accepted.length > 0;
  }

  get full(): boolean {
    return this.#accepted.length + this.#promised > this.backlog;
  }

  /** A connection attempt arrives. */
  arrive(attempt: Attempt, at: number): void {
    if (this.#closed) attempt.refuse(at);
    else if (this.full) this.#waiting.push(attempt);
    else {
      this.#promised++;
      attempt.complete(at);
    }
  }

  /** The handshake of a promised connection is done: accept(2) can have it. */
  enqueue(socket: StreamSocket, at: number): void {
    this.#promised--;
    if (this.#closed) {
      socket.abort(at);
      return;
    }
    this.#accepted.push(socket);
    this.#socket.notify(READABLE, at);
  }

  accept(now: number): StreamSocket | undefined {
    const socket = this.#accepted.shift();
    const next = socket === undefined || this.full ? undefined : this.#waiting.shift();
    if (next !== undefined) this.arrive(next, now);
    return socket;
  }

  close(at: number): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const socket of this.#accepted.splice(0)) socket.abort(at);
    for (const attempt of this.#waiting.splice(0)) attempt.refuse(at);
  }
}
