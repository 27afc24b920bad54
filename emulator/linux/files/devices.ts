import { Errno } from '../../errno.ts';
import type { Thread } from '../thread.ts';
import { anonymousStat } from './anonymous-stat.ts';
import { type Content, PagedContent } from './content.ts';
import { OpenFile } from './open-file.ts';
import { SpecialFile } from './special-file.ts';
import { type FileStat, FileType, makeDevice } from './stat.ts';
import { MagicLink } from './symlink.ts';
import type { DeviceOpener, Vfs } from './vfs.ts';

interface Behaviour {
  readonly read: (into: Uint8Array, caller: Thread) => number;
  readonly write: (from: Uint8Array) => number;
  /** Can be mapped: reads as zeros. */
  readonly zeros?: boolean;
}

/** An open character device that never makes anybody wait. */
class DeviceFile extends OpenFile {
  readonly #behaviour: Behaviour;
  readonly #caller: Thread;
  readonly #rdev: number;

  constructor(behaviour: Behaviour, rdev: number, caller: Thread, flags: number, path: string) {
    super(flags, path);
    this.#behaviour = behaviour;
    this.#rdev = rdev;
    this.#caller = caller;
  }

  override get seekable(): boolean {
    return true;
  }

  override seek(): number {
    return 0;
  }

  override read(into: Uint8Array): number {
    return this.#behaviour.read(into, this.#caller);
  }

  override write(from: Uint8Array): number {
    return this.#behaviour.write(from);
  }

  override get mappable(): Content | undefined {
    if (!this.#behaviour.zeros) return undefined;
    const content = new PagedContent('/dev/zero', { pagesUsed: 0, pageLimit: 2 ** 20 }, this.#caller.kernel.physical);
    content.truncate(2 ** 40);
    return content;
  }

  override stat(): FileStat {
    return anonymousStat(FileType.CHARACTER | 0o666, this.#rdev, this.#rdev);
  }
}

const zeros = (into: Uint8Array): number => {
  into.fill(0);
  return into.length;
};
const accept = (from: Uint8Array): number => from.length;
const random: Behaviour = {
  read: (into, caller) => {
    into.set(caller.kernel.random.bytes(into.length));
    return into.length;
  },
  write: accept,
};

/** Numbers as in Documentation/admin-guide/devices.txt. */
const DEVICES: readonly { readonly name: string; readonly minor: number; readonly behaviour: Behaviour }[] = [
  { name: 'null', minor: 3, behaviour: { read: () => 0, write: accept } },
  { name: 'zero', minor: 5, behaviour: { read: zeros, write: accept, zeros: true } },
  { name: 'full', minor: 7, behaviour: { read: zeros, write: () => -Errno.ENOSPC } },
  { name: 'random', minor: 8, behaviour: random },
  { name: 'urandom', minor: 9, behaviour: random },
];
const MEMORY_MAJOR = 1;
const TTY = makeDevice(5, 0);

/** Mounts /dev: the memory devices, the standard streams' names, and /dev/shm. There is no terminal: /dev/tty says ENXIO. */
export function mountDevices(vfs: Vfs): void {
  vfs.mount('/dev', (parent, name) => {
    const directory = vfs.memoryDirectory(parent, name);
    const { fileSystem } = directory;
    for (const device of DEVICES) {
      const rdev = makeDevice(MEMORY_MAJOR, device.minor);
      const open: DeviceOpener = (caller, flags, path) => new DeviceFile(device.behaviour, rdev, caller, flags, path);
      vfs.devices.set(rdev, open);
      directory.add(device.name, new SpecialFile(fileSystem, FileType.CHARACTER, 0o666, { rdev }));
    }
    directory.add('tty', new SpecialFile(fileSystem, FileType.CHARACTER, 0o666, { rdev: TTY }));
    directory.add('fd', new MagicLink(fileSystem, () => '/proc/self/fd'));
    ['stdin', 'stdout', 'stderr'].forEach((stream, fd) => {
      directory.add(stream, new MagicLink(fileSystem, () => `/proc/self/fd/${fd}`));
    });
    return directory;
  });
  vfs.mount('/dev/shm', (parent, name) => vfs.memoryDirectory(parent, name, 0o1777));
}
