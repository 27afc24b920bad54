import { MelfError } from '../../base/errors.ts';
import * as aarch64Boot from '../isa/aarch64/boot.ts';
import type { Isa, RegisterFile } from '../isa/isa.ts';
import * as x86Boot from '../isa/x86-64/boot.ts';
import type { AddressSpace } from '../memory/address-space.ts';
import type { CodeMap } from '../memory/code-map.ts';
import type { PhysicalMemory } from '../memory/physical.ts';
import type { Range } from '../memory/range.ts';
import {
  type BlockTableHandle,
  type CoreHandle,
  type ExitReason,
  Mail,
  type NativeBinding,
  type NativeCallbacks,
} from '../native/binding.ts';

/** Unicorn's numbers of the registers that every exit needs (unicorn/x86.h, unicorn/arm64.h). */
const PC = { 'x86-64': 41, aarch64: 260 } as const;
const SP = { 'x86-64': 44, aarch64: 4 } as const;

export interface CoreOptions {
  readonly native: NativeBinding;
  readonly physical: PhysicalMemory;
  readonly isa: Isa;
  /** Unicorn's CPU model number; -1 takes the engine's default. */
  readonly cpuModel: number;
  /** Page-table root that only holds what entering user mode needs. */
  readonly bootRoot: number;
  /** Seed of what `rdrand` gives; default 0. */
  readonly seed?: number;
  /** False: no block hook, so nothing is counted and nothing can be preempted (bench only). */
  readonly accounting: boolean;
}

/** Makes a root for {@link CoreOptions.bootRoot}. One serves all cores of a machine. */
export const makeBootRoot = (isa: Isa, physical: PhysicalMemory): number =>
  (isa === 'x86-64' ? x86Boot : aarch64Boot).bootRoot(physical);

/** Block costs, shared by the cores of one CPU kind in one process. */
export class BlockTable {
  readonly handle: BlockTableHandle;
  readonly #native: NativeBinding;
  readonly #counters: Float64Array;
  #codeMapGeneration = 0;

  constructor(native: NativeBinding, counters: number) {
    this.#native = native;
    this.handle = native.createBlockTable(counters);
    this.#counters = counters > 0 ? new Float64Array(native.blockCounters(this.handle)) : new Float64Array(0);
  }

  /** Entries into watched blocks so far. */
  get counters(): Float64Array {
    this.#native.foldCounters(this.handle);
    return this.#counters;
  }

  /** Blocks that begin at these addresses may be given counters. */
  watch(addresses: readonly number[]): void {
    this.#native.watchAddresses(this.handle, Float64Array.from(addresses));
  }

  /** Forgets every block: other code may be at an address now, or a block's counter changed. */
  clear(): void {
    this.#native.clearBlockTable(this.handle);
  }

  /** Clears once for each new generation. */
  follow(generation: number): void {
    if (generation === this.#codeMapGeneration) return;
    this.#codeMapGeneration = generation;
    this.clear();
  }
}

/** Where a core finds the costs of blocks: by address, so that programs with other code at an address have other tables. */
export interface BlockTables {
  tableFor(code: CodeMap): BlockTable;
}

const refuse: NativeCallbacks = {
  onPageFault: () => false,
  onBlock: () => new Float64Array([0, 0, -1]),
  onPort: () => {},
};

/**
 * An emulated CPU core in user mode: registers, a page-table root, counters. A core executes one thread at a time; a finished
 * thread's core goes back to the pool with its translations still warm.
 */
export class Core implements RegisterFile {
  readonly isa: Isa;
  /** Kept after the end, too: the mailbox lies in what it holds. */
  readonly #handle: CoreHandle;
  #closed = false;
  /** Who answers page faults, new blocks and port writes: the kernel, per thread. */
  callbacks: NativeCallbacks = refuse;
  readonly #native: NativeBinding;
  /** What the addon calls; it does not keep it. */
  readonly #nativeCallbacks: NativeCallbacks = {
    onPageFault: (va, access) => {
      const resolved = this.callbacks.onPageFault(va, access);
      // The page may have become writable: what is written into it is other code at addresses whose blocks are known.
      if (this.#space !== undefined) this.#followGenerations(this.#space.codeMap);
      return resolved;
    },
    onBlock: (va, size) => this.callbacks.onBlock(va, size),
    onPort: (offset, value) => this.callbacks.onPort(offset, value),
  };
  readonly #physical: PhysicalMemory;
  readonly #mail: Float64Array;
  readonly #one = new Int32Array(1);
  readonly #word = new BigUint64Array(2);
  #space: AddressSpace | undefined;
  #view = 0;
  #tables: BlockTables | undefined;
  #blocks: BlockTable | undefined;
  /** The code that `#blocks` is of. */
  #code: CodeMap | undefined;
  #tlbGeneration = 0;
  #tlbFlushes = 0;
  #window: Range | undefined;
  #codeGeneration: number;

