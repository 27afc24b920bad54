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

/** Whether a file is written where it is: a device, a pipe, or what this process has open (`/dev/stdout`). None is to be replaced by a file. */
function isWrittenInPlace(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  // A rename to a folder would fail only after others were made.
  if (stat?.isDirectory() === true) throw new IsFolder();
  return stat !== undefined && (!stat.isFile() || /^\/(dev|proc)\//.test(resolve(path)));
}

/**
 * Writes all of them or none, the first one last, so that it is there only when the others are. Each is written beside its target and
 * renamed: whoever looks finds the old file or the new one. What is no file is written in place, as soon as nothing but a rename can fail.
 */
export function writeAll(files: readonly OutputFile[]): void {
  const drafts = new Map<OutputFile, string>();
  let now = '';
  try {
    const inPlace = files.filter(({ path }) => {
      now = path;
      return isWrittenInPlace(path);
    });
    for (const file of files) {
      now = file.path;
      if (inPlace.includes(file)) continue;
      const draft = `${file.path}.${process.pid}.tmp`;
      drafts.set(file, draft);
      writeFileSync(draft, file.bytes);
      chmodSync(draft, file.mode);
    }
    for (const { path, bytes } of inPlace) {
      now = path;
      writeFileSync(path, bytes);
    }
    for (const [{ path }, draft] of [...drafts].reverse()) {
      now = path;
      renameSync(draft, path);
    }
  } catch (cause) {
    for (const draft of drafts.values()) rmSync(draft, { force: true });
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
