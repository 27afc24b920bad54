import type { CpuKind } from '../emulator/linux/cpu-kind.ts';
import type { CpuPolicy } from '../emulator/linux/cpu-policy.ts';
import type { Kernel } from '../emulator/linux/kernel.ts';
import type { Thread } from '../emulator/linux/thread.ts';
import type { OverlayManager } from './manager.ts';

/** A variant and what a CPU must have for it. */
export interface VariantNeeds {
  readonly variant: string;
  readonly features: readonly string[];
}

/**
 * Gives each thread the variant of the CPU that it is on, whenever the scheduler moves it. In the middle of a multivariant function a thread is not
 * let to CPUs that lack what the function's variant needs; one that came to a better CPU there gets the better variant at a later system call.
 */
export class CpuVariantPolicy implements CpuPolicy {
  readonly #manager: OverlayManager;
  /** The best variant of each kind of CPU. */
  readonly #best = new Map<string, number>();
  readonly #needs = new Map<number, readonly string[]>();
  /** Threads that have not the variant of their CPU. */
  readonly #pending = new Set<Thread>();
  switches = 0;
  /** Moves that were not allowed. */
  refusedMoves = 0;

  /** @param variants best first; the last one must fit every CPU */
  constructor(kernel: Kernel, manager: OverlayManager, variants: readonly VariantNeeds[]) {
    this.#manager = manager;
    for (const { variant, features } of variants) this.#needs.set(manager.indexOf(variant), features);
    for (const kind of kernel.kinds.values()) {
      const best = [...this.#needs.keys()].find((variant) => this.#fits(variant, kind));
      if (best === undefined) throw new RangeError(`no variant for CPUs of the kind ${kind.name}`);
      this.#best.set(kind.name, best);
    }
    kernel.policies.push(this);
    kernel.threadEnds.push((thread) => this.#pending.delete(thread));
  }

  #fits(variant: number, { features }: CpuKind): boolean {
    return (this.#needs.get(variant) ?? []).every((feature) => features.includes(feature));
  }

  onKind(thread: Thread, kind: CpuKind): void {
    if (!this.#manager.manages(thread)) return;
    if (this.#manager.current(thread) === this.#best.get(kind.name)) this.#pending.delete(thread);
    else if (!this.#trySwitch(thread)) this.#pending.add(thread);
  }

  #trySwitch(thread: Thread): boolean {
    const best = this.#best.get(thread.cpu.kind)!;
    if (!this.#manager.maySwitch(thread, best)) return false;
    this.#manager.switch(thread, best, { unchecked: true });
    this.switches++;
    return true;
  }

  allowsMove(thread: Thread, kind: CpuKind): boolean {
    if (!this.#manager.manages(thread)) return true;
    const allowed =
      this.#fits(this.#manager.current(thread), kind) || this.#manager.maySwitch(thread, this.#best.get(kind.name)!);
    if (!allowed) this.refusedMoves++;
    return allowed;
  }

  afterSyscall(thread: Thread): void {
    if (!this.#pending.has(thread)) return;
    if (!this.#manager.manages(thread) || this.#trySwitch(thread)) this.#pending.delete(thread);
  }
}
