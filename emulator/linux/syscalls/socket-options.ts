import { Errno } from '../../errno.ts';
import { Family } from '../net/addresses.ts';
import { type Socket, SocketType } from '../net/socket.ts';
import { StreamSocket } from '../net/stream-socket.ts';
import type { SyscallTopic } from '../syscall.ts';
import type { Thread } from '../thread.ts';
import { int } from './arguments.ts';
import { socketOf } from './sockets.ts';

const Level = { IP: 0, SOCKET: 1, TCP: 6, UDP: 17, IPV6: 41 } as const;

/** SO_* of asm-generic/socket.h. */
const Option = {
  DEBUG: 1,
  REUSEADDR: 2,
  TYPE: 3,
  ERROR: 4,
  DONTROUTE: 5,
  BROADCAST: 6,
  SNDBUF: 7,
  RCVBUF: 8,
  KEEPALIVE: 9,
  OOBINLINE: 10,
  PRIORITY: 12,
  LINGER: 13,
  REUSEPORT: 15,
  PASSCRED: 16,
  PEERCRED: 17,
  RCVLOWAT: 18,
  RCVTIMEO: 20,
  SNDTIMEO: 21,
  TIMESTAMP: 29,
  ACCEPTCONN: 30,
  SNDBUFFORCE: 32,
  RCVBUFFORCE: 33,
  PROTOCOL: 38,
  DOMAIN: 39,
  BUSY_POLL: 46,
  INCOMING_CPU: 49,
  INCOMING_NAPI_ID: 56,
} as const;
const IPV6_V6ONLY = 26;
const TCP_INFO = 11;
const TCP_LAST = 40;
const MIN_BUFFER = 2304;
const MAX_BUFFER = 425_984;

/** Options that programs set for speed or form, with the value that Linux reports when they were never set. */
const REMEMBERED: ReadonlyMap<number, number> = new Map([
  [Option.DEBUG, 0],
  [Option.DONTROUTE, 0],
  [Option.BROADCAST, 0],
  [Option.KEEPALIVE, 0],
  [Option.OOBINLINE, 0],
  [Option.PRIORITY, 0],
  [Option.PASSCRED, 0],
  [Option.RCVLOWAT, 1],
  [Option.TIMESTAMP, 0],
  [Option.BUSY_POLL, 0],
]);

const bytesOf = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return bytes;
};

/** Linux doubles what is asked for, for its own overhead, and reports the doubled value (socket(7)). */
const bufferSize = (asked: number): number => Math.min(MAX_BUFFER, Math.max(MIN_BUFFER, asked * 2));

const key = (level: number, name: number): number => (level << 16) | name;

function set(thread: Thread, fd: number, level: number, name: number, va: number, length: number): number {
  const socket = socketOf(thread, fd);
  if (typeof socket === 'number') return socket;
  const { memory } = thread;
  const size = int(length);
  if (size < 0) return -Errno.EINVAL;
  if (level === Level.SOCKET) return setOnSocket(thread, socket, name, va, size);
  if (level === Level.IPV6 && socket.family === Family.INET6 && name === IPV6_V6ONLY) {
    if (size < 4 || socket.bound) return -Errno.EINVAL;
    socket.onlyIpv6 = memory.i32(va) !== 0;
    return 0;
  }
  if (!knows(socket, level, name)) return -Errno.ENOPROTOOPT;
  if (level === Level.TCP && size < 4) return -Errno.EINVAL;
  socket.remembered.set(key(level, name), memory.read(va, Math.min(size, 64)));
  return 0;
}

/** Whether a level's options make sense on the socket; those are kept and change nothing here. */
function knows(socket: Socket, level: number, name: number): boolean {
  switch (level) {
    case Level.TCP:
      return socket.family !== Family.UNIX && socket.type === SocketType.STREAM && name > 0 && name <= TCP_LAST;
    case Level.UDP:
      return socket.family !== Family.UNIX && socket.type === SocketType.DGRAM;
    case Level.IP:
      return socket.family !== Family.UNIX;
    case Level.IPV6:
      return socket.family === Family.INET6;
    default:
      return false;
  }
}

