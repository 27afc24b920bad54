import { chmodSync, existsSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { InputError, LinkError } from './errors.ts';

/** A file to write whole. */
export interface OutputFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly mode: number;
}

/** Refuses to write a file over one of the inputs, or two files over each other, by whatever names. */
export function checkOutputs(outputs: readonly string[], inputs: readonly string[]): void {
  const known = new Map<string, string>();
  const identity = (path: string): string => {
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    // A device, as /dev/null, may be named as often as one likes.
    if (stat?.isFile() === true) return `${stat.dev} ${stat.ino}`;
    return stat === undefined ? resolve(path) : '';
  };
  for (const path of outputs) {
    const id = identity(path);
    if (id === '') continue;
    if (known.has(id)) {
      throw new LinkError('link.output-twice', `${path} would be written twice`, {
        hint: 'give the executable and its map different names',
      });
    }
    known.set(id, path);
  }
  if (!outputs.some((path) => existsSync(path))) return;
  for (const path of inputs) {
    const output = known.get(identity(path));
    if (output === undefined) continue;
    throw new InputError(
      'link.output-is-input',
      output,
      'would be written over, and it is an input',
      'give -o another name',
    );
  }
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
