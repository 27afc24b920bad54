import type { Decoder } from '../isa/decoder.ts';
import { type NeededFeature, neededFeatures } from '../isa/instruction-features.ts';

/** First bytes of what AVX brought: VEX and EVEX prefixes (Intel SDM vol. 2, 2.3 and 2.7). */
const VEX = [0xc4, 0xc5, 0x62] as const;

/**
 * Finds the instructions that a CPU kind lacks. The engine's decoder refuses most of them by its CPU model, but it executes VEX forms of 128-bit
 * instructions on every x86 model as if they were the older two-operand ones, and it knows nothing of features that a machine description leaves out.
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

  /** The first instruction of a block that must not be executed as it stands: the CPU lacks it, or it is a CPUID that would tell too much. */
  missing(code: Uint8Array, va: number): NeededFeature | undefined {
    if (this.#whole && (this.#decoder.isa === 'aarch64' || !VEX.some((byte) => code.includes(byte)))) return undefined;
    const tells = (text: string): boolean => !this.#whole && text === 'cpuid';
    return neededFeatures(this.#decoder, code, va).find(({ feature, text }) => this.#lacks(feature) || tells(text));
  }

  /** All instructions of a block that the CPU lacks. */
  absent(code: Uint8Array, va: number): NeededFeature[] {
    return neededFeatures(this.#decoder, code, va).filter(({ feature }) => this.#lacks(feature));
  }

  #lacks(feature: string | undefined): boolean {
    return feature !== undefined && !this.features.has(feature);
  }

  /** The instruction at `va`, with the feature it needs. */
  instructionAt(code: Uint8Array, va: number): NeededFeature | undefined {
    return neededFeatures(this.#decoder, code, va)[0];
  }
}
