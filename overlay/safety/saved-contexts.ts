// Contexts that setjmp, sigsetjmp, getcontext and swapcontext have saved anywhere in a process's memory: a thread that goes on in one of them returns
// to the address that it holds. They are found by looking, without knowing where the program keeps them: a word that is the return address of a
// call of one of these functions, with a stack pointer where they put it. glibc stores both mangled (PTR_MANGLE of sysdeps/unix/sysv/linux).

import type { Isa } from '../../emulator/isa/isa.ts';
import { X86 } from '../../emulator/isa/x86-64/registers.ts';
import type { Thread } from '../../emulator/linux/thread.ts';
import { Peek } from '../../emulator/memory/peek.ts';
import { PAGE_SIZE } from '../../emulator/memory/physical.ts';
import { UserFault } from '../../emulator/memory/user-memory.ts';
import { Prot, protIn, type Vma } from '../../emulator/memory/vma.ts';
import { Access } from '../../emulator/native/binding.ts';
import { PF_X, PT_LOAD, SHN_UNDEF } from '../../linker/elf.ts';
import type { MelfFile, SymbolEntry } from '../../linker/melf-reader.ts';
import { withTailCallers } from './tail-calls.ts';

/** Where somebody can go on. */
export interface SavedContext {
  /** Address of the word that holds `pc`. */
  readonly slot: number;
  readonly pc: number;
  readonly sp: number;
  /** What the frame pointer's register held. */
  readonly fp: number;
}

const savers = /^_{0,3}(sig)?setjmp$|^_{0,2}(get|swap)context$/;
const WORD = 8;
/** Bytes of the longest function that saves contexts and calls another one for that: musl's sigsetjmp and glibc's swapcontext. */
const LONGEST_SAVER = 256;
/** `fs:0x30`: pointer_guard of glibc's tcbhead_t (sysdeps/x86_64/nptl/tls.h). */
const X86_GUARD = 0x30;
const CALL_SIZE: Readonly<Record<Isa, number>> = { 'x86-64': 5, aarch64: 4 };

/** Words between the return address and what is saved with it: the C libraries' jmp_buf and ucontext_t agree in these. */
const layouts: Readonly<Record<Isa, readonly { readonly sp: number; readonly fp: number }[]>> = {
  // rbp is six words before rip in jmp_buf and in the ucontext, rsp is the word before it.
  'x86-64': [{ sp: -1, fp: -6 }],
  // jmp_buf: x29, x30, a word, sp. The ucontext: x29, x30, sp, pc, where x30 and pc are the same.
  aarch64: [
    { sp: 2, fp: -1 },
    { sp: 1, fp: -1 },
    { sp: -1, fp: -3 },
  ],
};
/** musl's sigsetjmp calls setjmp from a frame that it has left, and keeps its own return address so many words behind setjmp's. */
const sigsetjmpReturn: Readonly<Record<Isa, number>> = { 'x86-64': 1, aarch64: 11 };

/** glibc's swapcontext for AArch64 goes on in itself and returns to what it kept as x1, so many words before the context's pc. */
const swapcontextReturn = -31;

/** A 64-bit word in halves: numbers of this size are scanned by the million. */
type Halves = readonly [low: number, high: number];
const unmangled: Readonly<Record<Isa, (low: number, high: number, guard: Halves) => number>> = {
  // ror 17, xor
  'x86-64': (low, high, [a, b]) =>
    (((high >>> 17) | (low << 15)) ^ b) * 2 ** 32 + ((((low >>> 17) | (high << 15)) ^ a) >>> 0),
  aarch64: (low, high, [a, b]) => (high ^ b) * 2 ** 32 + ((low ^ a) >>> 0),
};

/** Finds saved contexts of one program. */
export class SavedContexts {
  /** Pages looked at so far. */
  pages = 0;
  readonly #file: MelfFile;
  readonly #start: number;
  readonly #end: number;
  readonly #isa: Isa;
  /** Where the functions are that save contexts; undefined in a file without symbols. */
  readonly #savers: readonly SymbolEntry[] | undefined;
  /** Entries whose callers a saved context may return to, once they were looked for. */
  #entries: ReadonlySet<number> | undefined;
  readonly #guardSymbol: number | undefined;
  readonly #isGlibc: boolean;

