import type { Directory } from './directory.ts';

/** What path names of a process start from, and the mask for files that it makes. */
export class FsContext {
  root: Directory;
  cwd: Directory;
  umask: number;

  constructor(root: Directory, cwd: Directory = root, umask = 0o022) {
    this.root = root;
    this.cwd = cwd;
    this.umask = umask;
  }

  copy(): FsContext {
    return new FsContext(this.root, this.cwd, this.umask);
  }
}
