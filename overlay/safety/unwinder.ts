// A guest thread's stack, frame by frame, from outside.

import { Arm, X } from '../../emulator/isa/aarch64/registers.ts';
import type { Isa } from '../../emulator/isa/isa.ts';
import { X86 } from '../../emulator/isa/x86-64/registers.ts';
import type { Thread } from '../../emulator/linux/thread.ts';
import { Peek } from '../../emulator/memory/peek.ts';
import { PAGE_SIZE } from '../../emulator/memory/physical.ts';
import { UserFault } from '../../emulator/memory/user-memory.ts';
import { Prot, protIn } from '../../emulator/memory/vma.ts';
import { Access } from '../../emulator/native/binding.ts';
import type { FrameRules } from './call-frames.ts';
import { aarch64Prologue, x86Prologue } from './prologue.ts';

/** How a frame was found: by the unwind tables, by reading its callee's code, as what a signal handler interrupted, or by looking for return addresses. */
export type Found = 'unwound' | 'analysed' | 'signal' | 'scanned';

export interface StackFrame {
  /** Where the frame goes on: the thread's own pc, or a return address. */
  readonly pc: number;
  readonly found: Found;
  /** Stack address that holds `pc`; undefined for registers. */
  readonly slot: number | undefined;
}

/** A word on the stack that looks like a return address. */
export interface Suspect {
  readonly slot: number;
  readonly pc: number;
  /** A stack pointer lies beside it, as in what setjmp and getcontext save. */
  readonly isContext: boolean;
}

/** The functions that a program and its threads begin in: nobody called them. */
const outermost = new Set(['_start', 'clone', '__clone']);

/** Tables by DWARF register number (System V psABI x86-64, 3.6.2; DWARF for the Arm 64-bit architecture, 4.1). */
interface Conventions {
  readonly registers: readonly number[];
  readonly sp: number;
  readonly fp: number;
  readonly returnRegister: number;
  /** Where the registers of an interrupted context lie above the stack pointer that the restorer sees, by DWARF number. */
  readonly savedContext: readonly number[];
  readonly savedPc: number;
  /** Whether these bytes, before a return address, are a call. */
  isCall(before: Uint8Array): boolean;
  isSigreturn(code: Uint8Array): boolean;
}

const startsWith = (code: Uint8Array, bytes: readonly number[]): boolean =>
  bytes.every((byte, at) => code[at] === byte);

/** struct sigcontext behind the ucontext's head (arch/x86/include/uapi/asm/sigcontext.h): r8 first. */
const x86Gregs = 40;
const x86SavedOrder = [13, 12, 14, 11, 9, 8, 10, 15, 0, 1, 2, 3, 4, 5, 6, 7];

const conventions: Readonly<Record<Isa, Conventions>> = {
  'x86-64': {
    registers: [
      X86.rax,
      X86.rdx,
      X86.rcx,
      X86.rbx,
      X86.rsi,
      X86.rdi,
      X86.rbp,
      X86.rsp,
      X86.r8,
      X86.r9,
      X86.r10,
      X86.r11,
      X86.r12,
      X86.r13,
      X86.r14,
      X86.r15,
    ],
    sp: 7,
    fp: 6,
    returnRegister: 16,
    savedContext: x86SavedOrder.map((index) => x86Gregs + 8 * index),
    savedPc: x86Gregs + 8 * 16,
    isCall(before) {
      const end = before.length;
      if (before[end - 5] === 0xe8) return true; // call rel32
      // call r/m64: FF /2 with 2 to 7 bytes, an index byte and a displacement
      for (let size = 2; size <= 7; size++)
        if (before[end - size] === 0xff && ((before[end - size + 1]! >> 3) & 7) === 2) return true;
      return false;
    },
    isSigreturn: (code) =>
      startsWith(code, [0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05]) ||
      startsWith(code, [0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05]),
  },
  aarch64: {
    registers: [...X, Arm.sp],
    sp: 31,
    fp: 29,
    returnRegister: 30,
    // siginfo (128), ucontext to its sigcontext (176), fault address (8), x0 to x30, sp, pc
    savedContext: Array.from({ length: 32 }, (_, index) => 128 + 176 + 8 + 8 * index),
    savedPc: 128 + 176 + 8 + 8 * 32,
    isCall(before) {
      const view = new DataView(before.buffer, before.byteOffset + before.length - 4, 4);
      const word = view.getUint32(0, true);
      return word >>> 26 === 0x25 || (word & 0xfffffc1f) >>> 0 === 0xd63f0000; // bl, blr
    },
    isSigreturn: (code) => startsWith(code, [0x68, 0x11, 0x80, 0xd2, 0x01, 0, 0, 0xd4]),
  },
};