  constructor(file: MelfFile) {
    const code = file.segments.filter(({ type, flags }) => type === PT_LOAD && (flags & PF_X) !== 0);
    this.#start = Math.min(...code.map(({ va }) => va));
    this.#end = Math.max(...code.map(({ va, memorySize }) => va + memorySize));
    this.#file = file;
    this.#isa = file.isa;
    const symbols = file.symbols();
    const defined = (name: string): number | undefined =>
      symbols.find((one) => one.name === name && one.section !== SHN_UNDEF)?.va;
    this.#savers =
      symbols.length === 0
        ? undefined
        : symbols.filter(({ name, section }) => section !== SHN_UNDEF && savers.test(name)).sort((a, b) => a.va - b.va);
    this.#isGlibc = symbols.length === 0 || defined('__libc_setup_tls') !== undefined;
    this.#guardSymbol = defined('__pointer_chk_guard_local') ?? defined('__pointer_chk_guard');
  }

  /** Whether the program can save contexts at all, as far as can be known. */
  get isNeeded(): boolean {
    return this.#savers === undefined || this.#savers.length > 0;
  }

  /**
   * What the thread, or one that takes it over, could go on in: not what other threads have saved of their own stacks, and not what lies in frames
   * that it has left. Pages that nobody has touched stay so.
   */
  find(thread: Thread): SavedContext[] {
    const { process, core, view } = thread;
    const { space } = process;
    const own = space.areas.find(core.sp);
    const foreign = new Set<Vma>();
    for (const other of thread.kernel.threadsIn(space)) {
      const area = space.areas.find(other.core.sp);
      if (area !== undefined && area !== own) foreign.add(area);
    }
    const guard = this.#isGlibc ? this.#guardOf(thread) : undefined;
    const found: SavedContext[] = [];
    for (const area of space.areas) {
      if (foreign.has(area) || area.port !== undefined || (protIn(area, view) & Prot.write) === 0) continue;
      const from = area === own ? Math.ceil(core.sp / WORD) * WORD : area.start;
      for (const slot of this.#words(thread, area, from, guard)) {
        const context = this.#contextAt(thread, slot, guard);
        if (context === undefined) continue;
        const stack = space.areas.find(context.sp) ?? space.areas.find(context.sp - 1);
        if (stack === undefined || foreign.has(stack) || (protIn(stack, view) & Prot.write) === 0) continue;
        if (stack === own && context.sp < core.sp) continue; // its frame has returned
        if (!found.some(({ pc, sp }) => pc === context.pc && sp === context.sp)) found.push(context);
      }
    }
    return found;
  }

