// Frame rules for code without unwind tables (musl has none): by reading the function from its entry to the address at hand and following
// what it does to the stack pointer. Right for what compilers emit: a function's stack is the same size wherever it calls another.

import type { Decoder } from '../../emulator/isa/decoder.ts';
import type { FrameRules, RegisterRule } from './call-frames.ts';

/** Follows one function. */
class StackShape {
  depth: number;
  #deepest: number;
  readonly saved = new Map<number, number>();

  /** @param depth bytes between CFA and stack pointer at the entry */
  constructor(depth: number) {
    this.depth = depth;
    this.#deepest = depth;
  }

  grow(bytes: number): void {
    this.depth += bytes;
    this.#deepest = Math.max(this.#deepest, this.depth);
  }
  /** The first save counts: it is of the caller's value. */
  save(register: number, offsetFromSp: number): void {
    if (!this.saved.has(register)) this.saved.set(register, offsetFromSp - this.depth);
  }
  /** An epilogue ended in a jump or return: what follows is reached from before it. */
  leave(): void {
    this.depth = this.#deepest;
  }

  rules(sp: number, returnRegister: number): FrameRules | undefined {
    if (this.depth < 0) return undefined;
    const registers = new Map<number, RegisterRule>();
    for (const [register, offset] of this.saved) registers.set(register, { kind: 'saved', offset });
    return { cfa: { register: sp, offset: this.depth }, registers, returnRegister, isSignalFrame: false };
  }
}

const AARCH64_SP = 31;
const AARCH64_LR = 30;
const FIRST_SAVED = 19; // x19 to x30 belong to the caller (AAPCS64, 6.1.1)
const signed7 = (value: number): number => (value << 25) >> 25;
const signed9 = (value: number): number => (value << 23) >> 23;

/** Rules at `code`'s end. `code` is the function's, from its entry on (Arm ARM, C6.2). */
export function aarch64Prologue(code: Uint8Array): FrameRules | undefined {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const shape = new StackShape(0);
  const save = (register: number, offset: number): void => {
    if (register >= FIRST_SAVED && register <= AARCH64_LR) shape.save(register, offset);
  };
  for (let at = 0; at + 4 <= code.length; at += 4) {
    const word = view.getUint32(at, true);
    const is = (mask: number, value: number): boolean => (word & mask) >>> 0 === value;
    const [rt, rt2] = [word & 31, (word >>> 10) & 31];
    const imm12 = ((word >>> 10) & 0xfff) << (word & 0x400000 ? 12 : 0);
    if (is(0xff8003ff, 0xd10003ff))
      shape.grow(imm12); // sub sp, sp, #imm
    else if (is(0xff8003ff, 0x910003ff))
      shape.grow(-imm12); // add sp, sp, #imm
    else if (is(0xffc003e0, 0xa98003e0)) {
      shape.grow(-8 * signed7((word >>> 15) & 127)); // stp rt, rt2, [sp, #-imm]!
      save(rt, 0);
      save(rt2, 8);
    } else if (is(0xffe00fe0, 0xf8000fe0)) {
      shape.grow(-signed9((word >>> 12) & 511)); // str rt, [sp, #-imm]!
      save(rt, 0);
    } else if (is(0xffc003e0, 0xa90003e0)) {
      const offset = 8 * signed7((word >>> 15) & 127); // stp rt, rt2, [sp, #imm]
      save(rt, offset);
      save(rt2, offset + 8);
    } else if (is(0xffc003e0, 0xf90003e0)) {
      save(rt, 8 * ((word >>> 10) & 0xfff)); // str rt, [sp, #imm]
    } else if (is(0xffc003e0, 0xa8c003e0)) {
      shape.grow(-8 * signed7((word >>> 15) & 127)); // ldp rt, rt2, [sp], #imm
    } else if (is(0xffe00fe0, 0xf84007e0)) {
      shape.grow(-signed9((word >>> 12) & 511)); // ldr rt, [sp], #imm
    } else if (is(0xfffffc1f, 0xd65f0000) || is(0xfc000000, 0x14000000) || is(0xfffffc1f, 0xd61f0000)) {
      shape.leave(); // ret, b, br
    }
  }
  return shape.rules(AARCH64_SP, AARCH64_LR);
}

const X86_SP = 7;
const X86_RETURN = 16;
/** Callee-saved registers by name (System V psABI, 3.2.1), with their DWARF numbers. */
const x86Saved: ReadonlyMap<string, number> = new Map([
  ['rbx', 3],
  ['rbp', 6],
  ['r12', 12],
  ['r13', 13],
  ['r14', 14],
  ['r15', 15],
]);
const WORD = 8;

/** As {@link aarch64Prologue}; undefined for functions that compute their stack pointer. */
export function x86Prologue(decoder: Decoder, code: Uint8Array, va: number): FrameRules | undefined {
  const shape = new StackShape(WORD); // the call pushed the return address
  shape.save(X86_RETURN, 0);
  for (const { mnemonic, operands } of decoder.disassemble(code, va)) {
    const constant = /^rsp, (-?(?:0x)?[0-9a-f]+)$/.exec(operands)?.[1];
    if (mnemonic === 'push') {
      shape.grow(WORD);
      const register = x86Saved.get(operands);
      if (register !== undefined) shape.save(register, 0);
    } else if (mnemonic === 'pop') shape.grow(-WORD);
    else if (mnemonic === 'sub' && constant !== undefined) shape.grow(Number(constant));
    else if (mnemonic === 'add' && constant !== undefined) shape.grow(signed(constant));
    else if (mnemonic === 'ret' || mnemonic === 'jmp') shape.leave();
    else if (mnemonic === 'leave' || /^rsp,/.test(operands)) return undefined;
  }
  return shape.rules(X86_SP, X86_RETURN);
}

/** `add rsp, -0x80` is shown as a 64-bit number or with its sign; both release so many bytes. */
function signed(text: string): number {
  return text.startsWith('-') ? Number(text.slice(1)) : -Number(BigInt.asIntN(64, BigInt(text)));
}
