import { Decoder } from '../emulator/isa/decoder.ts';
import { alignLines } from '../linker/line-differences.ts';
import type { MelfFunction } from '../linker/melf-format.ts';
import { BODY_FILLED } from '../linker/melf-format.ts';
import type { MelfFile } from '../linker/melf-reader.ts';

const COLUMN = 56;

/** Names for the addresses that operands hold. */
class Names {
  readonly #file: MelfFile;
  readonly #symbols = new Map<number, string>();

  constructor(file: MelfFile) {
    this.#file = file;
    for (const { name, va, type } of file.symbols())
      if ((type === 1 || type === 2) && !this.#symbols.has(va)) this.#symbols.set(va, name);
  }

  /** `0x401000` with the symbol or string that is there. */
  annotate(operands: string, own: MelfFunction): string {
    return operands.replace(/0x[0-9a-f]{5,}/g, (text) => {
      const va = Number(text);
      if (va >= own.va && va < own.va + own.slotSize) return `.+0x${(va - own.va).toString(16)}`;
      const name = this.#symbols.get(va) ?? this.#string(va);
      return name ?? text;
    });
  }

  #string(va: number): string | undefined {
    const { sections, bytes } = this.#file;
    const section = sections.find((s) => s.name === '.rodata' && va >= s.va && va < s.va + s.size);
    if (section === undefined) return undefined;
    const start = section.offset + va - section.va;
    const end = bytes.indexOf(0, start);
    const text = Buffer.from(bytes.subarray(start, Math.min(end, start + 24))).toString('latin1');
    return end > start && /^[\x20-\x7e]+$/.test(text) ? JSON.stringify(text) : undefined;
  }
}

/** The code of one function in the default variant beside that of each other variant: `|` marks lines that only one has. */
export async function sideBySide(file: MelfFile, f: MelfFunction): Promise<string> {
  const melf = file.melf!;
  const decoder = await Decoder.load(file.isa);
  const names = new Names(file);
  const codes = f.bodies.map((body, v) => {
    const at = f.va - melf.windowVa;
    return decoder.disassemble(file.window(v).slice(at, at + body.size), f.va).map((line) => {
      const text = `${line.mnemonic} ${names.annotate(line.operands, f)}`.trimEnd();
      return { offset: line.address - f.va, text };
    });
  });
  const parts: string[] = [];
  for (let v = 1; v < codes.length; v++) {
    const [left, right] = [codes[0]!, codes[v]!];
    const title = (i: number): string => {
      const body = f.bodies[i]!;
      const filled = (body.flags & BODY_FILLED) === 0 ? '' : ` (it has none: ${melf.variants[body.source]!.name}'s)`;
      return `${melf.variants[i]!.name}, ${body.size} bytes${filled}`;
    };
    // Places inside the function move with what stands before them: they are compared as such.
    const plain = (code: typeof left): string[] => code.map(({ text }) => text.replace(/\.\+0x[0-9a-f]+/g, '.'));
    const rows = alignLines(plain(left), plain(right));
    const cell = (line: { offset: number; text: string } | undefined): string =>
      (line === undefined ? '' : `${line.offset.toString(16).padStart(4)}  ${line.text}`)
        .slice(0, COLUMN)
        .padEnd(COLUMN);
    const only = rows.filter(([l, r]) => l === undefined || r === undefined).length;
    parts.push(
      `${f.name} at 0x${f.va.toString(16)}, ${f.unit}: ${only === 0 ? 'no line differs' : `${only} of ${rows.length} lines differ`}`,
      `  ${title(0).padEnd(COLUMN)} ${title(v)}`,
      ...rows.map(([l, r]) => {
        const mark = l === undefined || r === undefined ? '|' : ' ';
        return `${mark} ${cell(l === undefined ? undefined : left[l])} ${cell(r === undefined ? undefined : right[r])}`.trimEnd();
      }),
      '',
    );
  }
  return parts.join('\n');
}
