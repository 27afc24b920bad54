import * as fs from 'node:fs';
import { join } from 'node:path';
import { Errno, type ErrnoName } from '../../errno.ts';
import type { PageSource } from './content.ts';
import { FileType } from './stat.ts';

/** The negated errno of a failed host call; anything that is not one is thrown on. */
export function hostErrno(error: unknown): number {
  const code = (error as NodeJS.ErrnoException).code as ErrnoName | undefined;
  const errno = code === undefined ? undefined : Errno[code];
  if (errno === undefined) throw error;
  return -errno;
}

/** One name in a host folder. */
export interface HostEntry {
  readonly name: string;
  readonly path: string;
  readonly type: number;
  readonly permissions: number;
  readonly size: number;
  /** Tells hard links of one file apart from different files. */
  readonly identity: string;
  /** Of a symbolic link. */
  readonly target: string | undefined;
}

/**
 * Looks at one name of a host folder without following a link. Devices, sockets and pipes of the host are not shown to the
 * guest (undefined), and neither is a name that is not valid UTF-8.
 */
export function hostEntry(folder: string, name: string): HostEntry | undefined {
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) return undefined;
  const path = join(folder, name);
  let stat: fs.Stats;
  try {
    stat = fs.lstatSync(path);
  } catch (error) {
    hostErrno(error);
    return undefined;
  }
  const type = stat.mode & FileType.MASK;
  if (type !== FileType.REGULAR && type !== FileType.DIRECTORY && type !== FileType.SYMLINK) return undefined;
  return {
    name,
    path,
    type,
    permissions: stat.mode & 0o7777,
    size: stat.size,
    identity: `${stat.dev}:${stat.ino}`,
    target: type === FileType.SYMLINK ? fs.readlinkSync(path) : undefined,
  };
}

/** Everything in a host folder, by name: the host's own order differs from machine to machine. */
export function hostEntries(folder: string): HostEntry[] {
  let names: string[];
  try {
    names = fs.readdirSync(folder);
  } catch (error) {
    hostErrno(error);
    return [];
  }
  names.sort();
  const entries: HostEntry[] = [];
  for (const name of names) {
    const entry = hostEntry(folder, name);
    if (entry !== undefined) entries.push(entry);
  }
  return entries;
}

/** A host file, opened while anything in the guest has it open. Never follows a link at its end. */
export class HostFile implements PageSource {
  path: string;
  readonly size: number;
  readonly #writable: boolean;
  #descriptor = -1;
  #opens = 0;

  constructor(path: string, size: number, writable: boolean) {
    this.path = path;
    this.size = size;
    this.#writable = writable;
  }

  opened(): void {
    this.#opens++;
    // A writable file may lose its name while it is open.
    if (this.#writable) this.use(() => 0);
  }

  closed(): void {
    if (--this.#opens === 0) this.#shut();
  }

  read(offset: number, into: Uint8Array): number {
    return this.use((descriptor) => fs.readSync(descriptor, into, 0, into.length, offset));
  }

  /** Runs `action` with a descriptor; returns its result or the negated errno of the host. */
  use(action: (descriptor: number) => number): number {
    try {
      if (this.#descriptor < 0) {
        const mode = this.#writable ? fs.constants.O_RDWR : fs.constants.O_RDONLY;
        this.#descriptor = fs.openSync(this.path, mode | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK);
      }
      return action(this.#descriptor);
    } catch (error) {
      return hostErrno(error);
    } finally {
      if (this.#opens <= 0) this.#shut();
    }
  }

  #shut(): void {
    if (this.#descriptor >= 0) fs.closeSync(this.#descriptor);
    this.#descriptor = -1;
  }
}
