import { aarch64FeatureOf } from './aarch64/instruction-features.ts';
import type { Decoder } from './decoder.ts';
import { x86FeatureOf } from './x86-64/instruction-features.ts';

/** One instruction with what it needs. */
export interface NeededFeature {
  readonly va: number;
  /** As Capstone writes it, or its bytes where Capstone does not know it. */
  readonly text: string;
  /** As /proc/cpuinfo calls it; absent for what every CPU has. */
  readonly feature: string | undefined;
}

const hexBytes = (bytes: Uint8Array): string =>
  `.byte ${[...bytes].map((byte) => `0x${byte.toString(16)}`).join(', ')}`;

/** The instructions of `code` at `va`, up to the first that is not even known (x86-64: its length is not, either). */
export function neededFeatures(decoder: Decoder, code: Uint8Array, va: number): NeededFeature[] {
  return decoder.isa === 'x86-64' ? ofX86(decoder, code, va) : ofAarch64(decoder, code, va);
}

function ofX86(decoder: Decoder, code: Uint8Array, va: number): NeededFeature[] {
  return decoder.disassemble(code, va).map(({ address, mnemonic, operands }) => ({
    va: address,
    text: `${mnemonic} ${operands}`.trim(),
    feature: x86FeatureOf(mnemonic, operands),
  }));
}

function ofAarch64(decoder: Decoder, code: Uint8Array, va: number): NeededFeature[] {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  return Array.from({ length: code.length >> 2 }, (_, index) => {
    const bytes = code.subarray(4 * index, 4 * index + 4);
    const [line] = decoder.disassemble(bytes, va + 4 * index);
    return {
      va: va + 4 * index,
      text: line === undefined ? hexBytes(bytes) : `${line.mnemonic} ${line.operands}`.trim(),
      feature: aarch64FeatureOf(view.getUint32(4 * index, true)),
    };
  });
}
