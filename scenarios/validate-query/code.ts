// The machine code of the lesson's functions, for people.

import { Decoder } from '../../emulator/isa/decoder.ts';
import type { Isa } from '../../emulator/isa/isa.ts';
import { readMelf } from '../../linker/melf-reader.ts';

/** The functions of validate.c, in the order of the source. */
export const functionNames = ['number', 'param', 'parse_params', 'may_read', 'check_access', 'validate_query'] as const;
export type FunctionName = (typeof functionNames)[number];

export interface Listing {
  readonly function: FunctionName;
  readonly address: number;
  readonly bytes: number;
  /** One line per instruction, addresses of the program's functions by name. */
  readonly lines: readonly string[];
}

const STT_FUNC = 2;

/** Size without the padding behind it. */
interface Body {
  readonly address: number;
  readonly code: Uint8Array;
}

/** The code of each function, of one variant in a MELF. */
function bodies(elf: Uint8Array, variant: number): Map<string, Body> {
  const file = readMelf(elf);
  const found = new Map<string, Body>();
  for (const f of file.melf?.functions ?? []) found.set(f.name, { address: f.va, code: file.body(f, variant) });
  for (const { name, va, size, type } of file.symbols()) {
    if (type !== STT_FUNC || found.has(name)) continue;
    const segment = file.segments.find((one) => one.type === 1 && va >= one.va && va < one.va + one.fileSize);
    if (segment === undefined) continue;
    const start = segment.offset + va - segment.va;
    found.set(name, { address: va, code: elf.subarray(start, start + size) });
  }
  return found;
}

/** Calls and jumps, of both ISAs. */
const isJump = (mnemonic: string): boolean => /^(call|j\w+|bl?|b\.\w+|cbn?z|tbn?z)$/.test(mnemonic);

/** Disassembles the lesson's functions. */
export async function listings(isa: Isa, elf: Uint8Array, variant = 0): Promise<Listing[]> {
  const decoder = await Decoder.load(isa);
  const all = bodies(elf, variant);
  const names = new Map([...all].map(([name, { address }]) => [address, name]));
  return functionNames.map((name) => {
    const body = all.get(name);
    if (body === undefined) throw new RangeError(`the program has no function ${name}`);
    const lines = decoder.disassemble(body.code, body.address).map(({ mnemonic, operands }) => {
      // A target in this very function is shown as the offset in it, another function by its name.
      const readable = operands.replace(/#?\b0x[0-9a-f]+$/, (text) => {
        const address = Number(text.replace('#', ''));
        const offset = address - body.address;
        const target = names.get(address);
        if (offset >= 0 && offset < body.code.length && isJump(mnemonic)) return `+0x${offset.toString(16)}`;
        return target ?? text;
      });
      return `${mnemonic} ${readable}`.trim();
    });
    return { function: name, address: body.address, bytes: body.code.length, lines };
  });
}
