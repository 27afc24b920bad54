import type { CpuPolicy } from '../emulator/linux/cpu-policy.ts';
import type { Kernel } from '../emulator/linux/kernel.ts';
import { SeededRandom } from '../emulator/linux/random.ts';
import type { Thread } from '../emulator/linux/thread.ts';
import type { OverlayManager } from './manager.ts';

/** Virtual ns between interruptions: short at first, so that short programs meet many, and then longer and longer, so that long ones end. */
const interruptions = { first: 30, growth: 1.01, longest: 1e6 } as const;

/**
 * Switches threads to random variants wherever it is safe: when one of their system calls has ended, and now and then in the midst of their code, if
 * no multivariant code is on their stack. The output of a program whose variants are equivalent must not change by that.
 */
export class ChaosSwitcher implements CpuPolicy {
  readonly #kernel: Kernel;
  readonly #manager: OverlayManager;
  readonly #random: SeededRandom;
  #interval: number = interruptions.first;
  /** Virtual ns of the next interruption. */
  #next = 0;
  switches = 0;
  /** Switches that would not have been safe, and were not made. */
  refused = 0;

  constructor(kernel: Kernel, manager: OverlayManager, seed: number) {
    this.#kernel = kernel;
    this.#manager = manager;
    this.#random = new SeededRandom(seed, 'chaos');
    kernel.policies.push(this);
  }

  /** Ends whatever slice is running then, again and again while anything runs: a guest where nothing can happen stays one. */
  #interruptLater(now: number): void {
    if (this.#next > now) return;
    const { growth, longest } = interruptions;
    this.#interval = Math.min(this.#interval * growth, longest);
    this.#next = now + this.#interval * (0.5 + (this.#random.u32() % 1024) / 1024);
    const { scheduler, timers } = this.#kernel;
    timers.at(this.#next, (at) => {
      if (scheduler.cpus.some((cpu) => !cpu.idle)) this.#interruptLater(at);
    });
    scheduler.reconsider(); // the slice that is running was given its end without this timer
  }

  onKind(thread: Thread): void {
    this.#interruptLater(thread.now());
  }

  afterSyscall(thread: Thread): void {
    this.#maySwitch(thread);
  }

  onPreemption(thread: Thread): void {
    this.#maySwitch(thread);
  }

  #maySwitch(thread: Thread): void {
    this.#interruptLater(thread.now());
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
