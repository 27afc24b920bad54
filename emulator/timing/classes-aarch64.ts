// Which class each AArch64 instruction belongs to, by its name in Capstone (Arm ARM, C3 and C6). First rule that matches wins.
import type { DecodedInstruction, Decoder } from '../isa/decoder.ts';
import { type InstructionClass, instructionClasses } from './instruction-class.ts';

const rules: readonly [RegExp, InstructionClass][] = [
  [/^(NOP|HINT|BTI|YIELD|WFE|WFI|SEV|SEVL|ESB|CSDB|PRF\w+|(PAC|AUT)I[AB](SP|Z|1716)|XPACLRI)$/, 'nop'],
  [/^(SVC|HVC|SMC|BRK|HLT|UDF)$/, 'syscall'],
  [/^(DMB|DSB|ISB|CLREX|SB|SSBB|PSSBB)$/, 'fence'],
  [/^(BL|BLR\w*)$/, 'call'],
  [/^RET(A[AB])?$/, 'return'],
  [/^BR(A[AB]Z?)?$/, 'indirect-branch'],
  [/^(B|BC|CBN?Z|TBN?Z)$/, 'branch'],
  [
    /^(CAS\w*|SWP\w*|LD(ADD|CLR|EOR|SET|[SU]MAX|[SU]MIN)A?L?[BH]?|ST(ADD|CLR|EOR|SET|[SU]MAX|[SU]MIN)L?[BH]?)$/,
    'atomic',
  ],
  [/^LDA?X[RP][BH]?$/, 'load-exclusive'],
  [/^STL?X[RP][BH]?$/, 'store-exclusive'],
  [/^LD(P|NP|PSW|[1-4]R?)$/, 'load-pair'],
  [/^LD\w+$/, 'load'],
  [/^ST(P|NP|GP|[1-4])$/, 'store-pair'],
  [/^ST\w+$/, 'store'],
  [/^(MADD|MSUB|MUL|MNEG|[SU]M(ADDL|SUBL|ULL|NEGL|ULH)|CRC32C?[BHWX])$/, 'multiply'],
  [/^[SU]DIV$/, 'divide'],
  [/^(MRS|MSR|SYS|SYSL|DC|IC|AT|TLBI)$/, 'system'],
  [/^FC?CMPE?$/, 'float-compare'],
  [/^FDIV$/, 'float-divide'],
  [/^FSQRT$/, 'float-sqrt'],
  [/^(FN?M(UL|ADD|SUB|LA|LS)X?|FMULX)$/, 'float-multiply'],
  [/^(FCVT\w*|[SU]CVTF|FJCVTZS|FRINT\w+)$/, 'convert'],
  [/^(FMOV|FCSEL|FABS|FNEG)$/, 'float-move'],
  [/^F[A-Z]+\w*$/, 'float-add'],
  [/^(AES\w+|SHA\w+|SM[34]\w+|PMULL2?|EOR3|RAX1|XAR|BCAX)$/, 'crypto'],
  [/^(ML[AS]|PMUL|SQ?R?D?MUL\w*|SQR?DM\w+|[SU]ML[AS]L\w*|[SU]DOT|SQDMULL?\w*)$/, 'simd-multiply'],
];

/**
 * Integer names that also exist as vector instructions (`add v0.4s, ...`) are classed as integer ones: both cost an issue slot. Names that only
 * vectors have fall to 'simd' here.
 */
const onlyVectors =
  /^(ADDP|ADDV|BIF|BIT|BSL|CM(EQ|GE|GT|HI|HS|LE|LT|TST)|CNT|DUP|EXT|INS|MOVI|MVNI|[SU]MOV|TBL|TBX|TRN[12]|UZP[12]|ZIP[12]|XTN2?|[SU]SHLL?2?|[SU]SHR|SHL|[SU]XTL2?|[SU](MAX|MIN)[PV]?|[SU]ABDL?2?|[SU]ADDLV?P?2?|[SU]ADDW2?|SHRN2?|REV64)$/;

/** The class of an instruction. */
export function classOfName(name: string): InstructionClass {
  for (const [pattern, found] of rules) if (pattern.test(name)) return found;
  return onlyVectors.test(name) ? 'simd' : 'alu';
}

/** Looks up the class of decoded instructions. */
export class Aarch64Classifier {
  readonly #classes: Uint8Array;

  constructor(decoder: Decoder) {
    const names = decoder.instructionNames();
    this.#classes = new Uint8Array(Math.max(...names.map(([id]) => id)) + 1);
    for (const [id, name] of names) this.#classes[id] = instructionClasses.indexOf(classOfName(name));
  }

  classOf({ id }: DecodedInstruction): InstructionClass {
    return instructionClasses[this.#classes[id] ?? 0] ?? 'alu';
  }

  /** Always 0: loads and stores are classes of their own. */
  memoryOf(): number {
    return 0;
  }
}
