import { Errno } from '../../errno.ts';
import { OpenRegularFile } from '../files/inode-file.ts';
import type { OpenFile } from '../files/open-file.ts';
import { OpenFlag } from '../files/open-flags.ts';
import type { Blocking, SyscallTopic } from '../syscall.ts';
import type { Thread } from '../thread.ts';
import { fileOf, MAX_TRANSFER } from './arguments.ts';
import { chargeTransfer, retrying, scratchBytes } from './transfer.ts';

/** Copies inside the kernel; offsets are guest pointers or 0 for the file's own position. */
function copyBetween(
  thread: Thread,
  from: OpenFile,
  fromVa: number,
  to: OpenFile,
  toVa: number,
  count: number,
): number | Blocking {
  const { memory } = thread;
  let fromAt = fromVa === 0 ? undefined : memory.word(fromVa);
  let toAt = toVa === 0 ? undefined : memory.word(toVa);
  if ((fromAt !== undefined && (fromAt < 0 || !from.seekable)) || (toAt !== undefined && toAt < 0))
    return -Errno.EINVAL;
  let done = 0;
  const finish = () => {
    if (fromAt !== undefined) memory.setWord(fromVa, fromAt);
    if (toAt !== undefined) memory.setWord(toVa, toAt);
    return done;
  };
  const attempt = (): number => {
    while (done < count) {
      const now = thread.now();
      const buffer = scratchBytes(count - done);
      const got = from.read(buffer, now, fromAt ?? (from.seekable ? from.offset : undefined));
      if (got <= 0) return done > 0 || got === 0 ? finish() : got;
      const put = to.write(buffer.subarray(0, got), now, toAt);
      if (put < 0) return put === -Errno.EAGAIN ? put : done > 0 ? finish() : put;
      chargeTransfer(thread, 2 * put, to.writeCost(thread.kernel.costs.costs));
      if (fromAt !== undefined) fromAt += put;
      else if (from.seekable) from.offset += put;
      if (toAt !== undefined) toAt += put;
      done += put;
    }
    return finish();
  };
  const result = attempt();
  if (result !== -Errno.EAGAIN) return result;
  if (done > 0) return finish();
  return retrying(thread, to, attempt, { what: 'sendfile', wait: !to.nonBlocking });
}

function sendFile(thread: Thread, toFd: number, fromFd: number, offsetVa: number, count: number): number | Blocking {
  const from = fileOf(thread, fromFd);
  const to = fileOf(thread, toFd);
  if (from === undefined || to === undefined || !from.readable || !to.writable) return -Errno.EBADF;
  if (!from.seekable) return -Errno.EINVAL;
  return copyBetween(thread, from, offsetVa, to, 0, Math.min(count, MAX_TRANSFER));
}

function copyFileRange(
  thread: Thread,
  fromFd: number,
  fromVa: number,
  toFd: number,
  toVa: number,
  count: number,
  flags = 0,
): number | Blocking {
  const from = fileOf(thread, fromFd);
  const to = fileOf(thread, toFd);
  if (from === undefined || to === undefined || !from.readable || !to.writable) return -Errno.EBADF;
  if (flags !== 0 || !(from instanceof OpenRegularFile) || !(to instanceof OpenRegularFile)) return -Errno.EINVAL;
  if (to.flags & OpenFlag.APPEND) return -Errno.EBADF;
  return copyBetween(thread, from, fromVa, to, toVa, Math.min(count, MAX_TRANSFER));
}

/** Moving bytes from file to file. */
export const copyingSyscalls: SyscallTopic = {
  sendfile: { handler: sendFile, note: 'complete' },
  copy_file_range: { handler: copyFileRange, note: 'complete' },
};
