import { chmodSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { InputError } from './errors.ts';

/** Writes beside the target and renames: whoever looks finds the old file or the new one. */
export function writeWhole(path: string, bytes: Uint8Array, mode: number): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, bytes);
    chmodSync(temporary, mode);
    renameSync(temporary, path);
  } catch (cause) {
    rmSync(temporary, { force: true });
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
    throw new InputError(
      'link/unwritable',
      path,
      `cannot be written (${reason})`,
      'check the folder and its permissions',
    );
  }
}
