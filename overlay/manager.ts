import { MelfError } from '../emulator/errors.ts';
import type { Process } from '../emulator/linux/process.ts';
import type { Thread } from '../emulator/linux/thread.ts';
import { Prot } from '../emulator/memory/vma.ts';
import type { MelfFile } from '../linker/melf-reader.ts';
import { migrate } from './mmview.ts';
import { type SuspectReturn, scanStack } from './stack-scan.ts';

/** No such variant, a file without variants, or a switch that would not be safe. */
export class OverlayError extends MelfError {}

/**
 * The overlay manager outside the guest: gives an unchanged program the variant that a policy wants, per thread. (Programs
 * that choose themselves link libmelf, overlay/guest.) Made before the program runs, while it has one view.
 */
export class OverlayManager {
  readonly #process: Process;
  readonly #file: MelfFile;
  readonly #start: number;
  readonly #end: number;
  /** View of each variant, by index; the default's is the base view. */
  readonly #views: (number | undefined)[] = [0];

  constructor(process: Process, file: MelfFile) {
    const melf = file.melf;
    if (melf === undefined) {
      throw new OverlayError('NOT_MULTIVARIANT', 'the program holds no variants', {
        hint: 'link it with `melf link --variant NAME=...`; `melf inspect FILE` shows what a file holds',
      });
    }
    this.#process = process;
    this.#file = file;
    this.#start = melf.windowVa;
    this.#end = melf.windowVa + melf.windowSize;
    process.space.setViewShared(this.#start, melf.windowSize, false);
    for (const thread of process.threads.values()) thread.enterView(thread.view);
  }

  get variants(): readonly string[] {
    return this.#file.melf!.variants.map((variant) => variant.name);
  }

  /** Index of a variant; throws with the names there are. */
  indexOf(name: string): number {
    const index = this.variants.indexOf(name);
    if (index >= 0) return index;
    throw new OverlayError('UNKNOWN_VARIANT', `the program has no variant "${name}"`, {
      hint: `it has: ${this.variants.join(', ')}`,
    });
  }

  /** The variant whose view the thread is in. */
  current(thread: Thread): number {
    return Math.max(0, this.#views.indexOf(thread.view));
  }

  /** View that shows a variant; made at first use as a copy of the base view with the variant's bytes in the window. */
  viewOf(variant: number): number {
    const known = this.#views[variant];
    if (known !== undefined) return known;
    const { space } = this.#process;
    const view = space.createView(0);
    const size = this.#end - this.#start;
    space.protect(view, this.#start, size, Prot.read | Prot.write);
    space.userMemory(view).write(this.#start, this.#file.window(variant));
    space.protect(view, this.#start, size, Prot.read | Prot.exec);
    this.#views[variant] = view;
    return view;
  }

  /** Whether code at `va` differs between variants. */
  inWindow(va: number): boolean {
    return va >= this.#start && va < this.#end;
  }

  /** Possible frames of multivariant functions on the thread's stack: a switch would change the code they return to. */
  suspects(thread: Thread): SuspectReturn[] {
    return scanStack(thread, this.#start, this.#end);
  }

  /** Puts the thread into a variant. Throws if a multivariant function may be on its stack, unless `unchecked`. */
  switch(thread: Thread, variant: number, options: { unchecked?: boolean } = {}): void {
    if (this.current(thread) === variant) return;
    const found = options.unchecked ? [] : this.suspects(thread);
    if (found.length > 0) {
      const melf = this.#file.melf!;
      const names = found.map(({ returnAddress }) => {
        const at = melf.functions.find((f) => returnAddress >= f.va && returnAddress < f.va + f.slotSize);
        return at === undefined
          ? `0x${returnAddress.toString(16)}`
          : `${at.name}+0x${(returnAddress - at.va).toString(16)}`;
      });
      throw new OverlayError(
        'UNSAFE_SWITCH',
        `thread ${thread.tid} has multivariant functions on its stack: ${names.join(', ')}`,
        {
          facts: { tid: thread.tid, from: this.variants[this.current(thread)], to: this.variants[variant] },
          hint: 'switch where only common code is on the stack, or keep those functions common (melf link --common)',
        },
      );
    }
    migrate(thread, this.viewOf(variant));
  }
}