  constructor(options: CoreOptions) {
    this.isa = options.isa;
    this.#native = options.native;
    this.#physical = options.physical;
    const portPa = options.physical.bytes;
    this.#handle = options.native.createCore(
      options.physical.handle,
      options.isa === 'aarch64',
      options.cpuModel,
      portPa,
      options.accounting,
      this.#nativeCallbacks,
    );
    options.native.seedRandom(this.handle, options.seed ?? 0);
    this.#mail = new Float64Array(options.native.mailbox(this.handle));
    this.#codeGeneration = options.physical.codeGeneration;
    const bootBlocks = new BlockTable(options.native, 0);
    options.native.setBlockTable(this.handle, bootBlocks.handle);
    this.#blocks = bootBlocks;
    this.limit = Number.POSITIVE_INFINITY;
    options.native.setSpace(this.handle, options.bootRoot, 0, 0, 0);
    (options.isa === 'x86-64' ? x86Boot : aarch64Boot).enterUserMode(this);
    this.cycles = 0;
    this.#mail[Mail.instructions] = 0;
  }

  /** The addon's core. Throws after {@link close}. */
  get handle(): CoreHandle {
    if (this.#closed) {
      throw new MelfError('machine.closed-core', 'this core belongs to a machine that was closed', {
        hint: 'Read registers before the machine is closed.',
      });
    }
    return this.#handle;
  }

  /** Gives the engine's memory back to the host. What was counted can still be read; nothing else works any more. */
  close(): void {
    if (!this.#closed) this.#native.closeCore(this.#handle);
    this.#closed = true;
  }

  /** The core will run in this view of this space. */
  enter(space: AddressSpace, view: number): void {
    if (space !== this.#space) {
      this.#native.flushTlb(this.handle); // a root of this space may be a frame that was one of the other's
      this.#tlbFlushes = space.tlbFlushes;
    }
    this.#space = space;
    this.#view = view;
    this.#load(space);
  }

  /** Loads the view's root, as a move to CR3 does: the engine forgets its translations, the modelled TLB is tagged and does not. */
  #load(space: AddressSpace): void {
    const { window, views } = space;
    this.#tlbGeneration = space.tlbGeneration;
    this.#window = window;
    // Block costs are kept by address; inside the window the view decides which code is there. 16 bits name the view.
    const context = this.#view % 0xffff;
    this.#native.setSpace(this.handle, views.root(this.#view), context, window.start, window.end - window.start);
  }

  useBlockTables(tables: BlockTables): void {
    this.#tables = tables;
    this.#code = undefined;
  }

