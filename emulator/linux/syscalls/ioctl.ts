import { Errno } from '../../errno.ts';
import { OpenFlag } from '../files/open-flags.ts';
import { Socket } from '../net/socket.ts';
import type { SyscallTopic } from '../syscall.ts';
import type { Thread } from '../thread.ts';
import { fileOf, int } from './arguments.ts';

/** asm-generic/ioctls.h and include/uapi/linux/sockios.h. */
const Request = {
  FIONREAD: 0x541b,
  TIOCOUTQ: 0x5411,
  FIONBIO: 0x5421,
  FIONCLEX: 0x5450,
  FIOCLEX: 0x5451,
  SIOCGIFCONF: 0x8912,
  SIOCGIFFLAGS: 0x8913,
  SIOCGIFADDR: 0x8915,
  SIOCGIFHWADDR: 0x8927,
  SIOCGIFINDEX: 0x8933,
} as const;

const INTERFACE = 'lo';
const IFNAMSIZ = 16;
const IFREQ_BYTES = 40;
const IFF_UP_LOOPBACK_RUNNING = 0x49;
const ARPHRD_LOOPBACK = 772;

/** Requests about network interfaces: there is one, lo (netdevice(7)). */
function interfaceRequest(thread: Thread, request: number, va: number): number {
  const { memory } = thread;
  if (request === Request.SIOCGIFCONF) {
    const room = memory.i32(va);
    const to = memory.pointer(va + 8);
    if (to !== 0 && room >= IFREQ_BYTES) {
      const entry = new Uint8Array(IFREQ_BYTES);
      entry.set(Buffer.from(INTERFACE));
      entry.set([2, 0, 0, 0, 127, 0, 0, 1], IFNAMSIZ);
      memory.write(to, entry);
    }
    memory.setI32(va, to === 0 || room >= IFREQ_BYTES ? IFREQ_BYTES : 0);
    return 0;
  }
  const name = Buffer.from(memory.read(va, IFNAMSIZ)).toString('latin1').split('\0')[0];
  if (name !== INTERFACE) return -Errno.ENODEV;
  const answer = new Uint8Array(16);
  const view = new DataView(answer.buffer);
  switch (request) {
    case Request.SIOCGIFFLAGS:
      view.setUint16(0, IFF_UP_LOOPBACK_RUNNING, true);
      break;
    case Request.SIOCGIFADDR:
      answer.set([2, 0, 0, 0, 127, 0, 0, 1]);
      break;
    case Request.SIOCGIFHWADDR:
      view.setUint16(0, ARPHRD_LOOPBACK, true);
      break;
    case Request.SIOCGIFINDEX:
      view.setUint32(0, 1, true);
      break;
    default:
      return -Errno.ENOTTY;
  }
  memory.write(va + IFNAMSIZ, answer);
  return 0;
}

function ioctl(thread: Thread, fd: number, request: number, argument: number): number {
  const file = fileOf(thread, fd);
  if (file === undefined) return -Errno.EBADF;
  const { memory, process } = thread;
  const code = request >>> 0;
  switch (code) {
    case Request.FIONBIO:
      file.flags = memory.i32(argument) === 0 ? file.flags & ~OpenFlag.NONBLOCK : file.flags | OpenFlag.NONBLOCK;
      return 0;
    case Request.FIOCLEX:
      process.files.setCloseOnExec(int(fd), true);
      return 0;
    case Request.FIONCLEX:
      process.files.setCloseOnExec(int(fd), false);
      return 0;
    case Request.FIONREAD: {
      const available = file.available();
      if (available === undefined) return -Errno.ENOTTY;
      memory.setI32(argument, available);
      return 0;
    }
  }
  if (!(file instanceof Socket)) return file.ioctl(thread, code, argument);
  if (code === Request.TIOCOUTQ) {
    memory.setI32(argument, file.unsent());
    return 0;
  }
  return code >>> 8 === 0x89 ? interfaceRequest(thread, code, argument) : file.ioctl(thread, code, argument);
}

export const ioctlSyscalls: SyscallTopic = {
  ioctl: {
    handler: ioctl,
    note: 'FIONBIO, FIOCLEX, FIONCLEX, FIONREAD, SIOCOUTQ, the interface lo; terminals: ENOTTY',
  },
};
