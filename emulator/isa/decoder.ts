// Capstone, through its WebAssembly build: decodes a block of machine code into what the cost models need and disassembles for
// people. The structure offsets are those of Capstone 5 for a 32-bit target (cs_insn, cs_detail, cs_x86, cs_arm64 in its
// headers): the package's own reader has older ones, so every decoder checks them when it is made.
import { createRequire } from 'node:module';
import { MelfError } from '../../base/errors.ts';
import type { Isa } from './isa.ts';

/** The host's WebAssembly (part of the DOM's types, which Node programs do not have), as far as we use it. */
interface WasmMemory {
  readonly buffer: ArrayBuffer;
}
interface WasmInstance {
  readonly exports: Readonly<Record<string, unknown>>;
}
declare const WebAssembly: {
  compile(bytes: Uint8Array): Promise<object>;
  instantiate(module: object, imports: object): Promise<WasmInstance>;
  readonly Memory: new (...unused: never[]) => WasmMemory;
};

/** The parts of the package that we use: its numbers (`X86_INS_ADD`, ...) and the C functions. */
interface CapstoneModule {
  readonly [name: string]: unknown;
  _cs_open(arch: number, mode: number, handle: number): number;
  _cs_option(handle: number, option: number, value: number): number;
  _cs_malloc(handle: number): number;
  _cs_disasm_iter(handle: number, code: number, size: number, address: number, insn: number): number;
  _cs_insn_name(handle: number, id: number): number;
  _cs_version(major: number, minor: number): number;
  _malloc(bytes: number): number;
}
type CapstoneFactory = (options: {
  instantiateWasm(imports: object, done: (instance: WasmInstance) => void): void;
}) => Promise<CapstoneModule>;

/** What a memory operand does, as bits. */
export const MemoryAccess = { read: 1, write: 2 } as const;

/** One decoded instruction: a view that the next step overwrites. */
export interface DecodedInstruction {
  /** Capstone's instruction number (`X86_INS_*`, `ARM64_INS_*`). */
  id: number;
  /** Offset in the block. */
  offset: number;
  size: number;
  /** Bits of {@link MemoryAccess} of the explicit memory operands, or'ed. Always 0 for AArch64, where the name says it. */
  memory: number;
  /** How many operands are memory (x86: two in a string move). */
  memoryOperands: number;
  /** x86: has a LOCK prefix. */
  locked: boolean;
  /** x86: has a REP, REPE or REPNE prefix. */
  repeated: boolean;
  /** Size of the first operand in bytes (x86), 0 without one. */
  operandSize: number;
  /** The first operand is a register (an indirect branch, when the instruction is one). */
  firstIsRegister: boolean;
  /** The first operand is memory. */
  firstIsMemory: boolean;
}

/** What to do with each instruction; goes on unless the answer is 'stop'. */
export type EachInstruction = (instruction: DecodedInstruction) => unknown;

/** A line of disassembly. */
export interface Disassembly {
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly mnemonic: string;
  readonly operands: string;
}

const insnOffset = { id: 0, size: 16, mnemonic: 42, operands: 74, detail: 236 } as const;
/** cs_detail: registers read [20] and written [20], groups [8], then the instruction set's own part. */
const archInfo = 96;
const x86Offset = {
  prefix: archInfo,
  opCount: archInfo + 64,
  operands: archInfo + 72,
  operandBytes: 48,
  size: 32,
  access: 33,
} as const;
const arm64Offset = { opCount: archInfo + 7, operands: archInfo + 8, operandBytes: 56, type: 20 } as const;
const operandRegister = 1;
const operandMemory = 3;
const codeBytes = 4096;

let loading: Promise<{ module: CapstoneModule; memory: WasmMemory }> | undefined;

/**
 * Loads Capstone once per process (about 0.1 s: 3.3 MB of WebAssembly). Call it while the machine is set up: the
 * decoders made from it work synchronously.
 */
async function loadCapstone(): Promise<{ module: CapstoneModule; memory: WasmMemory }> {
  loading ??= (async () => {
    const require = createRequire(import.meta.url);
    const { readFile } = await import('node:fs/promises');
    const script = require.resolve('@alexaltea/capstone-js');
    const wasm = await WebAssembly.compile(await readFile(script.replace(/\.js$/, '.wasm')));
    const factory = require(script) as CapstoneFactory;
    let memory: WasmMemory | undefined;
    const module = await factory({
      instantiateWasm(imports, done) {
        WebAssembly.instantiate(wasm, imports).then((instance) => {
          // The package does not export its memory by name; the compiled names are one letter long.
          memory = Object.values(instance.exports).find(
            (value): value is WasmMemory => value instanceof WebAssembly.Memory,
          );
          done(instance);
        });
      },
    });
    if (memory === undefined) {
      throw new MelfError('timing.capstone', 'The Capstone package does not export its memory', {
        hint: 'Reinstall the locked version of @alexaltea/capstone-js with `npm ci`.',
      });
    }
    return { module, memory };
  })();
  return loading;
}

