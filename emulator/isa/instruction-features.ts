import { aarch64FeaturesOf } from './aarch64/instruction-features.ts';
import type { Decoder, Disassembly } from './decoder.ts';
import { x86FeatureOf } from './x86-64/instruction-features.ts';

/** One instruction with what it needs. */
export interface InstructionNeeds {
  readonly va: number;
  /** As Capstone writes it, or its bytes where Capstone does not know it. */
  readonly text: string;
  /** As /proc/cpuinfo calls them; none for what every CPU has. */
  readonly features: readonly string[];
}

const hexBytes = (bytes: Uint8Array): string =>
  `.byte ${[...bytes].map((byte) => `0x${byte.toString(16)}`).join(', ')}`;

/** The instructions of `code` at `va`, up to the first that is not even known (x86-64: its length is not, either). */
export function instructionNeeds(decoder: Decoder, code: Uint8Array, va: number): InstructionNeeds[] {
  if (decoder.isa === 'x86-64') return decoder.disassemble(code, va).map(needsOfLine);
  return Array.from(wordsOf(code), (word, index) => ofAarch64(decoder, code, va, index, aarch64FeaturesOf(word)));
}

/** An instruction of x86-64 has at most 15 bytes (Intel SDM vol. 2, 2.3.11). */
const LONGEST = 15;

/**
 * The first instruction of x86-64 code for which `wanted` holds, or that the disassembler does not know: what stands there and behind it cannot be told,
 * not even its length.
 */
export function firstOfX86(
  decoder: Decoder,
  code: Uint8Array,
  va: number,
  wanted: (needs: InstructionNeeds) => boolean,
): InstructionNeeds | undefined {
  let found: InstructionNeeds | undefined;
  const known = decoder.disassembleUntil(code, va, (line) => {
    const needs = needsOfLine(line);
    if (!wanted(needs)) return false;
    found = needs;
    return true;
  });
  if (found !== undefined || known >= code.length) return found;
  return { va: va + known, text: hexBytes(code.subarray(known, known + LONGEST)), features: [] };
}

/** The first instruction of AArch64 code that needs a feature which `lacks` says is missing. */
export function firstOfAarch64(
  decoder: Decoder,
  code: Uint8Array,
  va: number,
  lacks: (feature: string) => boolean,
): InstructionNeeds | undefined {
  // Every block comes by here when it runs for the first time: only what is found is disassembled.
  let index = 0;
  for (const word of wordsOf(code)) {
    const features = aarch64FeaturesOf(word);
    if (features.some(lacks)) return ofAarch64(decoder, code, va, index, features);
    index++;
  }
  return undefined;
}

function needsOfLine({ address, mnemonic, operands, bytes }: Disassembly): InstructionNeeds {
  const feature = x86FeatureOf(mnemonic, operands, bytes);
  return { va: address, text: `${mnemonic} ${operands}`.trim(), features: feature === undefined ? [] : [feature] };
}

function* wordsOf(code: Uint8Array): Generator<number> {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  for (let at = 0; at + 4 <= code.length; at += 4) yield view.getUint32(at, true);
}

function ofAarch64(
  decoder: Decoder,
  code: Uint8Array,
  va: number,
  index: number,
  features: readonly string[],
): InstructionNeeds {
  const bytes = code.subarray(4 * index, 4 * index + 4);
  const [line] = decoder.disassemble(bytes, va + 4 * index);
  const text = line === undefined ? hexBytes(bytes) : `${line.mnemonic} ${line.operands}`.trim();
  return { va: va + 4 * index, text, features };
}
