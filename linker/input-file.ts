// The bytes of inputs. Of an archive a link takes a few members: the rest is not read, since fresh memory is what reading costs most.

import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { InputError } from './errors.ts';

/** The most that one call of read(2) and one typed array of every Node hold. */
const MOST = 2 ** 31 - 1;

/** Bytes that are got when they are asked for. */
export interface ByteSource {
  readonly size: number;
  /** From `start` to `end`, or to the end of the source when that comes first. */
  bytes(start: number, end: number): Uint8Array;
}

/** The same bytes as no Buffer of Node's, whose slice() does not copy. */
const plain = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export function sourceOf(bytes: Uint8Array): ByteSource {
  const all = plain(bytes);
  return { size: all.length, bytes: (start, end) => all.subarray(start, end) };
}

/** An open file. What is no regular file, as a pipe, is read whole at once. */
export class InputFile implements ByteSource {
  readonly size: number;
  readonly #path: string;
  readonly #whole: Uint8Array | undefined;
  #descriptor: number | undefined;

  /** @throws InputError `link.unreadable` */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#descriptor = openSync(path, 'r');
      const status = fstatSync(this.#descriptor);
      if (status.isFile()) this.size = status.size;
      else {
        this.#whole = plain(readFileSync(this.#descriptor));
        this.size = this.#whole.length;
      }
    } catch (cause) {
      this.close();
      throw unreadable(path, cause);
    }
  }

  bytes(start: number, end: number): Uint8Array {
    if (this.#whole !== undefined) return this.#whole.subarray(start, end);
    const length = Math.max(Math.min(end, this.size) - start, 0);
    if (length > MOST) {
      throw new InputError(
        'link.unreadable',
        this.#path,
        'is larger than 2 GiB',
        'objects up to 2 GiB can be read: leave debug information out (objcopy --strip-debug, -g1, -gz), or give its parts in an archive',
      );
    }
    // Of their own, so that they begin where words may.
    const bytes = plain(Buffer.allocUnsafeSlow(length));
    try {
      let filled = 0;
      while (filled < length) {
        const count = readSync(this.#descriptor!, bytes, filled, length - filled, start + filled);
        if (count === 0) break;
        filled += count;
      }
      return bytes.subarray(0, filled);
    } catch (cause) {
      throw unreadable(this.#path, cause);
    }
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}

/** All bytes of a file. @throws InputError `link.unreadable` */
export function readWhole(path: string): Uint8Array {
  const file = new InputFile(path);
  try {
    return file.bytes(0, file.size);
  } finally {
    file.close();
  }
}

export function unreadable(path: string, cause: unknown): InputError {
  const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable';
  return new InputError('link.unreadable', path, `cannot be read (${reason})`, 'check the path', { reason });
}
