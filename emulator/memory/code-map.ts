/**
 * Which code is at which address, as far as whoever keeps facts by address must know (block costs). Processes share one after a fork, as long as
 * none of them maps other code.
 */
export class CodeMap {
  /** Grows when code at an address may have become other code. */
  generation = 0;
  #users = 1;
  readonly #listeners: (() => void)[] = [];

  get isShared(): boolean {
    return this.#users > 1;
  }

  retain(): this {
    this.#users++;
    return this;
  }

  /** The last user's release ends it. */
  release(): void {
    if (--this.#users === 0) for (const listener of this.#listeners.splice(0)) listener();
  }

  /** Calls `listener` when nobody uses the map any more. */
  onEnd(listener: () => void): void {
    this.#listeners.push(listener);
  }
}
