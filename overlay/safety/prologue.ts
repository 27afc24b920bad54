// Frame rules for code without unwind tables (musl has none): the function is followed from its entry along every branch, with what its
// instructions do to the stack pointer and where they save registers, until the address at hand is reached.

import type { Decoder } from '../../emulator/isa/decoder.ts';
import type { FrameRules, RegisterRule } from './call-frames.ts';

/** Where a path through the function stands. */
interface State {
  /** Bytes between the CFA and the stack pointer. */
  readonly depth: number;
  /** Registers saved on the way, as offsets from the CFA. */
  readonly saved: ReadonlyMap<number, number>;
}

/** One instruction: what it does to the stack, and where control goes. */
interface Step {
  readonly size: number;
  /** The state behind it; undefined when it does something to the stack pointer that is not understood. */
  apply(state: State): State | undefined;
  /** Offsets in the function. */
  readonly next: readonly number[];
}

/** Where in the function one stands: before the instruction at an offset, or in the call that ends there. */
export interface Place {
  readonly offset: number;
  readonly isReturnAddress: boolean;
}

/** The first save of a register counts: it is of the caller's value. */
function save(state: State, register: number, offsetFromSp: number): State {
  if (state.saved.has(register)) return state;
  return { depth: state.depth, saved: new Map(state.saved).set(register, offsetFromSp - state.depth) };
}
const grow = (state: State, bytes: number): State => ({ depth: state.depth + bytes, saved: state.saved });

/** The state at a place, by the first path that gets there; undefined when none does whose instructions are all understood. */
function follow(steps: ReadonlyMap<number, Step>, place: Place, entry: State): State | undefined {
  const paths: [offset: number, state: State][] = [[0, entry]];
  const seen = new Set<number>();
  for (let path = paths.pop(); path !== undefined; path = paths.pop()) {
    const [offset, state] = path;
    const step = steps.get(offset);
    if (step === undefined || seen.has(offset)) continue;
    seen.add(offset);
    if (place.isReturnAddress ? offset + step.size === place.offset : offset === place.offset) return state;
    const after = step.apply(state);
    if (after === undefined || after.depth < 0) continue;
    for (const next of step.next) paths.push([next, after]);
  }
  return undefined;
}

function rulesOf(state: State | undefined, sp: number, returnRegister: number): FrameRules | undefined {
  if (state === undefined) return undefined;
  const registers = new Map<number, RegisterRule>();
  for (const [register, offset] of state.saved) registers.set(register, { kind: 'saved', offset });
  return { cfa: { register: sp, offset: state.depth }, registers, returnRegister, isSignalFrame: false };
}

const AARCH64_SP = 31;
const AARCH64_LR = 30;
const FIRST_SAVED = 19; // x19 to x30 belong to the caller (AAPCS64, 6.1.1)
const signExtend = (value: number, bits: number): number => (value << (32 - bits)) >> (32 - bits);

/** What an instruction does to the stack (Arm ARM, C6.2); undefined: it writes the stack pointer in a way that is not understood. */
function aarch64Effect(word: number): ((state: State) => State) | undefined {
  const is = (mask: number, value: number): boolean => (word & mask) >>> 0 === value;
  const [rt, rt2] = [word & 31, (word >>> 10) & 31];
  const saveIf = (state: State, register: number, offset: number): State =>
    register >= FIRST_SAVED && register <= AARCH64_LR ? save(state, register, offset) : state;
  const savePair = (state: State, offset: number): State => saveIf(saveIf(state, rt, offset), rt2, offset + 8);
  const imm12 = ((word >>> 10) & 0xfff) << (word & 0x400000 ? 12 : 0);
  const imm7 = 8 * signExtend((word >>> 15) & 127, 7);
  const imm9 = signExtend((word >>> 12) & 511, 9);
  if (is(0xff8003ff, 0xd10003ff)) return (state) => grow(state, imm12); // sub sp, sp, #imm
  if (is(0xff8003ff, 0x910003ff)) return (state) => grow(state, -imm12); // add sp, sp, #imm
  if (is(0xffc003e0, 0xa98003e0)) return (state) => savePair(grow(state, -imm7), 0); // stp rt, rt2, [sp, #imm]!
  if (is(0xffc003e0, 0xa90003e0)) return (state) => savePair(state, imm7); // stp rt, rt2, [sp, #imm]
  if (is(0xffc003e0, 0xa8c003e0)) return (state) => grow(state, -imm7); // ldp rt, rt2, [sp], #imm
  if (is(0xffe00fe0, 0xf8000fe0)) return (state) => saveIf(grow(state, -imm9), rt, 0); // str rt, [sp, #imm]!
  if (is(0xffe00fe0, 0xf84007e0)) return (state) => grow(state, -imm9); // ldr rt, [sp], #imm
  if (is(0xffc003e0, 0xf90003e0)) return (state) => saveIf(state, rt, 8 * ((word >>> 10) & 0xfff)); // str rt, [sp, #imm]
  // Any other addition, subtraction or move to register 31 that means sp (with flags it means zero: cmp), and load or store with write-back to it.
  if (is(0x3f00001f, 0x1100001f) || is(0x3fe0001f, 0x0b20001f) || is(0x3b2007e0, 0x380007e0)) return undefined;
  return (state) => state;
}

