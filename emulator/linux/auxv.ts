/** Keys of the auxiliary vector (getauxval(3), include/uapi/linux/auxvec.h). */
export const Auxv = {
  AT_NULL: 0,
  AT_PHDR: 3,
  AT_PHENT: 4,
  AT_PHNUM: 5,
  AT_PAGESZ: 6,
  AT_BASE: 7,
  AT_FLAGS: 8,
  AT_ENTRY: 9,
  AT_UID: 11,
  AT_EUID: 12,
  AT_GID: 13,
  AT_EGID: 14,
  AT_PLATFORM: 15,
  AT_HWCAP: 16,
  AT_CLKTCK: 17,
  AT_SECURE: 23,
  AT_RANDOM: 25,
  AT_HWCAP2: 26,
  AT_EXECFN: 31,
  AT_MINSIGSTKSZ: 51,
  /** "MELF": address of the page to which guest code writes what cache lines it touches. Absent on other kernels. */
  AT_MELF_PORT: 0x4d454c46,
} as const;

export type AuxvEntry = readonly [key: number, value: number];

/** Strings and vectors of a new program's stack, top down (psABI 3.4.1; AAPCS64 has the same shape on Linux). */
export interface InitialStack {
  readonly argv: readonly string[];
  readonly env: readonly string[];
  readonly execFn: string;
  readonly platform: string;
  /** AT_RANDOM: 16 bytes. */
  readonly random: Uint8Array;
  readonly auxv: readonly AuxvEntry[];
}

const encoder = new TextEncoder();

/** Bytes of the stack below `top`, and the stack pointer at their start. */
export function buildStack(top: number, stack: InitialStack): { sp: number; bytes: Uint8Array } {
  const strings: Uint8Array[] = [];
  let at = top - 8; // Linux leaves a null word at the very top
  const push = (bytes: Uint8Array): number => {
    at -= bytes.length;
    strings.unshift(bytes);
    return at;
  };
  const pushString = (text: string): number => push(encoder.encode(`${text}\0`));
  const execFn = pushString(stack.execFn);
  const env = stack.env.map(pushString);
  const argv = stack.argv.map(pushString);
  const platform = pushString(stack.platform);
  push(new Uint8Array(at % 16)); // alignment
  const random = push(stack.random);
  const auxv: AuxvEntry[] = [
    ...stack.auxv,
    [Auxv.AT_RANDOM, random],
    [Auxv.AT_EXECFN, execFn],
    [Auxv.AT_PLATFORM, platform],
    [Auxv.AT_NULL, 0],
  ];
  const words = [argv.length, ...argv, 0, ...env, 0, ...auxv.flat()];
  const sp = Math.floor((at - words.length * 8) / 16) * 16;
  const bytes = new Uint8Array(top - sp);
  const view = new DataView(bytes.buffer);
  words.forEach((word, index) => {
    view.setBigUint64(index * 8, BigInt(word), true);
  });
  let offset = at - sp;
  for (const string of strings) {
    bytes.set(string, offset);
    offset += string.length;
  }
  return { sp, bytes };
}
