import type { Machine } from './machine.ts';

/** How long the guest may keep the host's thread before connections from outside get their turn, ms. */
const LONGEST_TURN = 10;
const NS_PER_MS = 1e6;

/**
 * Runs a machine whose clock follows the host's, so that ordinary clients can talk to it. Runs of this kind are the only ones that depend on the
 * host's clock and cannot be repeated exactly.
 */
export class Realtime {
  readonly #machine: Machine;
  readonly #startedAt = performance.now();
  readonly #virtualStart: number;
  readonly #posted: ((now: number) => void)[] = [];
  #wake: (() => void) | undefined;
  #stopped = false;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#virtualStart = machine.time;
  }

  /** Virtual time that corresponds to the host's clock, ns. A guest that computes hard may be behind it. */
  now(): number {
    return this.#virtualStart + (performance.now() - this.#startedAt) * NS_PER_MS;
  }

  /**
   * Does `action` between two turns of the guest, soon. It gets the virtual time at which it happens, which is not before anything
   * that the guest has done.
   */
  post(action: (now: number) => void): void {
    this.#posted.push(action);
    this.#wake?.();
  }

  stop(): void {
    this.#stopped = true;
    this.#wake?.();
  }

  /** Until every process has ended or {@link stop} is called. */
  async run(): Promise<void> {
    const { scheduler } = this.#machine.kernel;
    while (!this.#stopped) {
      for (const action of this.#posted.splice(0)) action(Math.max(this.now(), this.#machine.time));
      const turn = performance.now();
      const { reason } = this.#machine.run({
        until: this.now(),
        stopWhen: () => performance.now() - turn > LONGEST_TURN,
        whenIdle: 'return',
      });
      if (reason === 'ended') return;
      const pause = reason === 'stopped' ? 0 : Math.max(0, scheduler.nextTime - this.now()) / NS_PER_MS;
      await this.#pause(pause);
    }
  }

  /** Lets the host's events in, for `ms` or until something was posted. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      // The host's timers are good to a millisecond: what is nearer, a packet under way, is waited for awake.
      if (ms < 1 || this.#posted.length > 0) {
        setImmediate(resolve);
        return;
      }
      const longest = 60_000;
      const timer = setTimeout(resolve, Math.min(ms, longest));
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
    });
  }
}
