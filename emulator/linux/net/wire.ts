import type { TimerQueue } from '../../scheduler/timers.ts';

/** One end of a stream connection, as the wire to it sees it. `at` is the virtual time of arrival in ns. */
export interface StreamEnd {
  /** Bytes arrive; the end owns the array. */
  receive(bytes: Uint8Array, at: number): void;
  /** The other end will send no more (FIN). */
  receiveEnd(at: number): void;
  /** The other end is gone (RST). */
  receiveReset(at: number): void;
  /** The other end has read this many of the bytes that this end sent. */
  credit(bytes: number, at: number): void;
}

/** One direction of a connection: what is sent arrives in order, `latency` ns later; at once if that is 0. */
export class Wire {
  readonly #timers: TimerQueue;
  readonly #latency: number;
  readonly #to: StreamEnd;
  #lastArrival = 0;

  constructor(timers: TimerQueue, latency: number, to: StreamEnd) {
    this.#timers = timers;
    this.#latency = latency;
    this.#to = to;
  }

  send(bytes: Uint8Array, at: number): void {
    this.#after(at, (arrival) => this.#to.receive(bytes, arrival));
  }

  end(at: number): void {
    this.#after(at, (arrival) => this.#to.receiveEnd(arrival));
  }

  reset(at: number): void {
    this.#after(at, (arrival) => this.#to.receiveReset(arrival));
  }

  /** Tells the other end that there is room again. Window updates travel as data does. */
  credit(bytes: number, at: number): void {
    this.#to.credit(bytes, at + this.#latency);
  }

  /** Nothing overtakes what was sent before, though senders' clocks differ a little. */
  #after(at: number, action: (arrival: number) => void): void {
    const arrival = Math.max(at + this.#latency, this.#lastArrival);
    this.#lastArrival = arrival;
    if (this.#latency === 0) action(arrival);
    else this.#timers.at(arrival, action);
  }
}
