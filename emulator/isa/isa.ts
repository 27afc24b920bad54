/** Instruction-set architectures of guests. */
export type Isa = 'x86-64' | 'aarch64';

/** Registers by the engine's numbers. */
export interface RegisterFile {
  reg(id: number): bigint;
  setReg(id: number, value: bigint): void;
  /** Registers wider than 128 bits in the engine's structures (descriptor tables, system registers). */
  setWide(id: number, words: readonly bigint[]): void;
}
