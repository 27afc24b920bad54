import type { CpuPolicy } from '../emulator/linux/cpu-policy.ts';
import type { Kernel } from '../emulator/linux/kernel.ts';
import { SeededRandom } from '../emulator/linux/random.ts';
import type { Thread } from '../emulator/linux/thread.ts';
import type { OverlayManager } from './manager.ts';

/**
 * Switches threads to random variants wherever it is safe: whenever one of their system calls has ended and no multivariant code is on
 * their stack. The output of a program whose variants are equivalent must not change by that.
 */
export class ChaosSwitcher implements CpuPolicy {
  readonly #manager: OverlayManager;
  readonly #random: SeededRandom;
  switches = 0;
  /** Switches that would not have been safe, and were not made. */
  refused = 0;

  constructor(kernel: Kernel, manager: OverlayManager, seed: number) {
    this.#manager = manager;
    this.#random = new SeededRandom(seed, 'chaos');
    kernel.policies.push(this);
  }

  afterSyscall(thread: Thread): void {
    if (!this.#manager.manages(thread)) return;
    const { variants } = this.#manager;
    const wanted = this.#random.u32() % variants.length;
    if (wanted === this.#manager.current(thread)) return;
    if (!this.#manager.maySwitch(thread, wanted)) {
      this.refused++;
      return;
    }
    this.#manager.switch(thread, wanted, { unchecked: true });
    this.switches++;
  }
}
