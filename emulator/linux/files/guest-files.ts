import { mountDevices } from './devices.ts';
import { mountProc } from './proc.ts';
import { Vfs, type VfsOptions } from './vfs.ts';

/** The tree that a guest sees: the given folders, and /dev, /proc and /sys over them. */
export function guestFiles(options: VfsOptions): Vfs {
  const vfs = new Vfs(options);
  mountDevices(vfs);
  mountProc(vfs);
  return vfs;
}
