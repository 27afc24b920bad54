// Unwind tables (LSB, "Exception Frames"; DWARF 5, 6.4 "Call Frame Information"): from a code address to the rules that give the
// caller's registers.

import { MelfError } from '../../base/errors.ts';

/** How the caller's value of a register is found. */
export type RegisterRule =
  | { readonly kind: 'same' }
  | { readonly kind: 'undefined' }
  /** Saved at CFA + offset. */
  | { readonly kind: 'saved'; readonly offset: number }
  /** Is CFA + offset. */
  | { readonly kind: 'value'; readonly offset: number }
  | { readonly kind: 'register'; readonly register: number }
  /** By a DWARF expression, which we do not evaluate. */
  | { readonly kind: 'expression' };

/** The rules at one address. */
export interface FrameRules {
  /** CFA = register + offset; undefined where an expression says so. */
  readonly cfa: { readonly register: number; readonly offset: number } | undefined;
  /** By DWARF number; what is not there is the same as in the callee. */
  readonly registers: ReadonlyMap<number, RegisterRule>;
  /** DWARF number of the return address. */
  readonly returnRegister: number;
  /** A signal frame: the return address is the interrupted instruction itself. */
  readonly isSignalFrame: boolean;
}

interface Cie {
  readonly codeAlign: number;
  readonly dataAlign: number;
  readonly returnRegister: number;
  readonly pointerEncoding: number;
  readonly hasAugmentationData: boolean;
  readonly isSignalFrame: boolean;
  readonly start: number;
  readonly end: number;
}

interface Fde {
  readonly cie: Cie;
  readonly from: number;
  readonly to: number;
  readonly start: number;
  readonly end: number;
}

const Cfa = {
  advanceLoc: 0x40,
  offset: 0x80,
  restore: 0xc0,
  nop: 0x00,
  setLoc: 0x01,
  advanceLoc1: 0x02,
  advanceLoc2: 0x03,
  advanceLoc4: 0x04,
  offsetExtended: 0x05,
  restoreExtended: 0x06,
  undefined: 0x07,
  sameValue: 0x08,
  register: 0x09,
  rememberState: 0x0a,
  restoreState: 0x0b,
  defCfa: 0x0c,
  defCfaRegister: 0x0d,
  defCfaOffset: 0x0e,
  defCfaExpression: 0x0f,
  expression: 0x10,
  offsetExtendedSf: 0x11,
  defCfaSf: 0x12,
  defCfaOffsetSf: 0x13,
  valOffset: 0x14,
  valOffsetSf: 0x15,
  valExpression: 0x16,
  /** AArch64: the return address is (or is no longer) signed, see the ABI for the Arm 64-bit architecture, DWARF, 4.4. */
  negateRaState: 0x2d,
  argsSize: 0x2e,
} as const;

/** DW_EH_PE_* of the LSB. */
const Encoding = {
  absptr: 0,
  uleb128: 1,
  udata2: 2,
  udata4: 3,
  udata8: 4,
  sleb128: 9,
  sdata2: 10,
  sdata4: 11,
  sdata8: 12,
} as const;
const PC_RELATIVE = 0x10;

/** Reads numbers out of a table. */
class Cursor {
  readonly #view: DataView;
  readonly #va: number;
  at: number;

  constructor(bytes: Uint8Array, va: number, at: number) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#va = va;
    this.at = at;
  }

  u8(): number {
    return this.#view.getUint8(this.at++);
  }
  u16(): number {
    this.at += 2;
    return this.#view.getUint16(this.at - 2, true);
  }
  u32(): number {
    this.at += 4;
    return this.#view.getUint32(this.at - 4, true);
  }
  uleb(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }
  sleb(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return byte & 0x40 ? value - scale * 128 : value;
    }
  }
  /** A pointer in one of the encodings that compilers use for code addresses. */
  pointer(encoding: number): number {
    const at = this.#va + this.at;
    const value = this.#plain(encoding & 0x0f);
    return (encoding & 0x70) === PC_RELATIVE ? value + at : value;
  }
  #plain(format: number): number {
    switch (format) {
      case Encoding.absptr:
      case Encoding.udata8:
        this.at += 8;
        return Number(this.#view.getBigUint64(this.at - 8, true));
      case Encoding.sdata8:
        this.at += 8;
        return Number(this.#view.getBigInt64(this.at - 8, true));
      case Encoding.udata4:
        return this.u32();
      case Encoding.sdata4:
        return this.u32() | 0;
      case Encoding.udata2:
        return this.u16();
      case Encoding.sdata2:
        return (this.u16() << 16) >> 16;
      case Encoding.uleb128:
        return this.uleb();
      case Encoding.sleb128:
        return this.sleb();
      default:
        throw new MelfError(
          'unwind.encoding',
          `unwind tables hold pointers of an unknown form (0x${format.toString(16)})`,
        );
    }
  }
  text(): string {
    let text = '';
    for (let byte = this.u8(); byte !== 0; byte = this.u8()) text += String.fromCharCode(byte);
    return text;
  }
}

