import { lstatSync } from 'node:fs';
import { MelfError } from '../../../base/errors.ts';
import { EPOCH_SECONDS } from '../clock.ts';
import type { FrameStore } from './content.ts';
import { Directory } from './directory.ts';
import { type DiskImage, imageOf, restore } from './disk-image.ts';
import type { Draw } from './file-page.ts';
import { FileSystem } from './file-system.ts';
import { FsContext } from './fs-context.ts';
import { HostDirectory } from './host-directory.ts';
import type { Inode } from './inode.ts';
import { MemoryDirectory } from './memory-directory.ts';
import { RegularFile } from './regular-file.ts';
import { FileType, type Timestamp } from './stat.ts';
import { type DiskOptions, Storage } from './storage.ts';

/** `f_type` of statfs(2) (include/uapi/linux/magic.h). */
const Magic = {
  tmpfs: 0x01021994,
  overlay: 0x794c7630,
  proc: 0x9fa0,
  sysfs: 0x62656572,
  host: 0xef53,
  disk: 0xef53, // ext4's: programs know it
} as const;

/**
 * How a host folder shows in the guest: `read-only`; `overlay` (the guest may change everything, in memory only);
 * `read-write` (changes reach the host).
 */
export type MountMode = 'read-only' | 'overlay' | 'read-write';

export interface HostMount {
  /** Absolute path in the guest; `/` replaces the root. */
  readonly at: string;
  /** Host folders; the first that has a name wins. `read-write` takes one. */
  readonly folders: readonly string[];
  readonly mode: MountMode;
}

export interface FileTreeOptions {
  /** Virtual time in ns. */
  readonly now: () => number;
  /** Wall clock at virtual time 0, seconds since the Unix epoch. */
  readonly epochSeconds?: number;
  /** Guest memory, for files mapped shared; without it such mappings fail. */
  readonly frames?: FrameStore;
  readonly mounts?: readonly HostMount[];
  /** Keeps the root directory on a disk, which a crash leaves with what was synced. Without it nothing outlives the machine. */
  readonly disk?: DiskOptions | undefined;
  /** Most bytes that files of one file system may hold in memory. */
  readonly memoryLimit?: number;
}

/** A host folder cannot be shown to the guest. */
export class MountError extends MelfError {}