/** Where an instruction leads: offsets behind it. */
function aarch64Next(word: number, at: number): number[] {
  const is = (mask: number, value: number): boolean => (word & mask) >>> 0 === value;
  const behind = at + 4;
  if (is(0xfc000000, 0x14000000)) return [at + 4 * signExtend(word & 0x3ffffff, 26)]; // b
  if (is(0xfffffc1f, 0xd65f0000) || is(0xfffffc1f, 0xd61f0000)) return []; // ret, br
  if (is(0xff000010, 0x54000000) || is(0x7e000000, 0x34000000))
    return [behind, at + 4 * signExtend((word >>> 5) & 0x7ffff, 19)]; // b.cond, cbz, cbnz
  if (is(0x7e000000, 0x36000000)) return [behind, at + 4 * signExtend((word >>> 5) & 0x3fff, 14)]; // tbz, tbnz
  return [behind];
}

/** Frame rules in an AArch64 function, given all its code. */
export function aarch64Prologue(code: Uint8Array, place: Place): FrameRules | undefined {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const steps = new Map<number, Step>();
  for (let at = 0; at + 4 <= code.length; at += 4) {
    const word = view.getUint32(at, true);
    const effect = aarch64Effect(word);
    steps.set(at, { size: 4, apply: (state) => effect?.(state), next: aarch64Next(word, at) });
  }
  return rulesOf(follow(steps, place, { depth: 0, saved: new Map() }), AARCH64_SP, AARCH64_LR);
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
const number64 = (text: string): number =>
  text.startsWith('-') ? -Number(text.slice(1)) : Number(BigInt.asIntN(64, BigInt(text)));

function x86Effect(mnemonic: string, operands: string): (state: State) => State | undefined {
  const constant = /^rsp, (-?(?:0x)?[0-9a-f]+)$/.exec(operands)?.[1];
  if (mnemonic === 'push') {
    const register = x86Saved.get(operands);
    return (state) => (register === undefined ? grow(state, WORD) : save(grow(state, WORD), register, 0));
  }
  if (mnemonic === 'pop') return (state) => grow(state, -WORD);
  if (mnemonic === 'sub' && constant !== undefined) return (state) => grow(state, number64(constant));
  if (mnemonic === 'add' && constant !== undefined) return (state) => grow(state, -number64(constant));
  const released = mnemonic === 'lea' ? /^rsp, \[rsp ([+-]) (0x[0-9a-f]+|\d+)\]$/.exec(operands) : null;
  if (released !== null) return (state) => grow(state, (released[1] === '+' ? -1 : 1) * Number(released[2]));
  if (mnemonic === 'cmp' || mnemonic === 'test') return (state) => state;
  if (mnemonic === 'leave' || /^e?rsp,|^rsp$|^sp,/.test(operands)) return () => undefined;
  return (state) => state;
}

/** Frame rules in an x86-64 function, given all its code. */
export function x86Prologue(decoder: Decoder, code: Uint8Array, va: number, place: Place): FrameRules | undefined {
  const steps = new Map<number, Step>();
  for (const { address, bytes, mnemonic, operands } of decoder.disassemble(code, va)) {
    const at = address - va;
    const behind = at + bytes.length;
    const target = /^0x[0-9a-f]+$/.test(operands) ? Number(operands) - va : undefined;
    const isJump = mnemonic.startsWith('j') || mnemonic.startsWith('loop');
    const next =
      mnemonic === 'ret' || mnemonic === 'hlt' || mnemonic === 'ud2'
        ? []
        : isJump
          ? [...(target === undefined ? [] : [target]), ...(mnemonic === 'jmp' ? [] : [behind])]
          : [behind];
    steps.set(at, { size: bytes.length, apply: x86Effect(mnemonic, operands), next });
  }
  // The call pushed the return address.
  const entry: State = { depth: WORD, saved: new Map([[X86_RETURN, -WORD]]) };
  return rulesOf(follow(steps, place, entry), X86_SP, X86_RETURN);
}
