// A connection of the guest's network as mysql2 wants a socket. Everything happens at once, within the call that brings the bytes: the
// client library answers in the same moment of virtual time, and the host's event loop has no part in it.

import { EventEmitter } from 'node:events';
import type { ClientConnection, ClientHandlers, ClientWorld } from '../runner/client-world.ts';

export class VirtualStream extends EventEmitter {
  /** Of the last event, ns: what is written goes out then. */
  now = 0;
  readonly #connection: ClientConnection;
  #closed = false;

  /** `others`: what happens besides data; `onData` comes after the library has read the bytes. */
  constructor(world: ClientWorld, at: number, others: ClientHandlers) {
    super();
    this.now = at;
    this.#connection = world.connect(at, {
      onConnected: (now) => {
        this.now = now;
        this.emit('connect');
        others.onConnected(now);
      },
      onData: (bytes, now) => {
        this.now = now;
        this.emit('data', Buffer.from(bytes));
        others.onData(bytes, now);
      },
      onClose: (now) => {
        this.now = now;
        if (!this.#closed) this.emit('close');
        this.#closed = true;
        others.onClose(now);
      },
      onRefused: (now) => others.onRefused(now),
    });
  }

  write(bytes: Uint8Array, done?: (error?: Error) => void): boolean {
    if (!this.#closed) this.#connection.send(bytes, this.now);
    done?.();
    return true;
  }

  end(bytes?: Uint8Array): void {
    if (bytes !== undefined) this.write(bytes);
    this.destroy();
  }

  destroy(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connection.close(this.now);
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  pause(): this {
    return this;
  }

  resume(): this {
    return this;
  }
}
