/**
 * What the environment of a program with libmelf says where a manager outside switches it: libmelf then makes no views and only notes the switches that the program asks for.
 * Without it, melf_init fails as soon as the manager has made a view (EPERM, as UNSHARE).
 */
export const outsideManager = 'MELF_MANAGER=outside';

/** What libmelf knows of its environment stands in the program's bytes. */
const names = (elf: Uint8Array, text: string): boolean =>
  Buffer.from(elf.buffer, elf.byteOffset, elf.byteLength).includes(text);

export const hasLibmelf = (elf: Uint8Array): boolean => names(elf, 'MELF_VARIANT=');

/** Whether a program has a libmelf that understands {@link outsideManager}. */
export const heedsManager = (elf: Uint8Array): boolean => names(elf, 'MELF_MANAGER\0');