/** One `.eh_frame`: what code it describes, and the rules at each address. */
export class CallFrames {
  readonly #bytes: Uint8Array;
  readonly #va: number;
  /** In order of address. */
  readonly #fdes: readonly Fde[];

  /** @param va address of the table, from which its pointers count */
  constructor(bytes: Uint8Array, va: number) {
    this.#bytes = bytes;
    this.#va = va;
    this.#fdes = this.#parse();
  }

  get count(): number {
    return this.#fdes.length;
  }

  #cursor(at: number): Cursor {
    return new Cursor(this.#bytes, this.#va, at);
  }

  #parse(): Fde[] {
    const cies = new Map<number, Cie>();
    const fdes: Fde[] = [];
    for (let at = 0; at + 4 <= this.#bytes.length; ) {
      const cursor = this.#cursor(at);
      const size = cursor.u32();
      if (size === 0) break;
      const idAt = cursor.at;
      const end = idAt + size;
      const id = cursor.u32();
      if (id === 0) cies.set(at, this.#cie(cursor, end));
      else {
        const cie = cies.get(idAt - id);
        if (cie === undefined) throw new MelfError('unwind.malformed', 'an unwind record names no CIE');
        const from = cursor.pointer(cie.pointerEncoding);
        const length = cursor.pointer(cie.pointerEncoding & 0x0f);
        if (cie.hasAugmentationData) {
          const bytes = cursor.uleb();
          cursor.at += bytes;
        }
        fdes.push({ cie, from, to: from + length, start: cursor.at, end });
      }
      at = end;
    }
    return fdes.sort((a, b) => a.from - b.from);
  }

