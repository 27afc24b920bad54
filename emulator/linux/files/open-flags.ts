import type { Isa } from '../../isa/isa.ts';

/**
 * Flags of open(2) in x86-64's numbering, which is what the kernel keeps inside. AArch64 numbers four of them differently
 * (arch/arm64/include/uapi/asm/fcntl.h); {@link openFlagsFromGuest} and {@link openFlagsToGuest} translate at the edge.
 */
export const OpenFlag = {
  WRONLY: 0o1,
  RDWR: 0o2,
  ACCMODE: 0o3,
  CREAT: 0o100,
  EXCL: 0o200,
  NOCTTY: 0o400,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  DSYNC: 0o10000,
  ASYNC: 0o20000,
  DIRECT: 0o40000,
  LARGEFILE: 0o100000,
  DIRECTORY: 0o200000,
  NOFOLLOW: 0o400000,
  NOATIME: 0o1000000,
  CLOEXEC: 0o2000000,
  PATH: 0o10000000,
  TMPFILE: 0o20200000,
} as const;

const SWAPPED = OpenFlag.DIRECT | OpenFlag.LARGEFILE | OpenFlag.DIRECTORY | OpenFlag.NOFOLLOW;
const PAIRS: readonly (readonly [x86: number, arm: number])[] = [
  [OpenFlag.DIRECTORY, 0o40000],
  [OpenFlag.NOFOLLOW, 0o100000],
  [OpenFlag.DIRECT, 0o200000],
  [OpenFlag.LARGEFILE, 0o400000],
];

/** The guest's flags in the kernel's numbering. */
export function openFlagsFromGuest(isa: Isa, flags: number): number {
  if (isa === 'x86-64') return flags;
  let result = flags & ~SWAPPED;
  for (const [inside, outside] of PAIRS) if (flags & outside) result |= inside;
  return result;
}

/** The kernel's flags as the guest numbers them. */
export function openFlagsToGuest(isa: Isa, flags: number): number {
  if (isa === 'x86-64') return flags;
  let result = flags & ~SWAPPED;
  for (const [inside, outside] of PAIRS) if (flags & inside) result |= outside;
  return result;
}

/** Whether read(2) is allowed: O_RDONLY or O_RDWR. */
export const isReadable = (flags: number): boolean => (flags & OpenFlag.ACCMODE) !== OpenFlag.WRONLY;
/** Whether write(2) is allowed: O_WRONLY or O_RDWR. */
export const isWritable = (flags: number): boolean => (flags & OpenFlag.ACCMODE) !== 0;
