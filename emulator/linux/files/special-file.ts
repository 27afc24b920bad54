import type { FileSystem } from './file-system.ts';
import { Inode } from './inode.ts';

/** A device, named pipe or socket in a directory. */
export class SpecialFile extends Inode {
  readonly type: number;
  /** What stands behind it: a named pipe's pipe, a bound socket's listener. */
  attached: object | undefined;

  constructor(
    fileSystem: FileSystem,
    type: number,
    permissions: number,
    options: { uid?: number; gid?: number; rdev?: number } = {},
  ) {
    super(fileSystem, permissions, options.uid, options.gid);
    this.type = type;
    this.rdev = options.rdev ?? 0;
  }
}
