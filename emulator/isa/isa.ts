/** Instruction-set architectures of guests. */
export type Isa = 'x86-64' | 'aarch64';
