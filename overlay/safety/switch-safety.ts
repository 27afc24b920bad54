// Is a switch safe? Only entry addresses of multivariant functions agree between variants. A return address, an interrupted instruction or
// a saved context inside such a function is right only in the code that was running when it came about.

import { MelfError } from '../../base/errors.ts';
import type { Process } from '../../emulator/linux/process.ts';
import type { Thread } from '../../emulator/linux/thread.ts';
import { Peek } from '../../emulator/memory/peek.ts';
import { UserFault } from '../../emulator/memory/user-memory.ts';
import type { MelfFunction } from '../../linker/melf-format.ts';
import type { MelfFile } from '../../linker/melf-reader.ts';
import { guardMigrations } from '../mmview.ts';
import { CallFrames, type FrameRules } from './call-frames.ts';
import { SavedContexts } from './saved-contexts.ts';
import { type Found, type ReadRules, Unwinder } from './unwinder.ts';

export const safetyModes = ['off', 'warn', 'strict'] as const;
/** `off`: nothing is looked at, as on a real kernel. `warn`: unsafe switches are reported and made. `strict`: they are refused (EPERM). */
export type SafetyMode = (typeof safetyModes)[number];

/** A switch that would not be safe. */
export class UnsafeSwitch extends MelfError {}

/** One place that a switch would leave in code that is no longer there. */
export interface UnsafePlace {
  /**
   * How it was found; `word`: it lies on the stack and looks like a return address, but no frame explains it; `context`: setjmp or getcontext has
   * saved it; `parked`: a frame on the stack of such a context.
   */
  readonly found: Found | 'word' | 'context' | 'parked';
  /** Address of the word that says so; undefined where it is a register. */
  readonly at: number | undefined;
  readonly function: MelfFunction;
  /** Bytes from the function's entry. */
  readonly offset: number;
  /** The variant whose code it belongs to; undefined when the bytes there are no variant's. */
  readonly variant: string | undefined;
}

export interface UnsafeReport {
  readonly tid: number;
  readonly from: number;
  readonly to: number;
  readonly places: readonly UnsafePlace[];
}

/** A return address that was on the stack at an earlier switch, with the code that it belongs to. */
interface Known {
  readonly pc: number;
  readonly code: Uint8Array;
}

/** "work+0x1c of variant slow, by the unwind tables" */
export function describePlace({ function: f, offset, variant, found, at }: UnsafePlace): string {
  const how = {
    unwound: 'a frame',
    analysed: 'a frame, found by reading the code that has no unwind tables',
    signal: 'interrupted by a signal',
    scanned: 'a frame, guessed where unwind tables are missing',
    word: 'a word on the stack: a saved context, or stale',
    context: 'a context that setjmp or getcontext has saved',
    parked: 'a frame on the stack of a saved context',
  }[found];
  const place = at === undefined ? '' : ` at 0x${at.toString(16)}`;
  return `${f.name}+0x${offset.toString(16)}${variant === undefined ? '' : ` of variant ${variant}`} (${how}${place})`;
}

/** Looks at the stacks of one process's threads. */
export class SwitchSafety {
  readonly mode: SafetyMode;
  /** Every unsafe switch that was tried. */
  readonly reports: UnsafeReport[] = [];
  /** Switches looked at. */
  checks = 0;
  /** Stack frames met in them. */
  framesWalked = 0;
  readonly #file: MelfFile;
  readonly #start: number;
  readonly #end: number;
  readonly #tables: readonly (CallFrames | undefined)[];
  readonly #read: ReadRules = new Map();
  readonly #contexts: SavedContexts;
  readonly #known = new WeakMap<Thread, Map<number, Known>>();

