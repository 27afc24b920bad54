import { Errno } from '../../errno.ts';
import { OpenFlag } from '../files/open-flags.ts';
import { SpecialFile } from '../files/special-file.ts';
import { FileType } from '../files/stat.ts';
import { AT_FDCWD } from '../files/vfs.ts';
import {
  decodeAddress,
  encodeAddress,
  Family,
  type InetAddress,
  SOCKADDR_MAX,
  type SocketAddress,
} from '../net/addresses.ts';
import { DatagramSocket } from '../net/datagram-socket.ts';
import { Socket, SocketType } from '../net/socket.ts';
import { StreamSocket } from '../net/stream-socket.ts';
import { type Blocking, block, type SyscallTopic } from '../syscall.ts';
import type { Thread } from '../thread.ts';
import { fileOf, int } from './arguments.ts';
import { retrying, waitAndRetry } from './transfer.ts';

/** SOCK_NONBLOCK and SOCK_CLOEXEC are open(2)'s flags, of the same value on both ISAs. */
const SOCKET_FLAGS = OpenFlag.NONBLOCK | OpenFlag.CLOEXEC;
const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;

/** The socket behind a descriptor argument, or a negated errno. */
export function socketOf(thread: Thread, fd: number): Socket | number {
  const file = fileOf(thread, fd);
  if (file === undefined) return -Errno.EBADF;
  return file instanceof Socket ? file : -Errno.ENOTSOCK;
}

function install(thread: Thread, socket: Socket, flags: number): number {
  const fd = thread.process.files.install(socket, { closeOnExec: (flags & OpenFlag.CLOEXEC) !== 0 });
  if (fd < 0) socket.retain().release(thread.now());
  return fd;
}

function create(thread: Thread, family: number, typeAndFlags: number, protocol: number): number {
  const type = typeAndFlags & SocketType.MASK;
  const flags = typeAndFlags & ~SocketType.MASK;
  if (flags & ~SOCKET_FLAGS) return -Errno.EINVAL;
  const fitting = type === SocketType.STREAM ? IPPROTO_TCP : IPPROTO_UDP;
  if (family !== Family.UNIX && protocol !== 0 && protocol !== fitting) return -Errno.EPROTONOSUPPORT;
  const socket = thread.kernel.network.socket(family, type, (flags & OpenFlag.NONBLOCK) !== 0);
  return typeof socket === 'number' ? socket : install(thread, socket, flags);
}

function pair(thread: Thread, family: number, typeAndFlags: number, _protocol: number, va: number): number {
  const flags = typeAndFlags & ~SocketType.MASK;
  if (flags & ~SOCKET_FLAGS) return -Errno.EINVAL;
  if (family !== Family.UNIX) {
    return family === Family.INET || family === Family.INET6 ? -Errno.EOPNOTSUPP : -Errno.EAFNOSUPPORT;
  }
  thread.memory.ensureWritable(va, 8);
  const made = thread.kernel.network.pair(typeAndFlags & SocketType.MASK, (flags & OpenFlag.NONBLOCK) !== 0);
  if (typeof made === 'number') return made;
  const first = install(thread, made[0], flags);
  if (first < 0) return first;
  const second = install(thread, made[1], flags);
  if (second < 0) {
    thread.process.files.close(first, thread.now());
    return second;
  }
  thread.memory.setI32(va, first);
  thread.memory.setI32(va + 4, second);
  return 0;
}

/** Reads a `struct sockaddr` of `length` bytes. */
export function addressAt(thread: Thread, va: number, length: number): SocketAddress | number {
  const bytes = int(length);
  if (bytes < 0 || bytes > SOCKADDR_MAX) return -Errno.EINVAL;
  return decodeAddress(thread.memory.read(va, bytes));
}

/** Writes an address and its length, cut to the room that the caller has (`lengthVa` is a value-result argument). */
export function writeAddress(thread: Thread, address: SocketAddress, va: number, lengthVa: number): number {
  const { memory } = thread;
  const room = memory.i32(lengthVa);
  if (room < 0) return -Errno.EINVAL;
  const bytes = encodeAddress(address);
  memory.write(va, bytes.subarray(0, room));
  memory.setU32(lengthVa, bytes.length);
  return 0;
}

/** The address as the socket's family takes it: an IPv4 address on an IPv6 socket is refused, as Linux does. */
function inetFor(socket: Socket, address: SocketAddress): InetAddress | number {
  if (address.family === Family.UNIX) return -Errno.EAFNOSUPPORT;
  if (address.family !== socket.family) return socket.family === Family.INET6 ? -Errno.EINVAL : -Errno.EAFNOSUPPORT;
  return address;
}

