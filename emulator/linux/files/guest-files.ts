import { mountDevices } from './devices.ts';
import type { FileTreeOptions } from './file-tree.ts';
import { mountProc } from './proc.ts';
import { Vfs } from './vfs.ts';

/** The tree that a guest sees: the given folders, and /dev, /proc and /sys over them. */
export function guestFiles(options: FileTreeOptions): Vfs {
  const vfs = new Vfs(options);
  mountDevices(vfs);
  mountProc(vfs);
  return vfs;
}