  #followCode(code: CodeMap): void {
    if (this.#code !== code && this.#tables !== undefined) {
      this.#code = code;
      this.#blocks = this.#tables.tableFor(code);
      this.#native.setBlockTable(this.handle, this.#blocks.handle);
    }
    this.#followGenerations(code);
  }

  #followGenerations(code: CodeMap): void {
    this.#blocks?.follow(code.generation + this.#physical.codeGeneration);
  }

  /**
   * Runs until the next exit. `result`, if given, is put into the syscall result register first. An exception thrown by a
   * callback is rethrown here.
   */
  run(result?: number): ExitReason {
    const space = this.#space;
    if (space !== undefined) {
      if (this.#tlbFlushes !== space.tlbFlushes) {
        this.#tlbFlushes = space.tlbFlushes;
        this.#tlbGeneration = space.tlbGeneration;
        this.#native.flushTlb(this.handle);
      } else if (this.#tlbGeneration !== space.tlbGeneration) {
        this.#load(space);
      }
      if (this.#window !== space.window) this.#load(space); // an unshared stack has grown
      this.#followCode(space.codeMap);
    }
    if (this.#codeGeneration !== this.#physical.codeGeneration) {
      this.#codeGeneration = this.#physical.codeGeneration;
      this.#native.flushCode(this.handle);
    }
    return (result === undefined ? this.#native.run(this.handle) : this.#native.run(this.handle, result)) as ExitReason;
  }

  /** Runs to the instruction at `va`, which must lie ahead in the same block: {@link ExitReason} `budget` when it is reached. */
  runTo(va: number): ExitReason {
    return this.#native.runTo(this.handle, va) as ExitReason;
  }

  get view(): number {
    return this.#view;
  }

  reg(id: number): bigint {
    this.#one[0] = id;
    this.#native.registers(this.handle, this.#one, this.#word, false);
    return this.#word[0]!;
  }

  setReg(id: number, value: bigint): void {
    this.#one[0] = id;
    this.#word[0] = BigInt.asUintN(64, value);
    this.#word[1] = 0n;
    this.#native.registers(this.handle, this.#one, this.#word, true);
  }

  setWide(id: number, words: readonly bigint[]): void {
    this.#native.registers(this.handle, Int32Array.of(id), BigUint64Array.from(words), true);
  }

  /** Two words per register into `values`. */
  readRegisters(ids: Int32Array, values: BigUint64Array): void {
    this.#native.registers(this.handle, ids, values, false);
  }

  writeRegisters(ids: Int32Array, values: BigUint64Array): void {
    this.#native.registers(this.handle, ids, values, true);
  }

  get pc(): number {
    return Number(this.reg(PC[this.isa]));
  }
  set pc(va: number) {
    this.setReg(PC[this.isa], BigInt(va));
  }
  get sp(): number {
    return Number(this.reg(SP[this.isa]));
  }
  set sp(va: number) {
    this.setReg(SP[this.isa], BigInt(va));
  }

  /** Model cycles since the core was made; may be written. */
  get cycles(): number {
    return this.#mail[Mail.cycles]!;
  }
  set cycles(value: number) {
    this.#mail[Mail.cycles] = value;
  }
  get instructions(): number {
    return this.#mail[Mail.instructions]!;
  }
  set instructions(value: number) {
    this.#mail[Mail.instructions] = value;
  }
  /** The core stops before the first block that begins at or after this many cycles. */
  get limit(): number {
    return this.#mail[Mail.limit]!;
  }
  set limit(cycles: number) {
    this.#mail[Mail.limit] = cycles;
  }
  /** Pages touched for the first time in a view since the TLB was flushed: what a tagged TLB of any size would miss. */
  get tlbMisses(): number {
    return this.#mail[Mail.tlbMisses]!;
  }
  /** Refills of the engine's own TLB: a host matter, not reproducible. */
  get tlbFills(): number {
    return this.#mail[Mail.tlbFills]!;
  }
  set tlbMissCycles(cycles: number) {
    this.#mail[Mail.tlbMissCycles] = cycles;
  }
  /** x86: rdtsc reads `cycles` plus this. */
  set tscBase(ticks: number) {
    this.#mail[Mail.tscBase] = ticks;
  }
  /** PC at the last exit; after a syscall that of the next instruction. */
  get exitPc(): number {
    return this.#mail[Mail.exitPc]!;
  }
  /** Page of a refused access. */
  get faultVa(): number {
    return this.#mail[Mail.faultVa]!;
  }
  get faultAccess(): number {
    return this.#mail[Mail.faultAccess]!;
  }
  get interrupt(): number {
    return this.#mail[Mail.interrupt]!;
  }
  get engineError(): number {
    return this.#mail[Mail.error]!;
  }
  get sysno(): number {
    return this.#mail[Mail.sysno]!;
  }
  /** Syscall argument 0..5 as a signed 64-bit value in a double. */
  arg(index: number): number {
    return this.#mail[Mail.arg0 + index]!;
  }
  /** The block that was entered last: charged in full, even if it stopped half way. */
  get lastBlock(): { va: number; size: number } {
    return { va: this.#mail[Mail.lastBlockVa]!, size: this.#mail[Mail.lastBlockSize]! };
  }
}
