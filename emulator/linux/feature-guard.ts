import type { Decoder } from '../isa/decoder.ts';
import { firstOfAarch64, firstOfX86, type InstructionNeeds, instructionNeeds } from '../isa/instruction-features.ts';

/** First bytes of what AVX brought: VEX and EVEX prefixes (Intel SDM vol. 2, 2.3 and 2.7). */
const VEX = [0xc4, 0xc5, 0x62] as const;

/**
 * Second bytes, behind 0F, of what the engine executes on models without it, or answers otherwise than the CPU's features say: CPUID; RDSEED with
 * RDRAND; SSE4A; TPAUSE, UMONITOR, UMWAIT and INCSSP, which it takes for fences.
 */
const LET_THROUGH = new Set([0xa2, 0xc7, 0x2b, 0x78, 0x79, 0xae]);

const mayHoldSome = (code: Uint8Array): boolean =>
  VEX.some((byte) => code.includes(byte)) ||
  code.some((byte, at) => byte === 0x0f && LET_THROUGH.has(code[at + 1] ?? 0));

/** An instruction that a CPU kind does not execute as it stands. */
export interface RefusedInstruction {
  readonly va: number;
  /** As the disassembler writes it. */
  readonly text: string;
  /** The feature that the kind lacks; absent where it lacks none, so that the kernel answers or nobody knows the instruction. */
  readonly feature: string | undefined;
}

/**
 * Finds the instructions that a CPU kind lacks. The engine's decoder refuses most of them by its CPU model, but it executes VEX forms of 128-bit
 * instructions on every x86 model as if they were the older two-operand ones (and others, see below), and it knows nothing of features that a machine description leaves out.
 */
export class FeatureGuard {
  readonly features: ReadonlySet<string>;
  readonly #decoder: Decoder;
  /** The kind has all of its model: only what the engine lets through has to be looked for. */
  readonly #whole: boolean;

  constructor(decoder: Decoder, features: readonly string[], modelFeatures: readonly string[]) {
    this.#decoder = decoder;
    this.features = new Set(features);
    this.#whole = modelFeatures.every((feature) => this.features.has(feature));
  }

  /**
   * The first instruction of a block that must not be executed as it stands: the CPU lacks it, or the kernel gives its result (CPUID tells of the engine's
   * model, RNDR gives numbers of the host).
   */
  missing(code: Uint8Array, va: number): RefusedInstruction | undefined {
    const found = this.#decoder.isa === 'aarch64' ? this.#missingOfAarch64(code, va) : this.#missingOfX86(code, va);
    return found === undefined ? undefined : this.#refused(found);
  }

  #missingOfAarch64(code: Uint8Array, va: number): InstructionNeeds | undefined {
    return firstOfAarch64(this.#decoder, code, va, (feature) => feature === 'rng' || this.#lacks(feature));
  }

  #missingOfX86(code: Uint8Array, va: number): InstructionNeeds | undefined {
    if (this.#whole && !mayHoldSome(code)) return undefined;
    return firstOfX86(
      this.#decoder,
      code,
      va,
      ({ features, text }) => text === 'cpuid' || features.some((feature) => this.#lacks(feature)),
    );
  }

  /** The first instruction of a block that the CPU lacks, whatever the engine does with it. */
  firstAbsent(code: Uint8Array, va: number): RefusedInstruction | undefined {
    const lacks = (feature: string): boolean => this.#lacks(feature);
    const found =
      this.#decoder.isa === 'aarch64'
        ? firstOfAarch64(this.#decoder, code, va, lacks)
        : firstOfX86(this.#decoder, code, va, ({ features }) => features.some(lacks));
    return found === undefined ? undefined : this.#refused(found);
  }

  #lacks(feature: string): boolean {
    return !this.features.has(feature);
  }

  #refused({ va, text, features }: InstructionNeeds): RefusedInstruction {
    return { va, text, feature: features.find((feature) => this.#lacks(feature)) };
  }

  /** The instruction at `va`, with the feature of it that the kind lacks. */
  instructionAt(code: Uint8Array, va: number): RefusedInstruction | undefined {
    const [first] = instructionNeeds(this.#decoder, code.subarray(0, 16), va);
    return first === undefined ? undefined : this.#refused(first);
  }
}
