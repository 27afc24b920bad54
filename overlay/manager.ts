import { MelfError } from '../base/errors.ts';
import type { Process } from '../emulator/linux/process.ts';
import type { Thread } from '../emulator/linux/thread.ts';
import type { AddressSpace } from '../emulator/memory/address-space.ts';
import { protect } from '../emulator/memory/protection.ts';
import { Prot } from '../emulator/memory/vma.ts';
import type { MelfFile } from '../linker/melf-reader.ts';
import { inProcess } from './load-bias.ts';
import { migrate } from './mmview.ts';
import { describePlace, type SafetyMode, SwitchSafety, type UnsafeReport } from './safety/switch-safety.ts';
import { composeWindow, type ViewSpec } from './view-spec.ts';

/** No such variant, a file without variants, or a switch that would not be safe. */
export class OverlayError extends MelfError {}

/** The views of one address space. */
interface OwnViews {
  /** View of each variant, by index; that of the first is the one that the program started in. */
  readonly variants: (number | undefined)[];
  /** Views of specs, by their text. */
  readonly mixed: Map<string, number>;
}

/**
 * The overlay manager outside the guest: gives an unchanged program the variant that a policy wants, per thread. (Programs
 * that choose themselves link libmelf, overlay/guest.) Made before the program runs, while it has one view. Processes forked from it are
 * managed, too, until they execute something else.
 */
export class OverlayManager {
  readonly safety: SwitchSafety;
  readonly #process: Process;
  readonly #file: MelfFile;
  readonly #start: number;
  readonly #end: number;
  readonly #views = new WeakMap<AddressSpace, OwnViews>();

  /** @param safety what {@link switch} does about switches that would not be safe; `strict` unless told otherwise */
  constructor(process: Process, file: MelfFile, safety: SafetyMode = 'strict') {
    const melf = file.melf;
    if (melf === undefined) {
      throw new OverlayError('overlay.not-multivariant', 'the program holds no variants', {
        hint: 'link it with `melf link --variant NAME:OBJECTS`; `melf inspect FILE` shows what a file holds',
      });
    }
    const there = inProcess(process, file);
    this.safety = new SwitchSafety(there, safety);
    this.#process = process;
    this.#file = there;
    this.#start = there.melf!.windowVa;
    this.#end = this.#start + melf.windowSize;
    this.#views.set(process.space, { variants: [process.space.views.base], mixed: new Map() });
    process.kernel.forks.push((child, maker) => this.#inherit(child, maker));
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
    throw new OverlayError('overlay.unknown-variant', `the program has no variant "${name}"`, {
      hint: `it has: ${this.variants.join(', ')}`,
    });
  }

  /** A forked process has its maker's view alone, as its view 0. */
  #inherit(child: Process, maker: Thread): void {
    const { space } = child;
    const known = this.#views.get(maker.process.space);
    if (known === undefined || this.#views.has(space)) return; // another program, or vfork
    const own: OwnViews = { variants: [], mixed: new Map() };
    const variant = known.variants.indexOf(maker.view);
    if (variant >= 0) own.variants[variant] = space.views.base;
    for (const [spec, view] of known.mixed) if (view === maker.view) own.mixed.set(spec, space.views.base);
    this.#views.set(space, own);
  }

  /** Whether the thread executes the program that this manages. */
  manages({ process }: Thread): boolean {
    return this.#views.has(process.space);
  }

  #viewsOf(space: AddressSpace): OwnViews {
    const views = this.#views.get(space);
    if (views === undefined) throw new RangeError('the thread executes another program');
    return views;
  }

  /** The variant whose view the thread is in. */
  current({ process, view }: Thread): number {
    return Math.max(0, this.#viewsOf(process.space).variants.indexOf(view));
  }

  /** View that shows a variant in a process; made at first use as a copy of its base view with the variant's bytes in the window. */
  viewOf(variant: number, space: AddressSpace = this.#process.space): number {
    const { variants } = this.#viewsOf(space);
    variants[variant] ??= this.#create(space, this.#file.window(variant));
    return variants[variant];
  }

  /** View that mixes variants function by function; made at first use. Throws ViewSpecError when the file's pages cannot do it. */
  viewFor(spec: ViewSpec, space: AddressSpace = this.#process.space): number {
    if (spec.functions === undefined) return this.viewOf(this.indexOf(spec.default), space);
    const key = JSON.stringify([spec.default, Object.entries(spec.functions)]);
    const { mixed } = this.#viewsOf(space);
    const known = mixed.get(key);
    if (known !== undefined) return known;
    const view = this.#create(space, composeWindow(this.#file, spec));
    mixed.set(key, view);
    return view;
  }

  #create(space: AddressSpace, window: Uint8Array): number {
    const view = space.createView(space.views.base);
    const size = this.#end - this.#start;
    protect(space, view, this.#start, size, Prot.read | Prot.write);
    try {
      space.userMemory(view).write(this.#start, window);
    } catch (error) {
      space.deleteView(view);
      throw error;
    }
    protect(space, view, this.#start, size, Prot.read | Prot.exec);
    return view;
  }

  /** Whether the thread may go over to a variant: no code on its stack would become other code. */
  maySwitch(thread: Thread, variant: number): boolean {
    const view = this.viewOf(variant, thread.process.space);
    return view === thread.view || this.dangers(thread, view) === undefined;
  }

  /** What makes a switch of the thread into a view unsafe; undefined: nothing. */
  dangers(thread: Thread, view: number): UnsafeReport | undefined {
    return this.safety.check(thread, view);
  }

  /** Puts the thread into a variant. Throws if a multivariant function is on its stack, unless `unchecked` or not `strict`. */
  switch(thread: Thread, variant: number, options: { unchecked?: boolean } = {}): void {
    const view = this.viewOf(variant, thread.process.space);
    if (thread.view !== view) this.enter(thread, view, options);
  }

  /** As {@link switch}, into a view of {@link viewFor}. */
  enter(thread: Thread, view: number, options: { unchecked?: boolean } = {}): void {
    const { mode } = this.safety;
    const report = options.unchecked || mode === 'off' ? undefined : this.dangers(thread, view);
    if (report !== undefined) {
      if (mode === 'strict') throw unsafe(report);
      this.safety.tell(thread, report);
    }
    if (migrate(thread, view) < 0) {
      throw new OverlayError('overlay.no-view', `thread ${thread.tid} cannot enter view ${view}`, {
        hint: 'the program has deleted it, or whoever else watches its switches refuses this one',
      });
    }
  }
}

function unsafe({ tid, from, to, places }: UnsafeReport): OverlayError {
  const found = places.map(describePlace).join(', ');
  return new OverlayError('overlay.unsafe-switch', `thread ${tid} has multivariant code on its stack: ${found}`, {
    facts: { tid, from, to },
    hint: 'switch where only common code is on the stack, or keep those functions common (melf link --common)',
  });
}
