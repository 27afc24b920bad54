import { Core, type CoreOptions } from './core.ts';

/** Cores of one machine. A released core is handed out again, last in first out, with its translations warm. */
export class CorePool {
  readonly #options: CoreOptions;
  readonly #idle: Core[] = [];
  #made = 0;

  constructor(options: CoreOptions) {
    this.#options = options;
  }

  /** How many engines exist: an engine costs about 10 ms and 3 MB. */
  get made(): number {
    return this.#made;
  }

  acquire(): Core {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    this.#made++;
    return new Core(this.#options);
  }

  release(core: Core): void {
    this.#idle.push(core);
  }
}
