// Which class each x86-64 instruction belongs to, by its name in Capstone (Intel SDM vol. 2). First rule that matches wins.
import { type DecodedInstruction, type Decoder, MemoryAccess } from '../isa/decoder.ts';
import { type InstructionClass, instructionClasses } from './instruction-class.ts';

const rules: readonly [RegExp, InstructionClass][] = [
  [
    /^(NOP|FNOP|ENDBR(32|64)|PAUSE|PREFETCH\w*|DATA16|REX64|REP|REPNE|LOCK|CLDEMOTE|FDISI8087_NOP|FENI8087_NOP)$/,
    'nop',
  ],
  [/^(SYSCALL|SYSENTER|INT|INT1|INT3|HLT|UD[012])$/, 'syscall'],
  [/^(MFENCE|LFENCE|SFENCE)$/, 'fence'],
  [/^(MOVS|STOS|LODS|SCAS|CMPS)[BWQ]$|^(STOS|LODS|SCAS)D$/, 'string'],
  [/^(MOV|MOVABS|MOVZX|MOVSXD?|MOVBE|MOVNTI|MOVDIRI|PUSH|POP)$/, 'move'],
  [/^(CALL|LCALL)$/, 'call'],
  [/^(RET|RETF|RETFQ)$/, 'return'],
  [/^(JMP|LJMP|LOOP|LOOPE|LOOPNE|J\w+)$/, 'branch'],
  [/^(IMUL|MUL|MULX)$/, 'multiply'],
  [/^(IDIV|DIV)$/, 'divide'],
  [/^(BSF|BSR|LZCNT|TZCNT|POPCNT|CRC32|PDEP|PEXT|SHLD|SHRD)$/, 'bit-count'],
  [/^(SHL|SHR|SAR|SAL|ROL|ROR|RCL|RCR)$/, 'shift-by-register'],
  [
    /^(CPUID|RDTSCP?|XGETBV|RDPID|RDPMC|RDRAND|RDSEED|WBINVD|CLFLUSH(OPT)?|CLWB|(RD|WR)[FG]SBASE|FX\w+|XSAVE\w*|XRSTOR\w*|(LD|ST)MXCSR|SWAPGS|IRET[DQ]?)$/,
    'system',
  ],
  [
    /^(ENTER|POPF[DQ]?|PUSHF[DQ]?|XLATB|F2XM1|FBLD|FBSTP|FPATAN|FPREM1?|FPTAN|FRNDINT|FSCALE|FSINCOS|FSIN|FCOS|FXTRACT|FYL2X(P1)?|F(N|R)?SAVE|FRSTOR|FLDENV|FNSTENV|FNINIT|EMMS)$/,
    'microcoded',
  ],
  // Scalar and packed floating point: SSE names end in SS, SD, PS, PD.
  [/^(U?COMIS[SD]|F(U?COM\w*|ICOMP?|TST|XAM))$/, 'float-compare'],
  [/^(ADD|SUB|MIN|MAX|CMP|ADDSUB|HADD|HSUB|ROUND|RCP|RSQRT)[SP][SD]$|^FI?(ADD|SUB)R?P?$/, 'float-add'],
  [/^(MUL|DP)[SP][SD]$|^FI?MULP?$/, 'float-multiply'],
  [/^DIV[SP]S$/, 'float-divide'],
  [/^DIV[SP]D$|^FI?DIVR?P?$/, 'float-divide-64'],
  [/^SQRT[SP]S$/, 'float-sqrt'],
  [/^SQRT[SP]D$|^FSQRT$/, 'float-sqrt-64'],
  [/^CVT\w+$|^FI(ST|STP|STTP|LD)$|^FISTTP$|^FILD$/, 'convert'],
  [/^F(LD\w*|ST\w*|XCH|CHS|ABS|CMOV\w+|FREEP?|INCSTP|DECSTP|NCLEX|NST[CS]W)$/, 'float-move'],
  [
    /^MOV([AUHL]P[SD]|S[SD]|D|Q|DQ[AU]|DQ2Q|Q2DQ|DDUP|HLPS|LHPS|S[HL]DUP|NT\w+|MSKP[SD])$|^LDDQU$|^MASKMOV\w+$/,
    'float-move',
  ],
  [/^(PCMP[EI]STR[IM])$/, 'simd-string'],
  [/^(PMUL\w+|PMADD\w+|PSADBW|PHMINPOSUW|MPSADBW)$/, 'simd-multiply'],
  [/^(AES\w+|PCLMULQDQ|SHA\w+|GF2P8\w+)$/, 'crypto'],
  [/^(P[A-Z]+\w*|(AND|ANDN|OR|XOR)P[SD]|SHUFP[SD]|UNPCK\w+|BLEND\w+|INSERTPS|EXTRACTPS)$/, 'simd'],
];

