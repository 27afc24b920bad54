import type { Thread } from '../thread.ts';
import type { FileSystem } from './file-system.ts';
import { Inode } from './inode.ts';
import type { OpenFile } from './open-file.ts';
import { FileType } from './stat.ts';

/** A symbolic link with a fixed target. */
export class Symlink extends Inode {
  readonly type = FileType.SYMLINK;
  readonly text: string;

  constructor(fileSystem: FileSystem, text: string, uid = 0, gid = 0) {
    super(fileSystem, 0o777, uid, gid);
    this.text = text;
  }

  override get size(): number {
    return Buffer.byteLength(this.text);
  }

  override get pages(): number {
    return 0;
  }

  target(_caller: Thread): string {
    return this.text;
  }
}

/** A link of /proc whose text depends on who asks, and which may lead straight to a file, whatever its text says. */
export class MagicLink extends Symlink {
  readonly #target: (caller: Thread) => string;
  /** The file itself; undefined = go by the text. */
  readonly destination: ((caller: Thread) => OpenFile | undefined) | undefined;

  constructor(
    fileSystem: FileSystem,
    target: (caller: Thread) => string,
    destination?: (caller: Thread) => OpenFile | undefined,
  ) {
    super(fileSystem, '');
    this.#target = target;
    this.destination = destination;
  }

  override target(caller: Thread): string {
    return this.#target(caller);
  }
}
