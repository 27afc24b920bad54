import { readFileSync } from 'node:fs';
import { InputError } from '../linker/errors.ts';

/** The bytes of an executable to look into. @throws InputError `melf.unreadable`, `melf.too-large` */
export function readExecutable(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
    // What Node reads into one buffer.
    if (reason === 'ERR_FS_FILE_TOO_LARGE') {
      throw new InputError(
        'melf.too-large',
        path,
        'is larger than 2 GiB, more than can be read',
        'look into a copy with less debug information: objcopy --compress-debug-sections, or link with -Wl,-S',
      );
    }
    throw new InputError('melf.unreadable', path, `cannot be read (${reason})`, 'check the path');
  }
}
