import { Errno } from '../../errno.ts';
import type { Thread } from '../thread.ts';
import type { FileSystem } from './file-system.ts';
import { Inode } from './inode.ts';
import { seekTarget } from './inode-file.ts';
import { OpenFile } from './open-file.ts';
import { type FileStat, FileType } from './stat.ts';

/** A file whose text is made when it is opened (/proc, /sys). */
export class GeneratedFile extends Inode {
  readonly type = FileType.REGULAR;
  /** The text, for the thread that opens it. */
  readonly generate: (caller: Thread) => string;
  /** Takes what was written; returns 0 or a negated errno. Without it the file cannot be written. */
  readonly accept: ((text: string, caller: Thread) => number) | undefined;

  constructor(
    fileSystem: FileSystem,
    generate: (caller: Thread) => string,
    accept?: (text: string, caller: Thread) => number,
  ) {
    super(fileSystem, accept === undefined ? 0o444 : 0o644);
    this.generate = generate;
    this.accept = accept;
  }
}

/** A file of /proc, open: its text is made anew whenever reading starts at the beginning. */
export class GeneratedOpenFile extends OpenFile {
  readonly #file: GeneratedFile;
  readonly #caller: Thread;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(file: GeneratedFile, caller: Thread, flags: number, path: string) {
    super(flags, path);
    this.#file = file;
    this.#caller = caller;
  }

  override get inode(): GeneratedFile {
    return this.#file;
  }

  override get seekable(): boolean {
    return true;
  }

  override read(into: Uint8Array, _now: number, offset?: number): number {
    const at = offset ?? this.offset;
    if (at === 0) this.#bytes = Buffer.from(this.#file.generate(this.#caller));
    const part = this.#bytes.subarray(at, at + into.length);
    into.set(part);
    if (offset === undefined) this.offset += part.length;
    return part.length;
  }

  override write(from: Uint8Array): number {
    if (this.#file.accept === undefined) return -Errno.EINVAL;
    const result = this.#file.accept(Buffer.from(from).toString(), this.#caller);
    return result < 0 ? result : from.length;
  }

  override seek(offset: number, whence: number): number {
    const target = seekTarget(this.offset, this.#bytes.length, offset, whence);
    if (target >= 0) this.offset = target;
    return target;
  }

  override stat(): FileStat {
    return this.#file.stat();
  }
}
