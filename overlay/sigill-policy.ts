import type { CpuKind } from '../emulator/linux/cpu-kind.ts';
import type { CpuPolicy, IllegalInstruction } from '../emulator/linux/cpu-policy.ts';
import type { Kernel } from '../emulator/linux/kernel.ts';
import type { Thread } from '../emulator/linux/thread.ts';
import type { OverlayManager } from './manager.ts';

/** What a policy found out: this kind of CPU lacks something that the variant uses. */
export interface Lesson {
  readonly kind: string;
  readonly variant: string;
  readonly feature: string;
  readonly instruction: string;
}

/**
 * Knows nothing of CPUs and variants at first. When a CPU refuses an instruction, the thread is moved to CPUs that have the feature: the function is
 * half done, so no other code can go on in its place. What was refused is remembered, and from then on a thread whose CPUs include such a kind gets a
 * variant that none of them has refused, at its next system call with no multivariant function on its stack; then it may go back.
 */
export class SigillPolicy implements CpuPolicy {
  readonly lessons: Lesson[] = [];
  readonly #manager: OverlayManager;
  readonly #kernel: Kernel;
  /** Variants in the order of preference. */
  readonly #order: readonly number[];
  readonly #refused = new Map<string, Set<number>>();
  /** Threads that were moved and are to go back. */
  readonly #away = new Set<Thread>();
  /** How often a thread was moved because of a refused instruction. */
  moves = 0;

  /** @param preferred names of variants, best first; the manager's others follow */
  constructor(kernel: Kernel, manager: OverlayManager, preferred: readonly string[]) {
    this.#kernel = kernel;
    this.#manager = manager;
    const first = preferred.map((name) => manager.indexOf(name));
    this.#order = [...first, ...manager.variants.keys()].filter((variant, at, all) => all.indexOf(variant) === at);
    kernel.policies.push(this);
    kernel.threadEnds.push((thread) => this.#away.delete(thread));
  }

  onIllegalInstruction(thread: Thread, { instruction, feature }: IllegalInstruction): boolean {
    if (feature === undefined || !this.#manager.manages(thread)) return false;
    const able = new Set<number>();
    for (const { id, kind } of this.#kernel.scheduler.cpus)
      if (this.#kernel.kinds.get(kind)!.features.includes(feature)) able.add(id);
    if (able.size === 0 || able.has(thread.cpu.id)) return false;
    this.#learn(thread.cpu.kind, this.#manager.current(thread), feature, instruction);
    this.moves++;
    this.#away.add(thread);
    this.#kernel.scheduler.override(thread, able);
    return true;
  }

  #learn(kind: string, variant: number, feature: string, instruction: string): void {
    const refused = this.#refused.get(kind) ?? new Set<number>();
    this.#refused.set(kind, refused);
    if (refused.has(variant)) return;
    refused.add(variant);
    this.lessons.push({ kind, variant: this.#manager.variants[variant]!, feature, instruction });
  }

  /** Kinds of CPU that the thread's own affinity allows. */
  #homeKinds(thread: Thread): string[] {
    return this.#kernel.scheduler.cpus.filter(({ id }) => thread.affinity.has(id)).map(({ kind }) => kind);
  }

  afterSyscall(thread: Thread): void {
    if (this.#refused.size === 0 || !this.#manager.manages(thread)) return;
    const kinds = this.#homeKinds(thread);
    const fits = (variant: number): boolean => kinds.every((kind) => !this.#refused.get(kind)?.has(variant));
    const current = this.#manager.current(thread);
    const wanted = fits(current) ? current : this.#order.find(fits);
    if (wanted === undefined) return; // every variant was refused somewhere: it stays where it can run
    if (wanted !== current) {
      if (!this.#manager.maySwitch(thread, wanted)) return;
      this.#manager.switch(thread, wanted, { unchecked: true });
    }
    if (this.#away.delete(thread)) this.#kernel.scheduler.override(thread, undefined);
  }

  /** The first variant in the order that CPUs of this kind have not refused. */
  #fitting(kind: CpuKind): number | undefined {
    const refused = this.#refused.get(kind.name);
    return this.#order.find((variant) => !refused?.has(variant));
  }

  #isRefused(thread: Thread, kind: CpuKind): boolean {
    return this.#manager.manages(thread) && this.#refused.get(kind.name)?.has(this.#manager.current(thread)) === true;
  }

  /** Without knowledge every move is tried; with it, a thread in the middle of a refused variant is left where it is. */
  allowsMove(thread: Thread, kind: CpuKind): boolean {
    if (!this.#isRefused(thread, kind)) return true;
    const fitting = this.#fitting(kind);
    return fitting !== undefined && this.#manager.maySwitch(thread, fitting);
  }

  onKind(thread: Thread, kind: CpuKind): void {
    const fitting = this.#isRefused(thread, kind) ? this.#fitting(kind) : undefined;
    if (fitting !== undefined && this.#manager.maySwitch(thread, fitting))
      this.#manager.switch(thread, fitting, { unchecked: true });
  }
}
