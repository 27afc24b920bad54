// Functions that end in a jump to one of some others, as compilers make of `int yield(void) { return swapcontext(a, b); }`: who calls them is
// returned to by the other.

import { PF_X, PT_LOAD, STT_FUNC } from '../../linker/elf.ts';
import type { MelfFile } from '../../linker/melf-reader.ts';

interface Extent {
  readonly start: number;
  readonly end: number;
}

interface Jump {
  readonly from: number;
  readonly to: number;
}

/** Code with the address that it has. */
interface Code {
  readonly va: number;
  readonly bytes: Uint8Array;
}

const codeView = ({ bytes }: Code): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Everything that could be a direct jump of x86-64 to one of `targets`. Opcodes are not looked for in order: what hits an entry exactly is one. */
function* x86Jumps(code: Code, targets: ReadonlySet<number>): Generator<Jump> {
  const { va, bytes } = code;
  const view = codeView(code);
  for (let at = 0; at + 2 <= bytes.length; at++) {
    const opcode = bytes[at]!;
    const isNear = opcode === 0xe9 || (at > 0 && bytes[at - 1] === 0x0f && (opcode & 0xf0) === 0x80);
    let to: number;
    if (isNear && at + 5 <= bytes.length) to = va + at + 5 + view.getInt32(at + 1, true);
    else if (opcode === 0xeb || (opcode & 0xf0) === 0x70) to = va + at + 2 + view.getInt8(at + 1);
    else continue;
    if (targets.has(to)) yield { from: va + at, to };
  }
}

/** `b` and `b.cond`. */
function* aarch64Jumps(code: Code, targets: ReadonlySet<number>): Generator<Jump> {
  const view = codeView(code);
  for (let at = 0; at + 4 <= code.bytes.length; at += 4) {
    const word = view.getUint32(at, true);
    let words: number;
    if (word >>> 26 === 0x05) words = (word << 6) >> 6;
    else if (word >>> 24 === 0x54 && (word & 0x10) === 0) words = (word << 8) >> 13;
    else continue;
    const from = code.va + at;
    const to = from + words * 4;
    if (targets.has(to)) yield { from, to };
  }
}

/** The program's code: common code and the default variant's as it is loaded, and the bodies of the others. */
function* codeOf(file: MelfFile): Generator<Code> {
  for (const { type, flags, offset, va, fileSize } of file.segments)
    if (type === PT_LOAD && (flags & PF_X) !== 0) yield { va, bytes: file.bytes.subarray(offset, offset + fileSize) };
  for (const f of file.melf?.functions ?? [])
    for (const variant of f.bodies.keys()) if (variant > 0) yield { va: f.va, bytes: file.body(f, variant) };
}

function functionsOf(file: MelfFile): Extent[] {
  const symbols = file.symbols().filter(({ type, size }) => type === STT_FUNC && size > 0);
  const slots = (file.melf?.functions ?? []).map(({ va, slotSize }) => ({ start: va, end: va + slotSize }));
  return [...symbols.map(({ va, size }) => ({ start: va, end: va + size })), ...slots];
}

/** Entries of `targets` and of all functions that end in a jump to one of them, or to one that does. */
export function withTailCallers(file: MelfFile, targets: Iterable<number>): ReadonlySet<number> {
  const found = new Set(targets);
  const functions = functionsOf(file);
  const jumps = file.isa === 'x86-64' ? x86Jumps : aarch64Jumps;
  for (let wanted: ReadonlySet<number> = new Set(found); wanted.size > 0; ) {
    const more = new Set<number>();
    // A jump within the function is a loop.
    for (const code of codeOf(file))
      for (const { from, to } of jumps(code, wanted))
        for (const { start, end } of functions)
          if (from >= start && from < end && (to < start || to >= end) && !found.has(start)) more.add(start);
    for (const start of more) found.add(start);
    wanted = more;
  }
  return found;
}
