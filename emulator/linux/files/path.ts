import { Errno } from '../../errno.ts';
import type { Credentials } from '../credentials.ts';
import type { Thread } from '../thread.ts';
import { Directory } from './directory.ts';
import { type Inode, Permission, permits } from './inode.ts';
import type { OpenFile } from './open-file.ts';
import { MagicLink, Symlink } from './symlink.ts';

const NAME_MAX = 255;
const PATH_MAX = 4096;
const LINKS_MAX = 40;

/** Where a path leads: a name in a directory, and what stands there, if anything. */
export interface Place {
  readonly directory: Directory;
  /** Empty for the root, `.` and `..`: a name that cannot be made, moved or deleted. */
  readonly name: string;
  readonly inode: Inode | undefined;
  /** The path ended in a slash: only a directory will do. */
  readonly wantsDirectory: boolean;
  /** A link of /proc led to an open file rather than to a name. */
  readonly file?: OpenFile;
}

/** What a name in a directory means: what is mounted there, else what the file system has. */
export function child(directory: Directory, name: string, caller: Thread): Inode | undefined {
  return directory.mounts.get(name) ?? directory.lookup(name, caller);
}

/**
 * Walks a path as path_resolution(7) describes. It never leaves the tree below `root`: `..` at the root stays there, and
 * absolute links, those in host folders too, start at the guest's root. Returns a place or a negated errno.
 */
export function walk(
  caller: Thread,
  root: Directory,
  start: Directory,
  path: string,
  options: { follow: boolean; credentials: Credentials },
): Place | number {
  if (path === '') return -Errno.ENOENT;
  if (path.length >= PATH_MAX) return -Errno.ENAMETOOLONG;
  let current = path.startsWith('/') ? root : start;
  /** Components still to walk, the next one last. */
  const rest = components(path);
  let wantsDirectory = endsAsDirectory(path);
  let links = 0;

  for (;;) {
    const name = rest.pop();
    if (name === undefined) return { directory: current, name: '', inode: current, wantsDirectory };
    if (!permits(current, options.credentials, Permission.EXECUTE)) return -Errno.EACCES;
    if (name === '..') {
      if (current !== root) current = current.parent;
      continue;
    }
    if (name.length > NAME_MAX) return -Errno.ENAMETOOLONG;
    if (current.removed) return -Errno.ENOENT;
    const inode = child(current, name, caller);
    const last = rest.length === 0;

    if (inode instanceof Symlink && (!last || options.follow || wantsDirectory)) {
      if (++links > LINKS_MAX) return -Errno.ELOOP;
      if (inode instanceof MagicLink) {
        const file = inode.destination?.(caller);
        if (file !== undefined) {
          const target = file.inode;
          if (last) return { directory: current, name, inode: target, wantsDirectory, file };
          if (!(target instanceof Directory)) return -Errno.ENOTDIR;
          current = target;
          continue;
        }
      }
      const target = inode.target(caller);
      if (target === '') return -Errno.ENOENT;
      if (target.length >= PATH_MAX) return -Errno.ENAMETOOLONG;
      if (target.startsWith('/')) current = root;
      if (last && endsAsDirectory(target)) wantsDirectory = true;
      rest.push(...components(target));
      continue;
    }
    if (last) {
      if (wantsDirectory && inode !== undefined && !(inode instanceof Directory)) return -Errno.ENOTDIR;
      return { directory: current, name, inode, wantsDirectory };
    }
    if (inode === undefined) return -Errno.ENOENT;
    if (!(inode instanceof Directory)) return -Errno.ENOTDIR;
    current = inode;
  }
}

function components(path: string): string[] {
  return path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .reverse();
}

const endsAsDirectory = (path: string): boolean => path.endsWith('/') || path.endsWith('/.') || path === '.';