  #cie(cursor: Cursor, end: number): Cie {
    const version = cursor.u8();
    const augmentation = cursor.text();
    const codeAlign = cursor.uleb();
    const dataAlign = cursor.sleb();
    const returnRegister = version === 1 ? cursor.u8() : cursor.uleb();
    let pointerEncoding: number = Encoding.absptr;
    let start = cursor.at;
    if (augmentation.startsWith('z')) {
      const bytes = cursor.uleb();
      start = cursor.at + bytes;
      for (const letter of augmentation.slice(1)) {
        if (letter === 'R') pointerEncoding = cursor.u8();
        else if (letter === 'P') cursor.pointer(cursor.u8());
        else if (letter === 'L') cursor.u8();
        // 'S' (signal frame) and 'B' (AArch64: the B key signs) have no data.
      }
    }
    return {
      codeAlign,
      dataAlign,
      returnRegister,
      pointerEncoding,
      hasAugmentationData: augmentation.startsWith('z'),
      isSignalFrame: augmentation.includes('S'),
      start,
      end,
    };
  }

  #find(va: number): Fde | undefined {
    let low = 0;
    let high = this.#fdes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#fdes[middle]!.from <= va) low = middle + 1;
      else high = middle;
    }
    const fde = this.#fdes[low - 1];
    return fde !== undefined && va < fde.to ? fde : undefined;
  }

  /** The rules that hold when the instruction at `va` is about to be executed; undefined where the table says nothing. */
  rulesAt(va: number): FrameRules | undefined {
    const fde = this.#find(va);
    if (fde === undefined) return undefined;
    const { cie } = fde;
    const state = new RuleState();
    this.#execute(cie, cie.start, cie.end, Number.POSITIVE_INFINITY, 0, state, undefined);
    const initial = new Map(state.registers);
    this.#execute(cie, fde.start, fde.end, va, fde.from, state, initial);
    return {
      cfa: state.cfa,
      registers: state.registers,
      returnRegister: cie.returnRegister,
      isSignalFrame: cie.isSignalFrame,
    };
  }

  /** Executes instructions until the one that takes effect behind `until`. */
  #execute(
    cie: Cie,
    start: number,
    end: number,
    until: number,
    from: number,
    state: RuleState,
    initial: ReadonlyMap<number, RegisterRule> | undefined,
  ): void {
    const cursor = this.#cursor(start);
    let location = from;
    const saved = (register: number, offset: number): void =>
      void state.registers.set(register, { kind: 'saved', offset: offset * cie.dataAlign });
    const restore = (register: number): void => {
      const rule = initial?.get(register);
      if (rule === undefined) state.registers.delete(register);
      else state.registers.set(register, rule);
    };
    while (cursor.at < end) {
      const byte = cursor.u8();
      const low = byte & 0x3f;
      let advance = 0;
      switch (byte & 0xc0) {
        case Cfa.advanceLoc:
          advance = low;
          break;
        case Cfa.offset:
          saved(low, cursor.uleb());
          break;
        case Cfa.restore:
          restore(low);
          break;
        default:
          advance = this.#instruction(low, cursor, cie, state, saved, restore);
      }
      location += advance * cie.codeAlign;
      if (location > until) return;
    }
  }

  /** One of the instructions without an operand in its first byte. Returns how far the location advances. */
  #instruction(
    code: number,
    cursor: Cursor,
    { dataAlign }: Cie,
    state: RuleState,
    saved: (register: number, offset: number) => void,
    restore: (register: number) => void,
  ): number {
    const skipBlock = (): void => {
      const bytes = cursor.uleb();
      cursor.at += bytes;
    };
    switch (code) {
      case Cfa.nop:
      case Cfa.negateRaState:
        return 0;
      case Cfa.argsSize:
        cursor.uleb();
        return 0;
      case Cfa.advanceLoc1:
        return cursor.u8();
      case Cfa.advanceLoc2:
        return cursor.u16();
      case Cfa.advanceLoc4:
        return cursor.u32();
      case Cfa.offsetExtended:
        saved(cursor.uleb(), cursor.uleb());
        return 0;
      case Cfa.offsetExtendedSf:
        saved(cursor.uleb(), cursor.sleb());
        return 0;
      case Cfa.restoreExtended:
        restore(cursor.uleb());
        return 0;
      case Cfa.undefined:
        state.registers.set(cursor.uleb(), { kind: 'undefined' });
        return 0;
      case Cfa.sameValue:
        state.registers.set(cursor.uleb(), { kind: 'same' });
        return 0;
      case Cfa.register:
        state.registers.set(cursor.uleb(), { kind: 'register', register: cursor.uleb() });
        return 0;
      case Cfa.rememberState:
        state.remember();
        return 0;
      case Cfa.restoreState:
        state.recall();
        return 0;
      case Cfa.defCfa:
        state.cfa = { register: cursor.uleb(), offset: cursor.uleb() };
        return 0;
      case Cfa.defCfaSf:
        state.cfa = { register: cursor.uleb(), offset: cursor.sleb() * dataAlign };
        return 0;
      case Cfa.defCfaRegister:
        state.cfa = { register: cursor.uleb(), offset: state.cfa?.offset ?? 0 };
        return 0;
      case Cfa.defCfaOffset:
        if (state.cfa !== undefined) state.cfa = { ...state.cfa, offset: cursor.uleb() };
        else cursor.uleb();
        return 0;
      case Cfa.defCfaOffsetSf:
        if (state.cfa !== undefined) state.cfa = { ...state.cfa, offset: cursor.sleb() * dataAlign };
        else cursor.sleb();
        return 0;
      case Cfa.defCfaExpression:
        skipBlock();
        state.cfa = undefined;
        return 0;
      case Cfa.expression:
      case Cfa.valExpression:
        state.registers.set(cursor.uleb(), { kind: 'expression' });
        skipBlock();
        return 0;
      case Cfa.valOffset:
        state.registers.set(cursor.uleb(), { kind: 'value', offset: cursor.uleb() * dataAlign });
        return 0;
      case Cfa.valOffsetSf:
        state.registers.set(cursor.uleb(), { kind: 'value', offset: cursor.sleb() * dataAlign });
        return 0;
      default:
        throw new MelfError('unwind.instruction', `unwind tables hold an unknown instruction (0x${code.toString(16)})`);
    }
  }
}

/** What the instructions change. */
class RuleState {
  cfa: { register: number; offset: number } | undefined;
  registers = new Map<number, RegisterRule>();
  readonly #stack: { cfa: RuleState['cfa']; registers: Map<number, RegisterRule> }[] = [];

  remember(): void {
    this.#stack.push({ cfa: this.cfa, registers: new Map(this.registers) });
  }
  recall(): void {
    const top = this.#stack.pop();
    if (top === undefined) throw new MelfError('unwind.malformed', 'unwind tables recall a state that they never kept');
    this.cfa = top.cfa;
    this.registers = top.registers;
  }
}
