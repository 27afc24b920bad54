/**
 * The raw addon, typed. It assumes valid input; only `../core` and `../memory/physical.ts` call it.
 * Another engine (a WebAssembly Unicorn in a browser, say) would implement this interface.
 */
export interface NativeBinding {
  /** `uc_version`: major << 24 | minor << 16 | patch << 8 | extra. */
  version(): number;
  createMemory(bytes: number): MemoryHandle;
  memoryBuffer(memory: MemoryHandle): ArrayBuffer;
  /** Returns `count` frames from `first` to the host; they read as zero afterwards. */
  releaseFrames(memory: MemoryHandle, first: number, count: number): void;
  createBlockTable(counters: number): BlockTableHandle;
  blockCounters(table: BlockTableHandle): ArrayBuffer;
  /** Blocks that begin at these addresses may be given counters; the table forgets all blocks. */
  watchAddresses(table: BlockTableHandle, addresses: Float64Array): void;
  /** Brings the counters up to date: translated code counts apart. */
  foldCounters(table: BlockTableHandle): void;
  clearBlockTable(table: BlockTableHandle): void;
  /**
   * `cpuModel` is Unicorn's number, -1 for its default. `portPa` is the physical page of the model port. The caller keeps `callbacks` for as long as the
   * core: the addon's references to them are weak.
   */
  createCore(
    memory: MemoryHandle,
    aarch64: boolean,
    cpuModel: number,
    portPa: number,
    accounting: boolean,
    callbacks: NativeCallbacks,
  ): CoreHandle;
  /** Gives the engine's memory back. Of a closed core only the mailbox may be used. */
  closeCore(core: CoreHandle): void;
  mailbox(core: CoreHandle): ArrayBuffer;
  setSpace(core: CoreHandle, rootFrame: number, context: number, windowStart: number, windowSize: number): void;
  /** What `rdrand` draws from. */
  seedRandom(core: CoreHandle, seed: number): void;
  setBlockTable(core: CoreHandle, table: BlockTableHandle): void;
  flushTlb(core: CoreHandle): void;
  flushCode(core: CoreHandle): void;
  /** Two 64-bit words per register, so that vector and x87 registers fit. */
  registers(core: CoreHandle, ids: Int32Array, values: BigUint64Array, write: boolean): void;
  /** Runs until an exit; `result`, if given, first goes into the syscall result register (rax, x0). Returns an {@link ExitReason}. */
  run(core: CoreHandle, result?: number): number;
  /**
   * Runs to the instruction at `va` and stops before it (`budget`), or at an earlier exit. Blocks are not charged or refused on the way. Slow: it
   * drops the core's translations.
   */
  runTo(core: CoreHandle, va: number): number;
}

export interface NativeCallbacks {
  /** No entry allows this access. Answer true after mapping the page, false to refuse: the engine then stops with an exact PC. */
  onPageFault(va: number, access: number): boolean;
  /** First sight of a block: [cycles, instructions, counter index or -1], whole numbers; negative cycles refuse it: `run` returns `illegal` before it. */
  onBlock(va: number, size: number): Float64Array;
  /** The guest wrote `value` at `offset` of the model port. */
  onPort(offset: number, value: number): void;
}

declare const handle: unique symbol;
export type MemoryHandle = { readonly [handle]: 'memory' };
export type BlockTableHandle = { readonly [handle]: 'block table' };
export type CoreHandle = { readonly [handle]: 'core' };

/** Why `run` returned (`Exit` in machine.h). */
export const ExitReason = { budget: 0, syscall: 1, pageFault: 2, illegal: 3, interrupt: 4, error: 5 } as const;
export type ExitReason = (typeof ExitReason)[keyof typeof ExitReason];

/** Access kinds as the page-table flag that would allow them. */
export const Access = { read: 2, write: 4, exec: 8 } as const;
export type Access = (typeof Access)[keyof typeof Access];

/** Index of each double in a core's mailbox (`Mailbox` in machine.h). */
export const Mail = {
  cycles: 0,
  instructions: 1,
  limit: 2,
  tlbFills: 3,
  tlbMisses: 4,
  tlbMissCycles: 5,
  exitPc: 6,
  faultVa: 7,
  faultAccess: 8,
  interrupt: 9,
  error: 10,
  sysno: 11,
  arg0: 12,
  arg1: 13,
  arg2: 14,
  arg3: 15,
  arg4: 16,
  arg5: 17,
  sp: 18,
  lastBlockVa: 19,
  lastBlockSize: 20,
  tscBase: 21,
} as const;
