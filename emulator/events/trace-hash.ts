import { createHash, type Hash } from 'node:crypto';
import { type EventSink, eventFields, type MachineEvent, type MachineEventType } from './events.ts';

const bufferWords = 8192;
const reserveWords = 64;

/** Marks for values that are no numbers: NaNs would do, but these read better in a dump. */
const absent = -0x4d454c46;
const typeNumber = new Map<MachineEventType, number>(
  (Object.keys(eventFields) as MachineEventType[]).map((type, index) => [type, index + 1]),
);

/**
 * A hash over all events in order: equal for two runs exactly if they did the same at the same virtual times. Each event becomes a row of doubles
 * (type, time, fields in the order of `eventFields`; texts as length and characters), and the rows go through SHA-256 in chunks.
 */
export class TraceHash implements EventSink {
  readonly #hash: Hash = createHash('sha256');
  readonly #words = new Float64Array(bufferWords);
  readonly #bytes = new Uint8Array(this.#words.buffer);
  #used = 0;
  /** Events hashed so far. */
  events = 0;

  accept(event: MachineEvent): void {
    if (this.#used > bufferWords - reserveWords) this.#drain();
    this.events++;
    this.#put(typeNumber.get(event.type) ?? 0);
    this.#put(event.time);
    const record = event as unknown as Readonly<Record<string, unknown>>;
    for (const field of eventFields[event.type]) this.#value(record[field]);
  }

  #value(value: unknown): void {
    if (typeof value === 'number') this.#put(value);
    else if (typeof value === 'string') {
      this.#put(value.length);
      for (let i = 0; i < value.length; i++) this.#put(value.charCodeAt(i));
    } else if (typeof value === 'boolean') this.#put(value ? 1 : 0);
    else if (Array.isArray(value)) {
      this.#put(value.length);
      for (const item of value) this.#value(item);
    } else this.#put(absent);
  }

  #put(word: number): void {
    if (this.#used === bufferWords) this.#drain();
    this.#words[this.#used++] = word;
  }

  #drain(): void {
    this.#hash.update(this.#bytes.subarray(0, this.#used * 8));
    this.#used = 0;
  }

  /** The hash of everything so far, as 32 hexadecimal digits; more events may follow. */
  digest(): string {
    this.#drain();
    return this.#hash.copy().digest('hex').slice(0, 32);
  }
}
