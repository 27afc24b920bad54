import type { TimerQueue } from '../../scheduler/timers.ts';
import type { StreamEnd, Wire } from './wire.ts';

/** What a client outside the guest hears of its connection. `at` is the virtual time in ns at which it hears it. */
export interface ClientHandlers {
  onConnected?(at: number): void;
  /** The array is the client's to keep. A client that answers false has not read the bytes yet and calls `consumed` later. */
  onData?(bytes: Uint8Array, at: number): unknown;
  /** The guest closed its side; `reset` if it did so abruptly. */
  onClose?(at: number, reset: boolean): void;
  onRefused?(at: number): void;
  /** What had to wait for the guest's buffers has gone. */
  onDrain?(at: number): void;
  /** The guest's close is only the end of its output: this side goes on sending until it closes too. */
  readonly halfOpen?: boolean;
}

/**
 * A client's end of a connection to the guest, driven from outside in virtual time. It reads everything at once and may send
 * any amount: what the guest's buffers do not take waits here. Calls name the time at which they happen, which must not go back.
 */
export class SimulatedConnection implements StreamEnd {
  readonly #timers: TimerQueue;
  readonly #latency: number;
  readonly #handlers: ClientHandlers;
  #wire: Wire | undefined;
  #room = 0;
  #state: 'connecting' | 'connected' | 'closed' = 'connecting';
  #waiting: Uint8Array[] = [];
  #ending = false;
  #guestEnded = false;

  constructor(timers: TimerQueue, latency: number, handlers: ClientHandlers) {
    this.#timers = timers;
    this.#latency = latency;
    this.#handlers = handlers;
  }

  attach(wire: Wire, capacity: number): void {
    this.#wire = wire;
    this.#room = capacity;
  }

  connected(at: number): void {
    if (this.#state === 'closed') {
      this.#wire!.reset(at);
      return;
    }
    this.#state = 'connected';
    this.#flush(at);
    this.#handlers.onConnected?.(at);
  }

  refused(at: number): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#handlers.onRefused?.(at);
  }

  /** Sends bytes at virtual time `at`, now or later; the connection owns the array. Sends before the connection stands wait for it. */
  send(bytes: Uint8Array, at: number): void {
    if (this.#state === 'closed' || this.#ending || bytes.length === 0) return;
    if (this.#state === 'connected' && this.#waiting.length === 0 && bytes.length <= this.#room) {
      this.#room -= bytes.length;
      this.#wire!.send(bytes, at);
      return;
    }
    this.#waiting.push(bytes);
    if (this.#state === 'connected') this.#flush(at);
  }

  /** Closes the connection at `at`, after everything that was sent. */
  close(at: number): void {
    if (this.#state === 'closed' || this.#ending) return;
    this.#ending = true;
    if (this.#state === 'connecting') this.#state = 'closed';
    else this.#flush(at);
  }

  /** Breaks the connection off: the guest's socket gets ECONNRESET. */
  reset(at: number): void {
    if (this.#state === 'connected') this.#wire!.reset(at);
    this.#state = 'closed';
  }

  receive(bytes: Uint8Array, at: number): void {
    if (this.#state === 'closed') return;
    if (this.#handlers.onData?.(bytes, at) !== false) this.consumed(bytes.length, at);
  }

  /** The client has read this many bytes that it had not read when they came. */
  consumed(bytes: number, at: number): void {
    this.#wire?.credit(bytes, at);
  }

  /** Bytes that wait for room in the guest's buffers. */
  get waiting(): number {
    return this.#waiting.reduce((sum, { length }) => sum + length, 0);
  }

  receiveEnd(at: number): void {
    if (this.#state === 'closed') return;
    if (!this.#ending && this.#handlers.halfOpen) this.#guestEnded = true;
    else {
      if (!this.#ending) this.#wire!.end(at);
      this.#state = 'closed';
    }
    this.#handlers.onClose?.(at, false);
  }

  receiveReset(at: number): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#handlers.onClose?.(at, true);
  }

  credit(bytes: number, at: number): void {
    this.#room += bytes;
    if (this.#waiting.length === 0) return;
    if (this.#latency === 0) this.#flush(at);
    else this.#timers.at(at, (now) => this.#flush(now));
  }

  #flush(at: number): void {
    const waited = this.#waiting.length > 0;
    while (this.#waiting.length > 0 && this.#room > 0) {
      const bytes = this.#waiting[0]!;
      const part = bytes.subarray(0, this.#room);
      if (part.length === bytes.length) this.#waiting.shift();
      else this.#waiting[0] = bytes.subarray(part.length);
      this.#room -= part.length;
      this.#wire!.send(part, at);
    }
    if (this.#waiting.length > 0) return;
    if (this.#ending) {
      this.#wire!.end(at);
      if (this.#guestEnded) this.#state = 'closed';
    } else if (waited) this.#handlers.onDrain?.(at);
  }
}
