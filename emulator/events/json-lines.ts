import type { EventSink, MachineEvent } from './events.ts';

const flushAt = 1 << 16;

/** Writes each event as one line of JSON. Call {@link JsonLines.flush} at the end. */
export class JsonLines implements EventSink {
  readonly #write: (text: string) => void;
  #pending = '';

  /** @param write takes whole lines, some at a time */
  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  accept(event: MachineEvent): void {
    this.#pending += `${JSON.stringify(event)}\n`;
    if (this.#pending.length >= flushAt) this.flush();
  }

  flush(): void {
    if (this.#pending === '') return;
    this.#write(this.#pending);
    this.#pending = '';
  }
}
