import { chmodSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { InputError } from './errors.ts';

/** A file to write whole. */
export interface OutputFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly mode: number;
}

/**
 * Writes all of them or none, the first one last, so that it is there only when the others are. Each is written beside its target and
 * renamed: whoever looks finds the old file or the new one.
 */
export function writeAll(files: readonly OutputFile[]): void {
  const drafts: string[] = [];
  let now = '';
  try {
    for (const { path, bytes, mode } of files) {
      now = path;
      // A rename to a folder would fail only after others were made.
      if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) throw new IsFolder();
      const draft = `${path}.${process.pid}.tmp`;
      drafts.push(draft);
      writeFileSync(draft, bytes);
      chmodSync(draft, mode);
    }
    for (const [i, { path }] of [...files.entries()].reverse()) {
      now = path;
      renameSync(drafts[i]!, path);
    }
  } catch (cause) {
    for (const draft of drafts) rmSync(draft, { force: true });
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
    throw new InputError(
      'link.unwritable',
      now,
      `cannot be written (${reason})`,
      'check the folder and its permissions',
    );
  }
}

class IsFolder extends Error {
  readonly code = 'EISDIR';
}
