/**
 * What the environment of a program with libmelf says where a manager outside switches it: libmelf then makes no views and only notes the switches that the program asks for.
 * Without it, melf_init fails as soon as the manager has made a view (EPERM, as UNSHARE).
 */
export const outsideManager = 'MELF_MANAGER=outside';

/** Whether a program has a libmelf that understands {@link outsideManager}: its name then stands in the program's bytes. */
export const heedsManager = (elf: Uint8Array): boolean =>
  Buffer.from(elf.buffer, elf.byteOffset, elf.byteLength).includes('MELF_MANAGER\0');