function setOnSocket(thread: Thread, socket: Socket, name: number, va: number, size: number): number {
  const { memory } = thread;
  if (name === Option.RCVTIMEO || name === Option.SNDTIMEO) {
    if (size < 16) return -Errno.EINVAL;
    const microseconds = memory.word(va + 8);
    if (microseconds < 0 || microseconds >= 1e6) return -Errno.EDOM;
    const timeout = Math.max(0, memory.word(va) * 1e9 + microseconds * 1000);
    if (name === Option.RCVTIMEO) socket.receiveTimeout = timeout;
    else socket.sendTimeout = timeout;
    return 0;
  }
  if (name === Option.LINGER) {
    if (size < 8) return -Errno.EINVAL;
    socket.remembered.set(key(Level.SOCKET, name), memory.read(va, 8));
    if (socket instanceof StreamSocket) socket.resetOnClose = memory.i32(va) !== 0 && memory.i32(va + 4) === 0;
    return 0;
  }
  if (size < 4) return -Errno.EINVAL;
  const value = memory.i32(va);
  switch (name) {
    case Option.REUSEADDR:
      socket.reuseAddress = value !== 0;
      return 0;
    case Option.REUSEPORT:
      socket.reusePort = value !== 0;
      return 0;
    case Option.SNDBUF:
    case Option.SNDBUFFORCE:
      socket.sendBuffer = bufferSize(value);
      return 0;
    case Option.RCVBUF:
    case Option.RCVBUFFORCE:
      socket.receiveBuffer = bufferSize(value);
      return 0;
  }
  if (!REMEMBERED.has(name)) return -Errno.ENOPROTOOPT;
  socket.remembered.set(key(Level.SOCKET, name), bytesOf(value));
  return 0;
}

/** The value of an option, or a negated errno. */
function optionValue(thread: Thread, socket: Socket, level: number, name: number): Uint8Array | number {
  const kept = socket.remembered.get(key(level, name));
  if (level !== Level.SOCKET) {
    if (level === Level.IPV6 && name === IPV6_V6ONLY && socket.family === Family.INET6)
      return bytesOf(socket.onlyIpv6 ? 1 : 0);
    if (level === Level.TCP && name === TCP_INFO) return -Errno.EOPNOTSUPP;
    if (!knows(socket, level, name))
      return level === Level.TCP || level === Level.IPV6 ? -Errno.EOPNOTSUPP : -Errno.ENOPROTOOPT;
    return kept ?? bytesOf(0);
  }
  switch (name) {
    case Option.TYPE:
      return bytesOf(socket.type);
    case Option.DOMAIN:
      return bytesOf(socket.family);
    case Option.PROTOCOL:
      return bytesOf(socket.family === Family.UNIX ? 0 : socket.type === SocketType.STREAM ? Level.TCP : Level.UDP);
    case Option.ERROR:
      return bytesOf(socket.takeError());
    case Option.ACCEPTCONN:
      return bytesOf(socket instanceof StreamSocket && socket.state === 'listening' ? 1 : 0);
    case Option.REUSEADDR:
      return bytesOf(socket.reuseAddress ? 1 : 0);
    case Option.REUSEPORT:
      return bytesOf(socket.reusePort ? 1 : 0);
    case Option.SNDBUF:
      return bytesOf(socket.sendBuffer);
    case Option.RCVBUF:
      return bytesOf(socket.receiveBuffer);
    case Option.LINGER:
      return kept ?? new Uint8Array(8);
    case Option.RCVTIMEO:
      return timeval(socket.receiveTimeout);
    case Option.SNDTIMEO:
      return timeval(socket.sendTimeout);
    case Option.PEERCRED: {
      const { pid, credentials } = thread.process;
      const bytes = new Uint8Array(12);
      const view = new DataView(bytes.buffer);
      view.setInt32(0, pid, true);
      view.setUint32(4, credentials.euid, true);
      view.setUint32(8, credentials.egid, true);
      return socket.family === Family.UNIX ? bytes : -Errno.ENOPROTOOPT;
    }
    case Option.INCOMING_CPU:
    case Option.INCOMING_NAPI_ID:
      return bytesOf(0);
  }
  const standard = REMEMBERED.get(name);
  return standard === undefined ? -Errno.ENOPROTOOPT : (kept ?? bytesOf(standard));
}

function timeval(ns: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setBigInt64(0, BigInt(Math.floor(ns / 1e9)), true);
  view.setBigInt64(8, BigInt(Math.floor((ns % 1e9) / 1000)), true);
  return bytes;
}

function get(thread: Thread, fd: number, level: number, name: number, va: number, lengthVa: number): number {
  const socket = socketOf(thread, fd);
  if (typeof socket === 'number') return socket;
  const { memory } = thread;
  const room = memory.i32(lengthVa);
  if (room < 0) return -Errno.EINVAL;
  const value = optionValue(thread, socket, level, name);
  if (typeof value === 'number') return value;
  const told = value.subarray(0, room);
  memory.write(va, told);
  memory.setU32(lengthVa, told.length);
  return 0;
}

export const socketOptionSyscalls: SyscallTopic = {
  setsockopt: {
    handler: set,
    note: 'SO_REUSEADDR, SO_REUSEPORT, buffer sizes, timeouts, SO_LINGER with 0, IPV6_V6ONLY work; options of form are kept only',
  },
  getsockopt: { handler: get, note: 'see setsockopt; no TCP_INFO' },
};