const DEFAULT_FILES: readonly (readonly [path: string, text: string])[] = [
  ['/etc/passwd', 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n'],
  ['/etc/group', 'root:x:0:\nnogroup:x:65534:\n'],
  ['/etc/hosts', '127.0.0.1 localhost\n::1 localhost\n'],
  ['/etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files\n'],
  ['/etc/hostname', 'melf\n'],
];
const DEFAULT_DIRECTORIES: readonly (readonly [path: string, permissions: number])[] = [
  ['/tmp', 0o1777],
  ['/root', 0o700],
  ['/run', 0o755],
  ['/var/tmp', 0o1777],
];

/** Which files there are: file systems, what is mounted where, and what outlives the machine. Everything here is the machine's doing, not a guest's. */
export class FileTree {
  readonly root: Directory;
  readonly mounted: { readonly at: string; readonly fileSystem: FileSystem }[] = [];
  readonly #options: FileTreeOptions;
  readonly #memory: FileSystem;
  readonly #hostTops: HostDirectory[] = [];
  readonly #storage: Storage | undefined;
  #lastDevice = 0;
  #lastAnonymousIno = 0;

  constructor(options: FileTreeOptions) {
    this.#options = options;
    const mounts = [...(options.mounts ?? [])].sort((a, b) => a.at.length - b.at.length);
    const top = mounts.find(({ at }) => at === '/');
    this.#memory = this.fileSystem('tmpfs');
    if (options.disk !== undefined && top !== undefined) {
      throw new MountError('files.mount', 'the root directory is either on the disk or a host folder', {
        hint: 'mount the folder below the root, or leave the disk out',
      });
    }
    this.#storage = options.disk && new Storage(options.disk);
    if (top === undefined) {
      const fileSystem = this.#storage === undefined ? this.#memory : this.fileSystem('disk', false, this.#storage);
      this.root = new MemoryDirectory(fileSystem, undefined, '', { frames: options.frames });
      this.mounted.push({ at: '/', fileSystem });
    } else {
      this.root = this.#hostRoot(top, undefined, '');
      this.mounted.push({ at: '/', fileSystem: this.root.fileSystem });
    }
    for (const [path, permissions] of DEFAULT_DIRECTORIES) this.#directoryAt(path, permissions);
    for (const [path, text] of DEFAULT_FILES) this.#defaultFile(path, text);
    if (options.disk?.image !== undefined) restore(this.root as MemoryDirectory, options.disk.image);
    this.#storage?.sync();
    for (const mount of mounts)
      if (mount !== top) this.mount(mount.at, (parent, name) => this.#hostRoot(mount, parent, name));
  }

  /** Time of day of the machine. */
  readonly wallClock = (): Timestamp => {
    const now = this.#options.now();
    const seconds = Math.floor(now / 1e9);
    return { sec: (this.#options.epochSeconds ?? EPOCH_SECONDS) + seconds, nsec: Math.floor(now - seconds * 1e9) };
  };

  /** A new file system with a device number of its own. */
  fileSystem(type: keyof typeof Magic, readOnly = false, storage?: Storage): FileSystem {
    const pageLimit =
      this.#options.memoryLimit === undefined ? undefined : Math.floor(this.#options.memoryLimit / 4096);
    return new FileSystem({
      type,
      magic: Magic[type],
      device: ++this.#lastDevice,
      readOnly,
      now: this.wallClock,
      pageLimit,
      storage,
    });
  }

  /** An empty directory of its own file system in memory. */
  memoryDirectory(parent: Directory, name: string, permissions = 0o755): MemoryDirectory {
    return new MemoryDirectory(this.fileSystem('tmpfs'), parent, name, { frames: this.#options.frames, permissions });
  }

  /** The inode number of a pipe. */
  nextAnonymousIno(): number {
    return ++this.#lastAnonymousIno;
  }

  /** A regular file in memory without a name (memfd_create). */
  anonymousFile(name: string, permissions = 0o777): RegularFile {
    const home = new MemoryDirectory(this.#memory, undefined, '', { frames: this.#options.frames });
    const file = home.newFile(name, { type: FileType.REGULAR, permissions, uid: 0, gid: 0 });
    file.nlink = 0;
    return file;
  }

  /** Mounts what `make` returns at an absolute path, whose parents are made in memory if they are missing. */
  mount(at: string, make: (parent: Directory, name: string) => Directory): Directory {
    const parts = at.split('/').filter((part) => part !== '');
    const name = parts.pop();
    if (name === undefined || parts.includes('..'))
      throw new MountError('files.mount', `cannot mount at "${at}"`, { hint: 'give an absolute path other than /' });
    const parent = this.#directoryAt(`/${parts.join('/')}`, 0o755);
    const directory = make(parent, name);
    parent.mounts.set(name, directory);
    this.mounted.push({ at, fileSystem: directory.fileSystem });
    return directory;
  }

  context(): FsContext {
    return new FsContext(this.root);
  }

  /** Writes a file into the tree before or between runs, making its directories; on a disk it is safe at once. */
  putFile(path: string, bytes: Uint8Array, permissions = 0o644): void {
    const parts = path.split('/').filter((part) => part !== '');
    const name = parts.pop();
    if (name === undefined) throw new MountError('files.path', `"${path}" names no file`);
    const directory = this.#directoryAt(`/${parts.join('/')}`, 0o755);
    let inode = directory.mounts.get(name) ?? this.#plainLookup(directory, name);
    if (inode === undefined) {
      const made = directory.create(name, { type: FileType.REGULAR, permissions, uid: 0, gid: 0 });
      if (typeof made === 'number')
        throw new MountError('files.write', `cannot make ${path} in the guest`, { facts: { errno: -made } });
      inode = made;
    }
    if (!(inode instanceof RegularFile)) throw new MountError('files.write', `${path} is not a regular file`);
    inode.content.truncate(0);
    inode.content.write(0, bytes);
    inode.permissions = permissions;
    inode.content.flush();
    for (let at = directory; ; at = at.parent) {
      at.fileSystem.storage?.names.sync(at);
      if (at.parent === at) break;
    }
  }

  /** Content of a file as it is now; undefined if there is none. */
  fileBytes(path: string): Uint8Array | undefined {
    let at: Inode | undefined = this.root;
    for (const part of path.split('/').filter((name) => name !== '')) {
      if (!(at instanceof Directory)) return undefined;
      at = at.mounts.get(part) ?? this.#plainLookup(at, part);
    }
    if (!(at instanceof RegularFile)) return undefined;
    const bytes = new Uint8Array(at.size);
    return bytes.subarray(0, Math.max(0, at.content.read(0, bytes)));
  }

  /** sync(2). */
  sync(): void {
    this.#storage?.sync();
    this.close();
  }

  /** The disk as it is when power fails now: all that was synced, and of the rest what `draw` says. Nothing may use these files afterwards. */
  crash(draw: Draw): DiskImage {
    const storage = this.#storage;
    if (storage === undefined) {
      throw new MountError('files.no-disk', 'this machine has no disk that could outlive it', {
        hint: 'make it with the option disk, such as Machine.create({ disk: {}, … })',
      });
    }
    storage.loseUnsynced(draw);
    return imageOf(storage, this.root);
  }

  /** The disk as it is after a shutdown: everything synced. */
  diskImage(): DiskImage {
    this.#storage?.sync();
    return this.crash(() => 0);
  }

  /** At the end of a run: what guests wrote to shared mappings of read-write folders reaches the host. */
  close(): void {
    for (const directory of this.#hostTops) directory.settle();
  }

  #hostRoot(mount: HostMount, parent: Directory | undefined, name: string): Directory {
    const { folders, mode } = mount;
    for (const folder of folders) {
      const stat = lstatSync(folder, { throwIfNoEntry: false });
      if (stat === undefined || !(stat.isDirectory() || stat.isSymbolicLink())) {
        throw new MountError('files.no-folder', `there is no folder ${folder} to show in the guest at ${mount.at}`, {
          facts: { folder, at: mount.at },
          hint: 'give an existing folder',
        });
      }
    }
    const { frames } = this.#options;
    if (mode !== 'read-write') {
      return new MemoryDirectory(this.fileSystem('overlay', mode === 'read-only'), parent, name, { frames, folders });
    }
    const [path, second] = folders;
    if (path === undefined || second !== undefined) {
      throw new MountError('files.mount', `a read-write mount takes exactly one host folder`, {
        facts: { at: mount.at },
      });
    }
    const directory = new HostDirectory(this.fileSystem('host'), parent, name, { path, frames });
    this.#hostTops.push(directory);
    return directory;
  }

  /** Lookup without a caller, for trees that answer everybody alike. */
  #plainLookup(directory: Directory, name: string): Inode | undefined {
    if (directory instanceof MemoryDirectory || directory instanceof HostDirectory) return directory.lookup(name);
    return undefined;
  }

  /** The directory at an absolute path without links, made where it is missing: in place, or as a mount over a folder of the host. */
  #directoryAt(path: string, permissions: number): Directory {
    let at = this.root;
    for (const name of path.split('/').filter((part) => part !== '')) {
      const found = at.mounts.get(name) ?? this.#plainLookup(at, name);
      if (found instanceof Directory) at = found;
      else if (found === undefined && at instanceof MemoryDirectory) {
        at = at.create(name, { type: FileType.DIRECTORY, permissions, uid: 0, gid: 0 }) as Directory;
      } else {
        const made = this.memoryDirectory(at, name, permissions);
        at.mounts.set(name, made);
        at = made;
      }
    }
    return at;
  }

  #defaultFile(path: string, text: string): void {
    const slash = path.lastIndexOf('/');
    const directory = this.#directoryAt(path.slice(0, slash), 0o755);
    const name = path.slice(slash + 1);
    if (!(directory instanceof MemoryDirectory) || directory.lookup(name) !== undefined) return;
    const file = directory.create(name, { type: FileType.REGULAR, permissions: 0o644, uid: 0, gid: 0 });
    if (file instanceof RegularFile) file.content.write(0, Buffer.from(text));
  }
}
