import { MelfError } from '../base/errors.ts';
import type { Process } from '../emulator/linux/process.ts';
import type { Thread } from '../emulator/linux/thread.ts';
import { Prot } from '../emulator/memory/vma.ts';
import type { MelfFile } from '../linker/melf-reader.ts';
import { inProcess } from './load-bias.ts';
import { migrate } from './mmview.ts';
import { describePlace, type SafetyMode, SwitchSafety, type UnsafeReport } from './safety/switch-safety.ts';
import { type SuspectReturn, scanStack } from './stack-scan.ts';
import { composeWindow, type ViewSpec } from './view-spec.ts';

/** No such variant, a file without variants, or a switch that would not be safe. */
export class OverlayError extends MelfError {}

/**
 * The overlay manager outside the guest: gives an unchanged program the variant that a policy wants, per thread. (Programs
 * that choose themselves link libmelf, overlay/guest.) Made before the program runs, while it has one view.
 */
export class OverlayManager {
  readonly safety: SwitchSafety;
  readonly #process: Process;
  readonly #file: MelfFile;
  readonly #start: number;
  readonly #end: number;
  /** View of each variant, by index; the default's is the view that the program started in. */
  readonly #views: (number | undefined)[];
  /** Views of specs, by their text. */
  readonly #mixed = new Map<string, number>();

  /** @param safety what {@link switch} does about switches that would not be safe; `strict` unless told otherwise */
  constructor(process: Process, file: MelfFile, safety: SafetyMode = 'strict') {
    const melf = file.melf;
    if (melf === undefined) {
      throw new OverlayError('NOT_MULTIVARIANT', 'the program holds no variants', {
        hint: 'link it with `melf link --variant NAME=...`; `melf inspect FILE` shows what a file holds',
      });
    }
    const there = inProcess(process, file);
    this.safety = new SwitchSafety(there, safety);
    this.#process = process;
    this.#file = there;
    this.#start = there.melf!.windowVa;
    this.#end = this.#start + melf.windowSize;
    this.#views = [process.space.views.base];
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
    const view = this.#create(this.#file.window(variant));
    this.#views[variant] = view;
    return view;
  }

  /** View that mixes variants function by function; made at first use. Throws ViewSpecError when the file's pages cannot do it. */
  viewFor(spec: ViewSpec): number {
    if (spec.functions === undefined) return this.viewOf(this.indexOf(spec.default));
    const key = JSON.stringify([spec.default, Object.entries(spec.functions)]);
    const known = this.#mixed.get(key);
    if (known !== undefined) return known;
    const view = this.#create(composeWindow(this.#file, spec));
    this.#mixed.set(key, view);
    return view;
  }

  #create(window: Uint8Array): number {
    const { space } = this.#process;
    const view = space.createView(this.#views[0]!);
    const size = this.#end - this.#start;
    space.protect(view, this.#start, size, Prot.read | Prot.write);
    space.userMemory(view).write(this.#start, window);
    space.protect(view, this.#start, size, Prot.read | Prot.exec);
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

  /** What makes a switch of the thread into a view unsafe; undefined: nothing. */
  dangers(thread: Thread, view: number): UnsafeReport | undefined {
    return this.safety.check(thread, view);
  }

  /** Puts the thread into a variant. Throws if a multivariant function is on its stack, unless `unchecked` or not `strict`. */
  switch(thread: Thread, variant: number, options: { unchecked?: boolean } = {}): void {
    if (thread.view === this.#views[variant]) return;
    this.enter(thread, this.viewOf(variant), options);
  }

  /** As {@link switch}, into a view of {@link viewFor}. */
  enter(thread: Thread, view: number, options: { unchecked?: boolean } = {}): void {
    const { mode } = this.safety;
    const report = options.unchecked || mode === 'off' ? undefined : this.dangers(thread, view);
    if (report !== undefined) {
      if (mode === 'strict') throw unsafe(report);
      this.safety.tell(thread, report);
    }
    migrate(thread, view);
  }
}

function unsafe({ tid, from, to, places }: UnsafeReport): OverlayError {
  const found = places.map(describePlace).join(', ');
  return new OverlayError('UNSAFE_SWITCH', `thread ${tid} has multivariant code on its stack: ${found}`, {
    facts: { tid, from, to },
    hint: 'switch where only common code is on the stack, or keep those functions common (melf link --common)',
  });
}