function bind(thread: Thread, fd: number, va: number, length: number): number {
  const socket = socketOf(thread, fd);
  if (typeof socket === 'number') return socket;
  const address = addressAt(thread, va, length);
  if (typeof address === 'number') return address;
  const { network, files } = thread.kernel;
  if (socket.family !== Family.UNIX) {
    const inet = inetFor(socket, address);
    return typeof inet === 'number' ? inet : network.bindInet(socket, inet);
  }
  if (address.family !== Family.UNIX) return -Errno.EINVAL;
  if (socket.bound) return -Errno.EINVAL;
  const { path } = address;
  if (path === '') return network.bindName(socket, `\0${socket.ino.toString(16).padStart(5, '0')}`, '');
  if (path.startsWith('\0')) return network.bindName(socket, path, path);
  const place = files.resolve(thread, AT_FDCWD, path, false);
  if (typeof place === 'number') return place;
  const node = files.make(thread, place, FileType.SOCKET, 0o777);
  if (typeof node === 'number') return node === -Errno.EEXIST ? -Errno.EADDRINUSE : node;
  if (node instanceof SpecialFile) node.attached = socket;
  return network.bindName(socket, files.pathOf(thread, place), path);
}

function listen(thread: Thread, fd: number, backlog: number): number {
  const socket = socketOf(thread, fd);
  return typeof socket === 'number' ? socket : thread.kernel.network.listen(socket, int(backlog), thread.now());
}

function accept(thread: Thread, fd: number, va: number, lengthVa: number, flags: number): number | Blocking {
  const socket = socketOf(thread, fd);
  if (typeof socket === 'number') return socket;
  if (flags & ~SOCKET_FLAGS) return -Errno.EINVAL;
  if (!(socket instanceof StreamSocket)) return -Errno.EOPNOTSUPP;
  const attempt = (): number => {
    const { listener } = socket;
    if (listener === undefined) return -Errno.EINVAL;
    const accepted = listener.accept(thread.now());
    if (accepted === undefined) return socket.state === 'listening' ? -Errno.EAGAIN : -Errno.EINVAL;
    if (flags & OpenFlag.NONBLOCK) accepted.flags |= OpenFlag.NONBLOCK;
    const accepting = install(thread, accepted, flags);
    if (accepting < 0) return accepting;
    const { costs } = thread.kernel.costs;
    thread.charge(socket.family === Family.UNIX ? costs.localMessage : costs.netConnect);
    if (va !== 0) {
      const result = writeAddress(thread, accepted.peer ?? accepted.unnamed(), va, lengthVa);
      if (result !== 0) {
        thread.process.files.close(accepting, thread.now());
        return result;
      }
    }
    return accepting;
  };
  const wait = !socket.nonBlocking;
  return retrying(thread, socket, attempt, { what: 'accept', wait, timeout: socket.receiveTimeout });
}

function connect(thread: Thread, fd: number, va: number, length: number): number | Blocking {
  const socket = socketOf(thread, fd);
  if (typeof socket === 'number') return socket;
  if (int(length) >= 2 && thread.memory.u16(va) === Family.UNSPEC) return disconnect(socket);
  const address = addressAt(thread, va, length);
  if (typeof address === 'number') return address;
  if (socket instanceof DatagramSocket) return connectDatagram(thread, socket, address);
  if (!(socket instanceof StreamSocket)) return -Errno.EOPNOTSUPP;
  switch (socket.state) {
    case 'connected':
      return -Errno.EISCONN;
    case 'connecting':
      return -Errno.EALREADY;
    case 'listening':
      return socket.family === Family.UNIX ? -Errno.EINVAL : -Errno.EISCONN;
  }
  if (socket.attemptFailed) return -socket.takeFailure();
  if (socket.family === Family.UNIX) return connectUnix(thread, socket, address);
  const inet = inetFor(socket, address);
  if (typeof inet === 'number') return inet;
  thread.charge(thread.kernel.costs.costs.netConnect);
  const begun = thread.kernel.network.connectInet(socket, inet, thread.now());
  if (begun !== 0) return begun;
  if (socket.nonBlocking) return -Errno.EINPROGRESS;
  return untilConnected(thread, socket);
}

function disconnect(socket: Socket): number {
  if (!(socket instanceof DatagramSocket)) return -Errno.EAFNOSUPPORT;
  socket.peer = undefined;
  socket.partner = undefined;
  return 0;
}

