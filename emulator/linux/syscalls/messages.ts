import { Errno } from '../../errno.ts';
import type { SocketAddress } from '../net/addresses.ts';
import { Family } from '../net/addresses.ts';
import { DatagramSocket } from '../net/datagram-socket.ts';
import type { Socket } from '../net/socket.ts';
import { StreamSocket } from '../net/stream-socket.ts';
import type { Blocking, SyscallTopic } from '../syscall.ts';
import type { Thread } from '../thread.ts';
import {
  ensureWritable,
  gather,
  int,
  oneSegment,
  type Segment,
  scatter,
  segmentsAt,
  totalLength,
} from './arguments.ts';
import { addressAt, socketOf, writeAddress } from './sockets.ts';
import { chargeTransfer, retrying, scratchBytes, writeAll, writeOnce } from './transfer.ts';

/** include/linux/socket.h */
const Message = {
  OOB: 0x1,
  PEEK: 0x2,
  TRUNC: 0x20,
  DONTWAIT: 0x40,
  WAITALL: 0x100,
  NOSIGNAL: 0x4000,
  CMSG_CLOEXEC: 0x4000_0000,
} as const;

/** `struct msghdr`, the same on both ISAs. */
const Header = { name: 0, nameLength: 8, iov: 16, iovCount: 24, control: 32, controlLength: 40, flags: 48 } as const;
/** `struct mmsghdr`: a header and the length of what was moved. */
const MMSG_BYTES = 64;

function send(
  thread: Thread,
  socket: Socket,
  segments: readonly Segment[],
  flags: number,
  address: SocketAddress | undefined,
): number | Blocking {
  if (flags & Message.OOB) return -Errno.EOPNOTSUPP;
  const wait = !socket.nonBlocking && !(flags & Message.DONTWAIT);
  const quiet = (flags & Message.NOSIGNAL) !== 0;
  const timeout = socket.sendTimeout;
  const total = totalLength(segments);
  if (socket instanceof DatagramSocket) {
    const attempt = (): number => {
      const bytes = scratchBytes(total);
      if (bytes.length < total) return -Errno.EMSGSIZE;
      gather(thread.memory, segments, bytes);
      const count = socket.sendTo(bytes, address, thread.now());
      if (count >= 0) chargeTransfer(thread, count, socket.writeCost(thread.kernel.costs.costs));
      return count;
    };
    return writeAll(thread, socket, total, attempt, { wait, quiet, timeout, what: 'send' });
  }
  if (address !== undefined && socket.family === Family.UNIX) {
    return socket instanceof StreamSocket && socket.state === 'connected' ? -Errno.EISCONN : -Errno.EOPNOTSUPP;
  }
  const attempt = (skip: number) => writeOnce(thread, socket, segments, skip);
  return writeAll(thread, socket, total, attempt, { wait, quiet, timeout, what: 'send' });
}

interface Received {
  flags: number;
  from: SocketAddress | undefined;
}

function receive(
  thread: Thread,
  socket: Socket,
  segments: readonly Segment[],
  flags: number,
  received: Received,
): number | Blocking {
  if (flags & Message.OOB) return -Errno.EINVAL;
  const wait = !socket.nonBlocking && !(flags & Message.DONTWAIT);
  const peek = (flags & Message.PEEK) !== 0;
  const total = totalLength(segments);
  const { memory } = thread;
  const cost = () => socket.readCost(thread.kernel.costs.costs);
  if (socket instanceof DatagramSocket) {
    const attempt = (): number => {
      ensureWritable(memory, segments, Math.min(total, socket.available()));
      const bytes = scratchBytes(total);
      const got = socket.receiveFrom(bytes, thread.now(), peek);
      if (typeof got === 'number') return got;
      const count = Math.min(got.bytes.length, bytes.length);
      scatter(memory, segments, bytes.subarray(0, count));
      chargeTransfer(thread, count, cost());
      received.from = got.from;
      if (got.bytes.length > count) received.flags |= Message.TRUNC;
      return flags & Message.TRUNC ? got.bytes.length : count;
    };
    return retrying(thread, socket, attempt, { what: 'receive', wait, timeout: socket.receiveTimeout });
  }
  if (!(socket instanceof StreamSocket)) return -Errno.EOPNOTSUPP;
  let done = 0;
  const all = (flags & Message.WAITALL) !== 0 && !peek;
  const attempt = (): number => {
    for (;;) {
      const buffer = scratchBytes(total - done);
      ensureWritable(memory, segments, done + Math.min(buffer.length, socket.available()));
      const count = socket.receiveInto(buffer, thread.now(), peek);
      if (count < 0) return count === -Errno.EAGAIN && !(done > 0 && !all) ? count : done > 0 ? done : count;
      scatter(memory, segments, buffer.subarray(0, count), done);
      chargeTransfer(thread, count, cost());
      done += count;
      if (count === 0 || done >= total || !all) return done;
    }
  };
  const options = { what: 'receive', wait, timeout: socket.receiveTimeout };
  const result = retrying(thread, socket, attempt, options);
  if (typeof result === 'number') return result < 0 && done > 0 ? done : result;
  return all ? atLeast(result, () => done) : result;
}