/** Names that the P-rule above would take for packed arithmetic. */
const notSimd = new Set(['POP', 'PUSH', 'POPCNT', 'PAUSE', 'PDEP', 'PEXT']);

/** The class of an instruction without regard to its prefixes and operands. */
export function classOfName(name: string): InstructionClass {
  const sse = name.startsWith('V') ? name.slice(1) : name; // AVX forms cost as the SSE forms do
  for (const [pattern, found] of rules) {
    if (pattern.test(sse) && !(found === 'simd' && notSimd.has(sse))) return found;
  }
  return 'alu';
}

/** Loads and stores that an instruction does without a memory operand. */
const implicitMemory: Readonly<Record<string, number>> = {
  PUSH: MemoryAccess.write,
  POP: MemoryAccess.read,
  CALL: MemoryAccess.write,
  RET: MemoryAccess.read,
  LEAVE: MemoryAccess.read,
};

/** Explicit memory operands that are only computed with. */
const noAccess = /^(LEA|NOP|PREFETCH\w*|CLFLUSH\w*|CLWB|CLDEMOTE|INVLPG)$/;

/** Looks up class and memory accesses of decoded instructions. */
export class X86Classifier {
  readonly #classes: Uint8Array;
  readonly #implicit: Uint8Array;
  readonly #computes: Uint8Array;
  readonly #stringOrFloat: ReadonlySet<number>;
  readonly #xchg: number;

  constructor(decoder: Decoder) {
    const names = decoder.instructionNames();
    const size = Math.max(...names.map(([id]) => id)) + 1;
    this.#classes = new Uint8Array(size);
    this.#implicit = new Uint8Array(size);
    this.#computes = new Uint8Array(size);
    for (const [id, name] of names) {
      this.#classes[id] = instructionClasses.indexOf(classOfName(name));
      this.#implicit[id] = implicitMemory[name] ?? 0;
      this.#computes[id] = noAccess.test(name) ? 1 : 0;
    }
    // Both the string and the SSE2 instruction have these names.
    this.#stringOrFloat = new Set([decoder.number('X86_INS_MOVSD'), decoder.number('X86_INS_CMPSD')]);
    this.#xchg = decoder.number('X86_INS_XCHG');
  }

  classOf(instruction: DecodedInstruction): InstructionClass {
    const { id, memoryOperands } = instruction;
    if (instruction.locked || (id === this.#xchg && memoryOperands > 0)) return 'atomic';
    if (memoryOperands === 2 && this.#stringOrFloat.has(id)) return 'string';
    const found = instructionClasses[this.#classes[id] ?? 0] ?? 'alu';
    if (found === 'divide' && instruction.operandSize === 8) return 'divide-64';
    if (found === 'branch' && (instruction.firstIsRegister || instruction.firstIsMemory)) return 'indirect-branch';
    return found;
  }

  /** Bits of `MemoryAccess`: what the instruction does to memory, by operands or implicitly. */
  memoryOf(instruction: DecodedInstruction): number {
    const { id } = instruction;
    if (instruction.locked) return MemoryAccess.read | MemoryAccess.write; // Capstone 5 forgets cmpxchg's store
    return (this.#computes[id] ? 0 : instruction.memory) | (this.#implicit[id] ?? 0);
  }
}