/** Decodes machine code of one instruction set. */
export class Decoder {
  readonly isa: Isa;
  readonly #module: CapstoneModule;
  readonly #memory: WasmMemory;
  readonly #handle: number;
  readonly #code: number;
  readonly #codeCursor: number;
  readonly #sizeCursor: number;
  readonly #addressCursor: number;
  readonly #insn: number;
  readonly #instruction: DecodedInstruction = {
    id: 0,
    offset: 0,
    size: 0,
    memory: 0,
    memoryOperands: 0,
    locked: false,
    repeated: false,
    operandSize: 0,
    firstIsRegister: false,
    firstIsMemory: false,
  };
  #view: DataView;

  private constructor(isa: Isa, module: CapstoneModule, memory: WasmMemory) {
    this.isa = isa;
    this.#module = module;
    this.#memory = memory;
    this.#view = new DataView(memory.buffer);
    const handlePointer = module._malloc(4);
    const arch = this.number(isa === 'x86-64' ? 'ARCH_X86' : 'ARCH_ARM64');
    const mode = this.number(isa === 'x86-64' ? 'MODE_64' : 'MODE_LITTLE_ENDIAN');
    this.#check(module._cs_open(arch, mode, handlePointer), 'cs_open');
    this.#refresh();
    this.#handle = this.#view.getUint32(handlePointer, true);
    this.#check(module._cs_option(this.#handle, this.number('OPT_DETAIL'), this.number('OPT_ON')), 'cs_option');
    this.#code = module._malloc(codeBytes);
    this.#codeCursor = module._malloc(16);
    this.#sizeCursor = this.#codeCursor + 4;
    this.#addressCursor = this.#codeCursor + 8;
    this.#insn = module._cs_malloc(this.#handle);
    this.#refresh();
    this.#checkLayout();
  }

  /** The structure layout is not part of the package's interface: look at an instruction whose every field is known. */
  #checkLayout(): void {
    const lockAdd = Uint8Array.of(0xf0, 0x48, 0x01, 0x03); // lock add qword ptr [rbx], rax
    const brX1 = Uint8Array.of(0x20, 0x00, 0x1f, 0xd6); // br x1
    let right = false;
    this.forEach(this.isa === 'x86-64' ? lockAdd : brX1, 0x1000, (found) => {
      right =
        this.isa === 'x86-64'
          ? found.id === this.number('X86_INS_ADD') && found.memory === 3 && found.locked && found.operandSize === 8
          : found.id === this.number('ARM64_INS_BR') && found.firstIsRegister && found.size === 4;
    });
    if (!right) {
      throw new MelfError('timing.capstone', 'The Capstone package has another structure layout than expected', {
        facts: { isa: this.isa, version: this.version },
        hint: 'Reinstall the locked version of @alexaltea/capstone-js with `npm ci`.',
      });
    }
  }

  static async load(isa: Isa): Promise<Decoder> {
    const { module, memory } = await loadCapstone();
    return new Decoder(isa, module, memory);
  }

  /** A number that the package names, as `X86_INS_ADD`. */
  number(name: string): number {
    const value = this.#module[name];
    if (typeof value !== 'number') throw new MelfError('timing.capstone', `Capstone has no number called ${name}`);
    return value;
  }

  /** Instruction numbers and their names, as [number, "ADD"]. */
  instructionNames(): [number, string][] {
    const prefix = this.isa === 'x86-64' ? 'X86_INS_' : 'ARM64_INS_';
    return Object.entries(this.#module)
      .filter(([name, value]) => name.startsWith(prefix) && typeof value === 'number')
      .map(([name, value]) => [value as number, name.slice(prefix.length)]);
  }

  /** Capstone's version, as 5.0. */
  get version(): string {
    const packed = this.#module._cs_version(0, 0);
    return `${packed >> 8}.${packed & 0xff}`;
  }

  /**
   * Calls `each` for every instruction of `code`, in order; stops at the first bytes that are no instruction, and where `each` says so. Returns the
   * number of bytes decoded. The object given to `each` is overwritten by the next one.
   */
  forEach(code: Uint8Array, va: number, each: EachInstruction): number {
    let done = 0;
    while (done < code.length) {
      const part = code.subarray(done, done + codeBytes);
      let stopped = false;
      const decoded = this.#forEachOfPart(part, va + done, done, (instruction) => {
        stopped = each(instruction) === 'stop';
        return stopped ? 'stop' : undefined;
      });
      done += decoded;
      if (stopped) break;
      // A part may end within an instruction: go on from there, unless nothing at all could be decoded.
      if (decoded === 0 || (decoded < part.length && part.length < codeBytes)) break;
    }
    return done;
  }

  #forEachOfPart(part: Uint8Array, va: number, base: number, each: EachInstruction): number {
    this.#refresh();
    new Uint8Array(this.#memory.buffer, this.#code, part.length).set(part);
    this.#view.setUint32(this.#codeCursor, this.#code, true);
    this.#view.setUint32(this.#sizeCursor, part.length, true);
    this.#view.setBigUint64(this.#addressCursor, BigInt(va), true);
    let offset = 0;
    while (this.#step()) {
      const instruction = this.#read(base + offset);
      offset += instruction.size;
      if (each(instruction) === 'stop') break;
    }
    return offset;
  }

  #step(): boolean {
    const module = this.#module;
    const more = module._cs_disasm_iter(
      this.#handle,
      this.#codeCursor,
      this.#sizeCursor,
      this.#addressCursor,
      this.#insn,
    );
    if (this.#view.buffer !== this.#memory.buffer) this.#refresh();
    return (more & 1) !== 0;
  }

  #read(offset: number): DecodedInstruction {
    const view = this.#view;
    const insn = this.#insn;
    const detail = view.getUint32(insn + insnOffset.detail, true);
    const result = this.#instruction;
    result.id = view.getUint32(insn + insnOffset.id, true);
    result.offset = offset;
    result.size = view.getUint16(insn + insnOffset.size, true);
    if (this.isa === 'aarch64') {
      const count = view.getUint8(detail + arm64Offset.opCount);
      const type = count > 0 ? view.getUint32(detail + arm64Offset.operands + arm64Offset.type, true) : 0;
      result.firstIsRegister = type === operandRegister;
      result.firstIsMemory = type === operandMemory;
      return result;
    }
    const prefix = view.getUint8(detail + x86Offset.prefix);
    result.locked = prefix === 0xf0;
    result.repeated = prefix === 0xf2 || prefix === 0xf3;
    const count = view.getUint8(detail + x86Offset.opCount);
    result.memory = 0;
    result.memoryOperands = 0;
    result.operandSize = 0;
    result.firstIsRegister = false;
    result.firstIsMemory = false;
    for (let i = 0; i < count; i++) {
      const operand = detail + x86Offset.operands + i * x86Offset.operandBytes;
      const type = view.getUint32(operand, true);
      if (type === operandMemory) {
        result.memory |= view.getUint8(operand + x86Offset.access) & 3;
        result.memoryOperands++;
      }
      if (i === 0) {
        result.operandSize = view.getUint8(operand + x86Offset.size);
        result.firstIsRegister = type === operandRegister;
        result.firstIsMemory = type === operandMemory;
      }
    }
    return result;
  }

  /** Disassembles `code` for people to read; bytes that are no instruction end the list. */
  disassemble(code: Uint8Array, va: number): Disassembly[] {
    const lines: Disassembly[] = [];
    this.disassembleUntil(code, va, (line) => {
      lines.push(line);
      return false;
    });
    return lines;
  }

  /** Disassembles up to the first instruction for which `found` holds. Returns the number of bytes decoded. */
  disassembleUntil(code: Uint8Array, va: number, found: (line: Disassembly) => boolean): number {
    return this.forEach(code, va, ({ offset, size }) => {
      const line = {
        address: va + offset,
        bytes: code.slice(offset, offset + size),
        mnemonic: this.#text(this.#insn + insnOffset.mnemonic),
        operands: this.#text(this.#insn + insnOffset.operands),
      };
      return found(line) ? 'stop' : undefined;
    });
  }

  #text(pointer: number): string {
    const bytes = new Uint8Array(this.#memory.buffer, pointer);
    return Buffer.from(bytes.subarray(0, bytes.indexOf(0))).toString('latin1');
  }

  /** The wasm memory may have grown: its old buffer is then detached. */
  #refresh(): void {
    if (this.#view.buffer !== this.#memory.buffer) this.#view = new DataView(this.#memory.buffer);
  }

  #check(error: number, what: string): void {
    if (error !== 0) throw new MelfError('timing.capstone', `${what} failed`, { facts: { error } });
  }
}