function* untilConnected(thread: Thread, socket: StreamSocket): Blocking {
  const deadline = socket.sendTimeout > 0 ? thread.now() + socket.sendTimeout : undefined;
  socket.retain();
  try {
    for (;;) {
      const reason = yield* block({ queues: [socket.queue], deadline, what: 'connect' });
      if (socket.state === 'connected') return 0;
      if (socket.attemptFailed) return -socket.takeFailure();
      if (reason === 'signal') return -Errno.EINTR; // the attempt goes on, and cannot be made again
      if (reason === 'timeout') return -Errno.EINPROGRESS;
    }
  } finally {
    socket.release(thread.now());
  }
}

/** The socket that a UNIX address names, or a negated errno. */
function unixTarget(thread: Thread, address: SocketAddress): Socket | number {
  if (address.family !== Family.UNIX || address.path === '') return -Errno.EINVAL;
  const { network, files } = thread.kernel;
  if (address.path.startsWith('\0')) return network.named(address.path) ?? -Errno.ECONNREFUSED;
  const found = files.find(thread, AT_FDCWD, address.path);
  if (typeof found === 'number') return found;
  const target = found instanceof SpecialFile ? found.attached : undefined;
  return target instanceof Socket && target.open ? target : -Errno.ECONNREFUSED;
}

function connectUnix(thread: Thread, socket: StreamSocket, address: SocketAddress): number | Blocking {
  const attempt = (): number => {
    const target = unixTarget(thread, address);
    return typeof target === 'number' ? target : thread.kernel.network.connectUnix(socket, target, thread.now());
  };
  const result = attempt();
  if (result === 0) thread.charge(thread.kernel.costs.costs.localMessage);
  if (result !== -Errno.EAGAIN || socket.nonBlocking) return result;
  const target = unixTarget(thread, address);
  return typeof target === 'number' ? target : waitAndRetry(thread, target, attempt, 'connect to', socket.sendTimeout);
}

function connectDatagram(thread: Thread, socket: DatagramSocket, address: SocketAddress): number {
  if (socket.family === Family.UNIX) {
    const target = unixTarget(thread, address);
    if (typeof target === 'number') return target;
    if (!(target instanceof DatagramSocket)) return -Errno.EPROTOTYPE;
    socket.partner = target;
    socket.peer = address;
    return 0;
  }
  const inet = inetFor(socket, address);
  if (typeof inet === 'number') return inet;
  return thread.kernel.network.connectDatagram(socket, inet);
}

function socketName(thread: Thread, fd: number, va: number, lengthVa: number): number {
  const socket = socketOf(thread, fd);
  return typeof socket === 'number' ? socket : writeAddress(thread, socket.local, va, lengthVa);
}

function peerName(thread: Thread, fd: number, va: number, lengthVa: number): number {
  const socket = socketOf(thread, fd);
  if (typeof socket === 'number') return socket;
  const connected = socket instanceof StreamSocket ? socket.state === 'connected' : socket.peer !== undefined;
  if (!connected || socket.peer === undefined) return -Errno.ENOTCONN;
  return writeAddress(thread, socket.peer, va, lengthVa);
}

function shutdown(thread: Thread, fd: number, how: number): number {
  const socket = socketOf(thread, fd);
  if (typeof socket === 'number') return socket;
  if (how < 0 || how > 2) return -Errno.EINVAL;
  return socket.shutdown(how !== 1, how !== 0, thread.now());
}

/** Making, naming and connecting sockets. Bytes move in messages.ts, options are in socket-options.ts. */
export const socketSyscalls: SyscallTopic = {
  socket: {
    handler: create,
    note: 'TCP and UDP over IPv4 and IPv6 on the loopback interface, UNIX stream and datagram',
  },
  socketpair: { handler: pair, note: 'UNIX stream and datagram' },
  bind: { handler: bind, note: 'loopback and wildcard addresses, paths, abstract names' },
  listen: { handler: listen, note: 'attempts beyond the backlog wait' },
  accept: { handler: (thread, fd, va, lengthVa) => accept(thread, fd, va, lengthVa, 0), note: 'complete' },
  accept4: { handler: accept, note: 'complete' },
  connect: { handler: connect, note: 'other machines: ENETUNREACH' },
  getsockname: { handler: socketName, note: 'complete' },
  getpeername: { handler: peerName, note: 'complete' },
  shutdown: { handler: shutdown, note: 'complete' },
};