  constructor(file: MelfFile, mode: SafetyMode) {
    const { melf } = file;
    if (melf === undefined) {
      throw new MelfError('overlay.not-multivariant', 'the program holds no variants', {
        hint: 'its switches need no watching; `melf inspect FILE` shows what a file holds',
      });
    }
    this.mode = mode;
    this.#file = file;
    this.#contexts = new SavedContexts(file);
    this.#start = melf.windowVa;
    this.#end = melf.windowVa + melf.windowSize;
    this.#tables = melf.variants.map(({ name }, index) => {
      const section = file.sections.find((one) => one.name === (index === 0 ? '.eh_frame' : `.eh_frame.${name}`));
      if (section === undefined || section.size === 0) return undefined;
      return new CallFrames(file.bytes.subarray(section.offset, section.offset + section.size), section.va);
    });
  }

  /** Pages of memory searched for saved contexts in them. */
  get pagesSearched(): number {
    return this.#contexts.pages;
  }

  /** Watches the process's MIGRATE calls. */
  watch(process: Process): void {
    if (this.mode === 'off') return;
    guardMigrations(process, (thread, to) => {
      const report = this.check(thread, to);
      if (report === undefined) return true;
      this.tell(thread, report);
      return this.mode !== 'strict';
    });
  }

  /** Keeps the report and tells the user. */
  tell({ kernel }: Thread, report: UnsafeReport): void {
    this.reports.push(report);
    const { tid, from, to, places } = report;
    kernel.report(
      `thread ${tid} switches from view ${from} to ${to} with multivariant code on its stack${this.mode === 'strict' ? ': refused' : ''}: ${places.map(describePlace).join(', ')}`,
      'switch where only common code is on the stack, or keep those functions common (melf link --common)',
    );
  }

  #functionAt(pc: number): MelfFunction | undefined {
    if (pc < this.#start || pc >= this.#end) return undefined;
    return this.#file.melf!.functions.find((f) => pc >= f.va && pc < f.va + f.slotSize);
  }

  /** The slot's bytes as a view has them; undefined when it has none that can be read. */
  #slotIn(process: Process, view: number, f: MelfFunction): Uint8Array | undefined {
    try {
      return new Peek(process.space, view).read(f.va, f.slotSize);
    } catch (error) {
      if (error instanceof UserFault) return undefined;
      throw error;
    }
  }

  #variantOf(f: MelfFunction, code: Uint8Array): number | undefined {
    const found = f.bodies.findIndex(({ size }, variant) =>
      Buffer.from(code.buffer, code.byteOffset, size).equals(this.#file.body(f, variant)),
    );
    return found < 0 ? undefined : found;
  }

  /** What the unwind tables say of an address, of the variant that a thread's view shows there. */
  #rulesAt(thread: Thread, known: ReadonlyMap<number, Known>, pc: number): FrameRules | undefined {
    const f = this.#functionAt(pc);
    if (f === undefined) return this.#tables[0]?.rulesAt(pc);
    const earlier = [...known.values()].find((one) => this.#functionAt(one.pc) === f);
    const code = earlier?.code ?? this.#slotIn(thread.process, thread.view, f);
    const variant = code === undefined ? undefined : this.#variantOf(f, code);
    return (variant === undefined ? undefined : this.#tables[variant]?.rulesAt(pc)) ?? this.#tables[0]?.rulesAt(pc);
  }

  /** What setjmp and its like have saved, wherever it lies, and the stacks that those who saved it left behind. */
  #lookAtContexts(
    thread: Thread,
    unwinder: Unwinder,
    explained: Set<number>,
    look: (found: UnsafePlace['found'], pc: number, slot: number) => void,
  ): void {
    const own = thread.process.space.areas.find(thread.core.sp);
    const lookOnce = (found: UnsafePlace['found'], pc: number, slot: number): void => {
      if (explained.has(slot)) return;
      explained.add(slot);
      look(found, pc, slot);
    };
    for (const context of this.#contexts.find(thread)) {
      lookOnce('context', context.pc, context.slot);
      if (own !== undefined && context.sp >= thread.core.sp && context.sp <= own.end) continue; // the thread's own frames
      for (const { pc, slot } of unwinder.framesOf(thread, context))
        if (slot !== undefined) lookOnce('parked', pc, slot);
    }
  }

  /** What makes a switch of the thread to view `to` unsafe; undefined: nothing. */
  check(thread: Thread, to: number): UnsafeReport | undefined {
    this.checks++;
    const { process, view: from, tid } = thread;
    const before = this.#known.get(thread) ?? new Map<number, Known>();
    const unwinder = new Unwinder((pc) => this.#rulesAt(thread, before, pc), this.#read);
    const now = new Map<number, Known>();
    const places: UnsafePlace[] = [];
    const look = (found: UnsafePlace['found'], pc: number, slot: number): void => {
      const f = this.#functionAt(pc);
      if (f === undefined || (pc === f.va && found !== 'signal')) return; // an entry is right in every variant
      const earlier = before.get(slot);
      const code = earlier?.pc === pc ? earlier.code : this.#slotIn(process, from, f);
      if (code !== undefined) now.set(slot, { pc, code });
      const target = this.#slotIn(process, to, f);
      if (code !== undefined && target !== undefined && Buffer.from(code).equals(target)) return;
      const variant = code === undefined ? undefined : this.#variantOf(f, code);
      const name = variant === undefined ? undefined : this.#file.melf!.variants[variant]!.name;
      places.push({ found, function: f, offset: pc - f.va, variant: name, at: slot < 0 ? undefined : slot });
    };
    const frames = unwinder.frames(thread);
    this.framesWalked += frames.length;
    const explained = new Set<number>();
    for (const { pc, found, slot } of frames) {
      if (slot !== undefined) explained.add(slot);
      look(found, pc, slot ?? -1);
    }
    // Where the stack was unwound without a guess, a word that no frame explains is stale, unless it is part of a saved context.
    const isGuessed = frames.some(({ found }) => found === 'scanned');
    for (const { slot, pc, isContext } of unwinder.suspects(thread, this.#start, this.#end))
      if (!explained.has(slot) && (isContext || isGuessed)) {
        explained.add(slot);
        look('word', pc, slot);
      }
    if (this.#contexts.isNeeded) this.#lookAtContexts(thread, unwinder, explained, look);
    this.#known.set(thread, now);
    if (places.length === 0) return undefined;
    return { tid, from, to, places };
  }
}