const WORD = 8;
const MOST_FRAMES = 1000;
/** A stack is looked at this far. */
const MOST_BYTES = 1 << 20;
const LONGEST_CALL = 7;
/** Of functions without tables that are read. */
const LONGEST_FUNCTION = 16384;
const addressOf = (value: bigint): number => Number(value & 0xffff_ffff_ffffn); // a signature of the address is above bit 47

/** Rules that were found by reading code, by return address. */
export type ReadRules = Map<number, FrameRules>;

/** Walks the stacks of one program's threads. */
export class Unwinder {
  readonly #rulesAt: (pc: number) => FrameRules | undefined;
  readonly #read: ReadRules;

  /**
   * @param rulesAt what the program's unwind tables say of an address
   * @param read what was found by reading code that is the same in all views, by return address; kept by the caller
   */
  constructor(rulesAt: (pc: number) => FrameRules | undefined, read: ReadRules = new Map()) {
    this.#rulesAt = rulesAt;
    this.#read = read;
  }

  /** The thread's frames, innermost first. Where tables are missing or the stack ends in code without them, return addresses are guessed. */
  frames(thread: Thread): StackFrame[] {
    const { core } = thread;
    const isa = thread.kernel.isa;
    const how = conventions[isa];
    const values = new BigUint64Array(how.registers.length * 2);
    core.readRegisters(Int32Array.from(how.registers), values);
    const registers: (bigint | undefined)[] = how.registers.map((_, index) => values[2 * index]!);
    const walk = new Walk(thread, how, registers, core.pc, this.#read);
    return this.#follow(walk, { pc: core.pc, found: 'unwound', slot: undefined }, false);
  }

  /** The callers of somebody who waits in a saved context, innermost first; the context's own place is not among them. */
  framesOf(
    thread: Thread,
    { pc, sp, fp }: { readonly pc: number; readonly sp: number; readonly fp: number },
  ): StackFrame[] {
    const how = conventions[thread.kernel.isa];
    const registers: (bigint | undefined)[] = how.registers.map(() => undefined);
    registers[how.sp] = BigInt(sp);
    registers[how.fp] = BigInt(fp);
    const walk = new Walk(thread, how, registers, pc, this.#read);
    return this.#follow(walk, { pc, found: 'unwound', slot: undefined }, true).slice(1);
  }

  /** The frame and those outside it. A saved context stands behind a call, as every frame but the innermost does. */
  #follow(walk: Walk, innermost: StackFrame, isBehindCall: boolean): StackFrame[] {
    const frames = [innermost];
    try {
      while (frames.length < MOST_FRAMES) {
        const next = walk.step(this.#rulesAt, frames.at(-1)!.found !== 'signal' && (isBehindCall || frames.length > 1));
        if (next === undefined) break;
        frames.push(next);
      }
    } catch (error) {
      if (!(error instanceof UserFault)) throw error; // a stack that was damaged, or ends in a guard page
    }
    return frames;
  }

  /** Words on the stack that look like return addresses into [start, end): of frames, stale, or of a saved context. */
  suspects(thread: Thread, start: number, end: number): Suspect[] {
    const how = conventions[thread.kernel.isa];
    const found: Suspect[] = [];
    const memory = new Peek(thread.process.space, thread.view);
    const stack = thread.process.space.areas.find(thread.core.sp);
    for (const [slot, pc] of stackWords(thread, thread.core.sp)) {
      if (pc < start || pc >= end || !isReturnAddress(thread, how, pc)) continue;
      // setjmp and the ucontext keep the stack pointer beside the address: before it, and on AArch64 setjmp two words behind.
      const isContext = [-WORD, 2 * WORD].some((offset) => {
        const at = slot + offset;
        if (stack === undefined || at < thread.core.sp || at + WORD > stack.end) return false;
        const value = memory.pointer(at);
        return value % WORD === 0 && value >= stack.start && value < stack.end;
      });
      found.push({ slot, pc, isContext });
    }
    return found;
  }
}

/** Words from `sp` to the end of the area that it is in. Pages that nobody has touched stay so: looking must not change the run. */
function* stackWords({ process, view }: Thread, sp: number): Generator<[slot: number, value: number]> {
  const area = process.space.areas.find(sp);
  if (area === undefined) return;
  const { views, physical } = process.space;
  const end = Math.min(area.end, sp + MOST_BYTES);
  for (let slot = Math.ceil(sp / WORD) * WORD; slot < end; ) {
    const pageEnd = Math.min(end, slot - (slot % PAGE_SIZE) + PAGE_SIZE);
    const entry = views.find(view, slot);
    if (entry < 0 || (physical.u32[entry]! & Access.read) === 0) {
      slot = pageEnd;
      continue;
    }
    let at = (physical.u32[entry + 1]! * PAGE_SIZE + (slot % PAGE_SIZE)) / 4;
    for (; slot + WORD <= pageEnd; slot += WORD, at += 2)
      yield [slot, physical.u32[at + 1]! * 2 ** 32 + physical.u32[at]!];
  }
}

function isReturnAddress({ process, view }: Thread, how: Conventions, pc: number): boolean {
  const area = process.space.areas.find(pc);
  if (area === undefined || (protIn(area, view) & Prot.exec) === 0 || pc - LONGEST_CALL < area.start) return false;
  return how.isCall(new Peek(process.space, view).read(pc - LONGEST_CALL, LONGEST_CALL));
}

class Walk {
  readonly #thread: Thread;
  readonly #memory: Peek;
  readonly #how: Conventions;
  #registers: (bigint | undefined)[];
  #pc: number;
  readonly #read: ReadRules;

  constructor(thread: Thread, how: Conventions, registers: (bigint | undefined)[], pc: number, read: ReadRules) {
    this.#thread = thread;
    this.#memory = new Peek(thread.process.space, thread.view);
    this.#how = how;
    this.#registers = registers;
    this.#pc = pc;
    this.#read = read;
  }

  get #sp(): number {
    return addressOf(this.#registers[this.#how.sp] ?? 0n);
  }

  /** Goes to the caller's frame. */
  step(rulesAt: (pc: number) => FrameRules | undefined, pcIsReturnAddress: boolean): StackFrame | undefined {
    const f = this.#thread.process.symbols.functionAt(this.#pc - 1);
    if (f !== undefined && outermost.has(f.name) && pcIsReturnAddress) return undefined;
    const code = this.#memory.read(this.#pc, 9);
    if (this.#how.isSigreturn(code)) return this.#interrupted();
    // A call may be the last instruction of its function.
    const rules = rulesAt(pcIsReturnAddress ? this.#pc - 1 : this.#pc);
    if (rules !== undefined) return this.#unwind(rules, 'unwound') ?? this.#scan(pcIsReturnAddress);
    const read = this.#readFunction(pcIsReturnAddress);
    return (read === undefined ? undefined : this.#unwind(read, 'analysed')) ?? this.#scan(pcIsReturnAddress);
  }

  /** What the function's own instructions do to the stack, where no table says it. */
  #readFunction(isReturnAddress: boolean): FrameRules | undefined {
    const { process, kernel } = this.#thread;
    const f = process.symbols.functionAt(isReturnAddress ? this.#pc - 1 : this.#pc);
    if (f === undefined || f.size === 0 || f.size > LONGEST_FUNCTION) return undefined;
    const known = isReturnAddress ? this.#read.get(this.#pc) : undefined;
    if (known !== undefined) return known;
    const code = this.#memory.read(f.address, f.size);
    const place = { offset: this.#pc - f.address, isReturnAddress };
    const rules =
      kernel.isa === 'aarch64' ? aarch64Prologue(code, place) : x86Prologue(kernel.decoder, code, f.address, place);
    if (isReturnAddress && rules !== undefined && process.space.areas.find(this.#pc)?.viewShared)
      this.#read.set(this.#pc, rules);
    return rules;
  }

  /** The restorer is about to return to what the signal interrupted. */
  #interrupted(): StackFrame {
    const sp = this.#sp;
    this.#registers = this.#how.savedContext.map((offset) => this.#memory.u64(sp + offset));
    const slot = sp + this.#how.savedPc;
    this.#pc = this.#memory.pointer(slot);
    return { pc: this.#pc, found: 'signal', slot };
  }

  #unwind(rules: FrameRules, found: Found): StackFrame | undefined {
    const base = rules.cfa === undefined ? undefined : this.#registers[rules.cfa.register];
    if (base === undefined || rules.cfa === undefined) return undefined;
    const cfa = addressOf(base) + rules.cfa.offset;
    const before = this.#registers;
    const after = [...before];
    let slot: number | undefined;
    const { returnRegister } = this.#how;
    let returnAddress = before[returnRegister];
    for (const [register, rule] of rules.registers) {
      let value: bigint | undefined;
      if (rule.kind === 'saved') value = this.#memory.u64(cfa + rule.offset);
      else if (rule.kind === 'value') value = BigInt(cfa + rule.offset);
      else if (rule.kind === 'register') value = before[rule.register];
      else if (rule.kind === 'same') value = before[register];
      if (register === returnRegister) {
        returnAddress = value;
        slot = rule.kind === 'saved' ? cfa + rule.offset : undefined;
        // Says that there is no caller: this is the outermost frame.
        if (rule.kind === 'undefined') return undefined;
      }
      if (register < after.length) after[register] = value;
    }
    if (returnAddress === undefined) return undefined;
    after[this.#how.sp] = BigInt(cfa);
    if (cfa <= this.#sp && addressOf(returnAddress) === this.#pc) return undefined; // goes in circles
    const pc = addressOf(returnAddress);
    if (pc === 0) return undefined;
    if (found === 'analysed' && !isReturnAddress(this.#thread, this.#how, pc)) return undefined;
    this.#registers = after;
    this.#pc = pc;
    return { pc, found, slot };
  }

  /**
   * No tables for this code: the link register, in a function that may not have called anybody yet, or the next word on the stack that looks like
   * a return address is taken for one.
   */
  #scan(pcIsReturnAddress: boolean): StackFrame | undefined {
    const { returnRegister } = this.#how;
    const link = pcIsReturnAddress ? undefined : this.#registers[returnRegister];
    if (link !== undefined && isReturnAddress(this.#thread, this.#how, addressOf(link))) {
      this.#registers[returnRegister] = undefined;
      this.#pc = addressOf(link);
      return { pc: this.#pc, found: 'scanned', slot: undefined };
    }
    for (const [slot, pc] of stackWords(this.#thread, this.#sp)) {
      if (!isReturnAddress(this.#thread, this.#how, pc)) continue;
      this.#registers[this.#how.sp] = BigInt(slot + WORD);
      this.#pc = pc;
      return { pc, found: 'scanned', slot };
    }
    return undefined;
  }
}