  /** Addresses of words that point into code, as they are or mangled. */
  *#words({ process, view }: Thread, area: Vma, from: number, guard: Halves | undefined): Generator<number> {
    const { views, physical } = process.space;
    const words = physical.u32;
    const pages: (readonly [va: number, frame: number])[] = [];
    const keep = (entry: number, va: number): void => {
      if (words[entry]! & Access.read) pages.push([va, words[entry + 1]!]);
    };
    // The base has all shared pages, other views may not have met them yet.
    views.forEach(from, area.end, keep, [area.viewShared ? views.base : view]);
    const plain = unmangled[this.#isa];
    const [start, end] = [this.#start, this.#end];
    for (const [va, frame] of pages) {
      this.pages++;
      const page = (frame * PAGE_SIZE) / 4;
      for (let at = Math.max(0, from - va) / 4; at < PAGE_SIZE / 4; at += 2) {
        const low = words[page + at]!;
        const high = words[page + at + 1]!;
        if (low === 0 && high === 0) continue;
        const value = high * 2 ** 32 + low;
        const isCode = value >= start && value < end;
        if (isCode) yield va + at * 4;
        else if (guard !== undefined) {
          const clear = plain(low, high, guard);
          if (clear >= start && clear < end) yield va + at * 4;
        }
      }
    }
  }

  #contextAt(thread: Thread, slot: number, guard: Halves | undefined): SavedContext | undefined {
    const memory = new Peek(thread.process.space, thread.view);
    const raw = (at: number): number => memory.pointer(at);
    const clear = (at: number): number => {
      const word = memory.u64(at);
      return unmangled[this.#isa](Number(word & 0xffff_ffffn), Number(word >> 32n), guard!);
    };
    try {
      for (const read of guard === undefined ? [raw] : [raw, clear]) {
        const saved = read(slot);
        if (saved < this.#start || saved >= this.#end) continue;
        const pc = this.#returnOf(memory, slot, saved);
        if (pc === undefined) continue;
        for (const layout of layouts[this.#isa]) {
          const sp = read(slot + WORD * layout.sp);
          if (!isStackPointer(thread, sp)) continue;
          // The frame pointer is mangled on x86-64 only.
          const fp = (this.#isa === 'x86-64' ? read : raw)(slot + WORD * layout.fp);
          return { slot, pc, sp, fp };
        }
      }
    } catch (error) {
      if (!(error instanceof UserFault)) throw error; // at the edge of an area
    }
    return undefined;
  }

  /** Where the caller goes on if `saved` is what a function that saves contexts put at `slot`; undefined: it is something else. */
  #returnOf(memory: Peek, slot: number, saved: number): number | undefined {
    const inside = this.#saverAt(saved)?.name;
    if (this.#isa === 'aarch64' && inside?.endsWith('swapcontext')) {
      const pc = memory.pointer(slot + WORD * swapcontextReturn);
      return this.#isSaved(memory, pc) ? pc : undefined;
    }
    if (!this.#isSaved(memory, saved)) return undefined;
    return inside?.endsWith('sigsetjmp') ? memory.pointer(slot + WORD * sigsetjmpReturn[this.#isa]) : saved;
  }

  /** The one that holds an address. Written in assembly, they have no sizes. */
  #saverAt(pc: number): SymbolEntry | undefined {
    return this.#savers?.findLast(({ va }) => pc >= va && pc < va + LONGEST_SAVER);
  }

  /** Whether a call of a function that saves contexts ends at `pc`: in the code as it is, or in that of any variant. */
  #isSaved(memory: Peek, pc: number): boolean {
    const size = CALL_SIZE[this.#isa];
    if (this.#calls(memory.read(pc - size, size), pc)) return true;
    const { functions } = this.#file.melf!;
    const f = functions.find(({ va, slotSize }) => pc > va && pc <= va + slotSize);
    if (f === undefined) return false;
    return f.bodies.some((body, variant) => {
      const offset = pc - f.va;
      if (offset < size || offset > body.size) return false;
      return this.#calls(this.#file.body(f, variant).subarray(offset - size, offset), pc);
    });
  }

  #calls(code: Uint8Array, pc: number): boolean {
    const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
    let target: number;
    if (this.#isa === 'x86-64') {
      if (code[0] !== 0xe8) return false; // call rel32
      target = pc + view.getInt32(1, true);
    } else {
      const word = view.getUint32(0, true);
      if (word >>> 26 !== 0x25) return false; // bl
      target = pc - 4 + ((word << 6) >> 6) * 4;
    }
    if (this.#savers === undefined) return true;
    this.#entries ??= withTailCallers(
      this.#file,
      this.#savers.map(({ va }) => va),
    );
    return this.#entries.has(target);
  }

  #guardOf(thread: Thread): Halves | undefined {
    const { process, view, core } = thread;
    const memory = new Peek(process.space, view);
    try {
      const at = this.#isa === 'x86-64' ? Number(core.reg(X86.fsBase)) + X86_GUARD : this.#guardSymbol;
      if (at === undefined) return undefined;
      const guard = memory.u64(at);
      return [Number(guard & 0xffff_ffffn), Number(guard >> 32n)];
    } catch (error) {
      if (error instanceof UserFault) return undefined; // before the C library has set it up
      throw error;
    }
  }
}

function isStackPointer({ process, view }: Thread, sp: number): boolean {
  if (sp % WORD !== 0) return false;
  const area = process.space.areas.find(sp) ?? process.space.areas.find(sp - 1);
  return area !== undefined && (protIn(area, view) & Prot.write) !== 0 && (protIn(area, view) & Prot.exec) === 0;
}