/** A wait for everything that ended early reports what there is. */
function* atLeast(wait: Blocking, received: () => number): Blocking {
  const result = yield* wait;
  return result < 0 && received() > 0 ? received() : result;
}

/** Goes on with a result, at once or when the wait is over. */
function then(result: number | Blocking, finish: (value: number) => number): number | Blocking {
  if (typeof result === 'number') return finish(result);
  return (function* () {
    return finish(yield* result);
  })();
}

function sendTo(
  thread: Thread,
  fd: number,
  va: number,
  length: number,
  flags: number,
  nameVa: number,
  nameLength: number,
) {
  const socket = socketOf(thread, fd);
  if (typeof socket === 'number') return socket;
  const address = nameVa === 0 ? undefined : addressAt(thread, nameVa, nameLength);
  return typeof address === 'number' ? address : send(thread, socket, oneSegment(va, length), int(flags), address);
}

function receiveFrom(
  thread: Thread,
  fd: number,
  va: number,
  length: number,
  flags: number,
  nameVa: number,
  nameLengthVa: number,
) {
  const socket = socketOf(thread, fd);
  if (typeof socket === 'number') return socket;
  const received: Received = { flags: 0, from: undefined };
  const result = receive(thread, socket, oneSegment(va, length), int(flags), received);
  if (nameVa === 0) return result;
  return then(result, (count) => {
    if (count < 0) return count;
    if (received.from !== undefined) return writeAddress(thread, received.from, nameVa, nameLengthVa) || count;
    thread.memory.setU32(nameLengthVa, 0);
    return count;
  });
}

function sendMessage(thread: Thread, fd: number, va: number, flags: number): number | Blocking {
  const socket = socketOf(thread, fd);
  if (typeof socket === 'number') return socket;
  const { memory } = thread;
  const nameVa = memory.pointer(va + Header.name);
  const address = nameVa === 0 ? undefined : addressAt(thread, nameVa, memory.u32(va + Header.nameLength));
  if (typeof address === 'number') return address;
  const segments = segmentsAt(memory, memory.pointer(va + Header.iov), memory.word(va + Header.iovCount));
  if (typeof segments === 'number') return segments;
  // Descriptors and credentials in the control part are not implemented: better refused than lost.
  if (memory.word(va + Header.controlLength) > 0) return -Errno.EOPNOTSUPP;
  return send(thread, socket, segments, int(flags), address);
}

function receiveMessage(thread: Thread, fd: number, va: number, flags: number): number | Blocking {
  const socket = socketOf(thread, fd);
  if (typeof socket === 'number') return socket;
  const { memory } = thread;
  const segments = segmentsAt(memory, memory.pointer(va + Header.iov), memory.word(va + Header.iovCount));
  if (typeof segments === 'number') return segments;
  const received: Received = { flags: 0, from: undefined };
  return then(receive(thread, socket, segments, int(flags), received), (count) => {
    if (count < 0) return count;
    const nameVa = memory.pointer(va + Header.name);
    if (nameVa !== 0 && received.from !== undefined) {
      writeAddress(thread, received.from, nameVa, va + Header.nameLength);
    } else memory.setU32(va + Header.nameLength, 0);
    memory.setWord(va + Header.controlLength, 0);
    memory.setU32(va + Header.flags, received.flags | (int(flags) & Message.CMSG_CLOEXEC));
    return count;
  });
}

/** sendmmsg and recvmmsg: as many messages as go without waiting after the first. */
const many =
  (one: typeof sendMessage) =>
  (thread: Thread, fd: number, va: number, count: number, flags: number): number | Blocking => {
    const most = Math.min(count >>> 0, 1024);
    if (most === 0) return 0;
    const rest = (first: number): number => {
      if (first < 0) return first;
      thread.memory.setU32(va + 56, first);
      for (let index = 1; index < most; index++) {
        const at = va + index * MMSG_BYTES;
        const moved = one(thread, fd, at, int(flags) | Message.DONTWAIT);
        if (typeof moved !== 'number' || moved < 0) return index;
        thread.memory.setU32(at + 56, moved);
      }
      return most;
    };
    return then(one(thread, fd, va, flags), rest);
  };

/** Sending and receiving. */
export const messageSyscalls: SyscallTopic = {
  sendto: { handler: sendTo, note: 'no out-of-band data' },
  recvfrom: { handler: receiveFrom, note: 'no out-of-band data' },
  sendmsg: { handler: sendMessage, note: 'no control messages (SCM_RIGHTS): EOPNOTSUPP' },
  recvmsg: { handler: receiveMessage, note: 'no control messages' },
  sendmmsg: { handler: many(sendMessage), note: 'see sendmsg' },
  recvmmsg: { handler: many(receiveMessage), note: 'see recvmsg; the timeout is not looked at' },
};
