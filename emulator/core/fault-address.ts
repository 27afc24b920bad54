import { X } from '../isa/aarch64/registers.ts';
import type { Decoder } from '../isa/decoder.ts';
import { X86 } from '../isa/x86-64/registers.ts';
import type { Core } from './core.ts';

const PAGE = 4096;
/** The widest access that may begin on the page before the one that was refused. */
const WIDEST_ACCESS = 64;

const pageOf = (va: number): number => va - (va % PAGE);

/**
 * The address that the instruction at `pc` accesses on the page `page`: its memory operand with the registers' present values. Undefined when no
 * operand leads there.
 */
export function faultAddress(
  decoder: Decoder,
  core: Core,
  code: Uint8Array,
  pc: number,
  page: number,
): number | undefined {
  const [line] = decoder.disassemble(code, pc);
  if (line === undefined) return undefined;
  const text = `${line.mnemonic} ${line.operands}`;
  const candidates =
    core.isa === 'x86-64' ? x86Addresses(core, text, pc + line.bytes.length) : aarch64Addresses(core, line.operands);
  const inPage = candidates.find((va) => pageOf(va) === page);
  if (inPage !== undefined) return inPage;
  // An access that begins on the page before: the address that Linux reports is the first byte on the refused page.
  return candidates.some((va) => va < page && va + WIDEST_ACCESS > page) ? page : undefined;
}

const x86Wide: Readonly<Record<string, number>> = {
  ax: X86.rax,
  bx: X86.rbx,
  cx: X86.rcx,
  dx: X86.rdx,
  si: X86.rsi,
  di: X86.rdi,
  bp: X86.rbp,
  sp: X86.rsp,
};

/** Value of a register as it counts in an address: r8, rax, eax. */
function x86Value(core: Core, name: string, nextPc: number): bigint | undefined {
  if (name === 'rip') return BigInt(nextPc);
  const numbered = /^r(\d+)(d?)$/.exec(name);
  if (numbered !== null) {
    const value = core.reg(X86.r8 + Number(numbered[1]) - 8);
    return numbered[2] === 'd' ? value & 0xffff_ffffn : value;
  }
  const id = x86Wide[name.slice(1)];
  if (id === undefined) return undefined;
  const value = core.reg(id);
  return name.startsWith('e') ? value & 0xffff_ffffn : value;
}

/** Every address in Capstone's text of an instruction: `[rax + rcx*8 - 0x10]`, `fs:[0]`, and the stack for push, call, ret. */
function x86Addresses(core: Core, text: string, nextPc: number): number[] {
  const addresses: number[] = [];
  for (const [, segment, inside] of text.matchAll(/(?:([fg]s):)?\[([^\]]+)\]/g)) {
    let sum = segment === 'fs' ? core.reg(X86.fsBase) : segment === 'gs' ? core.reg(X86.gsBase) : 0n;
    for (const [, sign, term] of ` + ${inside}`.matchAll(/([+-]) ([^ ]+)/g)) {
      const [name, scale = '1'] = term!.split('*');
      const value = /^\d/.test(name!) ? BigInt(name!) : (x86Value(core, name!, nextPc) ?? 0n) * BigInt(scale);
      sum += sign === '-' ? -value : value;
    }
    addresses.push(Number(BigInt.asUintN(64, sum)));
  }
  const stack = core.sp;
  if (/^(push|call|enter)/.test(text)) addresses.push(stack - 8);
  if (/^(pop|ret|leave)/.test(text)) addresses.push(stack, Number(core.reg(X86.rbp)));
  return addresses;
}

/** `[x1]`, `[x1, #-8]`, `[x1, #8]!`, `[x1], #8`, `[x1, x2, lsl #3]`, `[x1, w2, sxtw #2]`. */
function aarch64Addresses(core: Core, text: string): number[] {
  const inside = /\[([^\]]+)\]/.exec(text)?.[1];
  if (inside === undefined) return [];
  const [base, offset, shift] = inside.split(', ');
  let sum = aarch64Value(core, base!);
  if (offset?.startsWith('#')) {
    const digits = offset.slice(1);
    sum += digits.startsWith('-') ? -BigInt(digits.slice(1)) : BigInt(digits);
  } else if (offset !== undefined) {
    const [kind, amount] = (shift ?? '').split(' #');
    const value = aarch64Value(core, offset);
    const extended = kind === 'sxtw' ? BigInt.asIntN(32, value) : kind === 'sxtx' ? BigInt.asIntN(64, value) : value;
    sum += extended << BigInt(amount ?? 0);
  }
  const address = Number(BigInt.asUintN(64, sum));
  return [address];
}

function aarch64Value(core: Core, name: string): bigint {
  if (name === 'sp') return BigInt(core.sp);
  if (name.endsWith('zr')) return 0n;
  const id = X[Number(name.slice(1))];
  if (id === undefined) return 0n;
  const value = core.reg(id);
  return name.startsWith('w') ? value & 0xffff_ffffn : value;
}
