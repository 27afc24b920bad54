// What an instruction of each class costs in the `inorder` model. The model: one micro-operation issues each cycle, in order; an
// instruction that computes keeps the next one waiting until its result is there (its latency between registers); loads and
// stores hit the first-level cache and are pipelined, so that each costs one issue slot; branches are predicted. Every number is a
// published one and names its source; where a source gives a range, the value taken is said. docs/cost-model.md discusses them.
import type { Isa } from '../isa/isa.ts';
import type { InstructionClass } from './instruction-class.ts';

export interface ClassCosts {
  /** The processor whose tables these are. */
  readonly reference: string;
  readonly cycles: Readonly<Record<InstructionClass, number>>;
  /** Cycles that a memory operand adds (x86-64). */
  readonly loadOperand: number;
  readonly storeOperand: number;
}

/*
 * [SKX] LLVM, llvm/lib/Target/X86/X86SchedSkylakeServer.td (2022): latency of the register form on Intel Skylake server; X86SchedIceLake.td has
 *       the same values for these classes.
 * [UOPS] uops.info, DIV_R32 and DIV_R64 (measured on Rocket Lake, the Sunny Cove divider that Ice Lake also has), CMPXCHG_LOCK_M64_R64 (Alder Lake-E).
 * [OPT] Intel 64 and IA-32 Architectures Optimization Reference Manual, "REP String Enhancement".
 */
const x86: ClassCosts = {
  reference: 'Intel Skylake / Ice Lake server',
  loadOperand: 1, // [SKX] WriteLoad: one micro-op, ports 2 and 3
  storeOperand: 1, // [SKX] WriteStore: latency 1
  cycles: {
    nop: 1, // one issue slot
    move: 1, // [SKX] WriteMove
    alu: 1, // [SKX] WriteALU, WriteADC, WriteLEA, WriteCMOV, WriteSETCC, WriteShift
    'shift-by-register': 1, // [SKX] WriteShift, WriteRotate (by an immediate; by CL it is 3)
    'bit-count': 3, // [SKX] WritePOPCNT, WriteTZCNT, WriteBSF, WriteCRC32, WriteSHDrri
    multiply: 3, // [SKX] WriteIMul32Reg, WriteIMul64Reg
    divide: 12, // [UOPS] DIV_R32: dividend to quotient
    'divide-64': 14, // [UOPS] DIV_R64: dividend to quotient
    load: 1, // not used: operands
    'load-pair': 1,
    store: 1,
    'store-pair': 1,
    branch: 1, // [SKX] WriteJump
    'indirect-branch': 1, // [SKX] WriteJump
    call: 1, // [SKX] WriteJump; the push is a store operand
    return: 1, // [SKX] WriteJump; the pop is a load operand
    'float-move': 1, // [SKX] WriteFMove, WriteFLD0, WriteFSign
    'float-compare': 2, // [SKX] WriteFCom, WriteFComX
    'float-add': 4, // [SKX] WriteFAdd, WriteFAdd64, WriteFCmp, WriteFRcp
    'float-multiply': 4, // [SKX] WriteFMul, WriteFMul64
    'float-divide': 11, // [SKX] WriteFDiv
    'float-divide-64': 14, // [SKX] WriteFDiv64
    'float-sqrt': 12, // [SKX] WriteFSqrt
    'float-sqrt-64': 18, // [SKX] WriteFSqrt64
    convert: 4, // [SKX] WriteCvtI2SD, WriteCvtI2SS (3 to 6 for the others)
    simd: 1, // [SKX] WriteVecALUX, WriteVecLogicX, WriteShuffleX, WriteBlend
    'simd-multiply': 5, // [SKX] WriteVecIMulX
    'simd-string': 10, // [SKX] WritePCmpIStrI, WritePCmpIStrM
    crypto: 4, // [SKX] WriteAESDecEnc (WriteCLMul: 6)
    'load-exclusive': 1, // AArch64 only
    'store-exclusive': 1,
    atomic: 18, // [UOPS] CMPXCHG_LOCK_M64_R64, memory to memory
    string: 1, // [OPT] "plus one cycle for each iteration"; the start-up of 15 cycles is left out
    fence: 18, // as a locked instruction: compilers use either for the same barrier
    microcoded: 100, // [SKX] WriteMicrocoded
    system: 100, // [SKX] WriteSystem
    syscall: 1, // the rest is the kernel's cost
  },
};

/*
 * [A55] LLVM, llvm/lib/Target/AArch64/AArch64SchedA55.td, after Arm's Cortex-A55 Software Optimization Guide (ARM-EPM-128372, 2018). Integer
 *       latencies are given there without forwarding: what an ALU instruction behind it waits is Latency - ReadI (2).
 */
const aarch64: ClassCosts = {
  reference: 'Arm Cortex-A55',
  loadOperand: 0,
  storeOperand: 0,
  cycles: {
    nop: 1,
    move: 1,
    alu: 1, // [A55] WriteI 3 - 2
    'shift-by-register': 1, // [A55] WriteIS 3 - 2
    'bit-count': 1,
    multiply: 2, // [A55] WriteIM32, WriteIM64 4 - 2
    divide: 8, // [A55] WriteID32, WriteID64: the unit is busy for 8 cycles
    'divide-64': 8,
    load: 1, // [A55] WriteLD: the load pipe takes one a cycle
    'load-pair': 2, // [A55] LDP of X registers: 64 bits a cycle
    store: 1, // [A55] WriteST
    'store-pair': 1, // [A55] WriteSTP
    branch: 1, // [A55] WriteBr
    'indirect-branch': 1, // [A55] WriteBrReg
    call: 1, // [A55] WriteBr
    return: 1, // [A55] WriteBrReg
    'float-move': 3, // [A55] WriteFCopy, WriteFImm
    'float-compare': 3, // [A55] WriteFCmp
    'float-add': 4, // [A55] WriteF
    'float-multiply': 4, // [A55] WriteFMul, CortexA55WriteFMAC
    'float-divide': 22, // [A55] CortexA55WriteFDivDP (single precision: 13)
    'float-divide-64': 22,
    'float-sqrt': 22, // [A55] CortexA55WriteFSqrtDP (single precision: 12)
    'float-sqrt-64': 22,
    convert: 4, // [A55] WriteFCvt
    simd: 2, // [A55] CortexA55WriteAluVq_2
    'simd-multiply': 4, // [A55] CortexA55WriteMlaVq_4
    'simd-string': 1, // x86 only
    crypto: 2, // [A55] CortexA55WriteAluVq_2
    'load-exclusive': 3, // [A55] WriteLD, waited for
    'store-exclusive': 4, // [A55] WriteSTX
    atomic: 7, // the exclusive pair that it replaces: 3 + 4
    string: 1, // x86 only
    fence: 1, // [A55] WriteBarrier; nothing is outstanding in this model
    microcoded: 1, // x86 only
    system: 1, // [A55] WriteSys
    syscall: 1,
  },
};

export const classCosts: Readonly<Record<Isa, ClassCosts>> = { 'x86-64': x86, aarch64 };
