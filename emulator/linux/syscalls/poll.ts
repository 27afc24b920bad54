import { Errno } from '../../errno.ts';
import { readTimespec, readTimeval, writeTimespec, writeTimeval } from '../clock.ts';
import type { OpenFile } from '../files/open-file.ts';
import { ALWAYS_REPORTED, PollEvent } from '../files/poll-events.ts';
import { type Blocking, block, type SyscallTopic } from '../syscall.ts';
import type { Thread } from '../thread.ts';
import { fileOf, int } from './arguments.ts';
import { underMask } from './signal-mask.ts';

/** Repeats `look` until it finds something, `timeout` ns have passed (negative = for ever), or a signal comes. */
function waitForAny(
  thread: Thread,
  files: readonly OpenFile[],
  look: () => number,
  timeout: number,
  what: string,
): number | Blocking {
  const found = look();
  if (found !== 0 || timeout === 0) return found;
  return looking(thread, files, look, timeout < 0 ? undefined : thread.now() + timeout, what);
}

function* looking(
  thread: Thread,
  files: readonly OpenFile[],
  look: () => number,
  deadline: number | undefined,
  what: string,
): Blocking {
  for (const file of files) file.retain();
  try {
    const queues = files.map(({ queue }) => queue);
    for (;;) {
      const reason = yield* block({ queues, deadline, what });
      const found = look();
      if (found !== 0 || reason === 'timeout') return found;
      if (reason === 'signal') return -Errno.EINTR;
    }
  } finally {
    for (const file of files) file.release(thread.now());
  }
}

function poll(thread: Thread, va: number, count: number, timeout: number): number | Blocking {
  if (count < 0 || count > Math.max(1024, thread.process.files.limit)) return -Errno.EINVAL;
  const { memory } = thread;
  const entries: { file: OpenFile | undefined; fd: number; events: number; at: number }[] = [];
  const files = new Set<OpenFile>();
  for (let index = 0; index < count; index++) {
    const at = va + 8 * index;
    const fd = memory.i32(at);
    const file = fd < 0 ? undefined : fileOf(thread, fd);
    if (file !== undefined) files.add(file);
    entries.push({ file, fd, events: memory.u16(at + 4), at });
  }
  const look = (): number => {
    let ready = 0;
    for (const { file, fd, events, at } of entries) {
      let found = 0;
      if (file !== undefined) found = file.poll(thread.now()) & (events | ALWAYS_REPORTED);
      else if (fd >= 0) found = PollEvent.NVAL;
      memory.setU16(at + 6, found);
      if (found !== 0) ready++;
    }
    return ready;
  };
  return waitForAny(thread, [...files], look, timeout, 'poll');
}

/** Time left goes back to the caller, as Linux does for ppoll and pselect6, and select. */
function tellingTimeLeft(
  thread: Thread,
  timeout: number,
  write: (left: number) => void,
  call: () => number | Blocking,
): number | Blocking {
  const end = thread.now() + timeout;
  const tell = () => write(Math.max(0, end - thread.now()));
  const result = call();
  if (typeof result === 'number') {
    tell();
    return result;
  }
  return (function* () {
    const later = yield* result;
    tell();
    return later;
  })();
}

function ppoll(
  thread: Thread,
  va: number,
  count: number,
  timeoutVa: number,
  mask: number,
  bytes: number,
): number | Blocking {
  if (timeoutVa === 0) return underMask(thread, mask, bytes, () => poll(thread, va, count, -1));
  const timeout = readTimespec(thread.memory, timeoutVa);
  if (timeout < 0) return timeout;
  const write = (left: number) => writeTimespec(thread.memory, timeoutVa, left);
  return tellingTimeLeft(thread, timeout, write, () =>
    underMask(thread, mask, bytes, () => poll(thread, va, count, timeout)),
  );
}

/** What select(2)'s three sets mean in poll's terms (fs/select.c). */
const READ_SET = PollEvent.RDNORM | PollEvent.RDBAND | PollEvent.IN | PollEvent.HUP | PollEvent.ERR;
const WRITE_SET = PollEvent.WRBAND | PollEvent.WRNORM | PollEvent.OUT | PollEvent.ERR;
const EXCEPT_SET = PollEvent.PRI;
const FD_SETSIZE_MOST = 65536;

function select(
  thread: Thread,
  count: number,
  sets: readonly [number, number, number],
  timeout: number,
): number | Blocking {
  if (count < 0 || count > FD_SETSIZE_MOST) return -Errno.EINVAL;
  const { memory } = thread;
  const bytes = Math.ceil(count / 64) * 8;
  const masks = [READ_SET, WRITE_SET, EXCEPT_SET] as const;
  const wanted = sets.map((va) => (va === 0 ? undefined : memory.read(va, bytes)));
  const entries: { set: number; fd: number; file: OpenFile }[] = [];
  const files = new Set<OpenFile>();
  for (const [set, bits] of wanted.entries()) {
    if (bits === undefined) continue;
    for (let fd = 0; fd < count; fd++) {
      if (!(bits[fd >> 3]! & (1 << (fd & 7)))) continue;
      const file = fileOf(thread, fd);
      if (file === undefined) return -Errno.EBADF;
      files.add(file);
      entries.push({ set, fd, file });
    }
  }
  const write = (found: readonly Uint8Array[]) =>
    sets.forEach((va, set) => {
      if (va !== 0) memory.write(va, found[set]!);
    });
  const look = (): number => {
    const found = [new Uint8Array(bytes), new Uint8Array(bytes), new Uint8Array(bytes)];
    let ready = 0;
    for (const { set, fd, file } of entries) {
      if (!(file.poll(thread.now()) & masks[set]!)) continue;
      found[set]![fd >> 3]! |= 1 << (fd & 7);
      ready++;
    }
    if (ready > 0) write(found);
    return ready;
  };
  const empty = [new Uint8Array(bytes), new Uint8Array(bytes), new Uint8Array(bytes)];
  const result = waitForAny(thread, [...files], look, timeout, 'select');
  if (typeof result === 'number') {
    if (result === 0) write(empty);
    return result;
  }
  return (function* () {
    const later = yield* result;
    if (later === 0) write(empty);
    return later;
  })();
}

function selectTimeval(
  thread: Thread,
  count: number,
  reads: number,
  writes: number,
  excepts: number,
  timeoutVa: number,
) {
  const sets = [reads, writes, excepts] as const;
  if (timeoutVa === 0) return select(thread, int(count), sets, -1);
  const timeout = readTimeval(thread.memory, timeoutVa);
  if (timeout < 0) return timeout;
  const write = (left: number) => writeTimeval(thread.memory, timeoutVa, left);
  return tellingTimeLeft(thread, timeout, write, () => select(thread, int(count), sets, timeout));
}

/** The sixth argument points at the mask's address and size (select(2)). */
function pselect(
  thread: Thread,
  count: number,
  reads: number,
  writes: number,
  excepts: number,
  timeoutVa: number,
  packVa: number,
): number | Blocking {
  const { memory } = thread;
  const sets = [reads, writes, excepts] as const;
  const mask = packVa === 0 ? 0 : memory.pointer(packVa);
  const bytes = packVa === 0 ? 8 : memory.word(packVa + 8);
  if (timeoutVa === 0) return underMask(thread, mask, bytes, () => select(thread, int(count), sets, -1));
  const timeout = readTimespec(memory, timeoutVa);
  if (timeout < 0) return timeout;
  const write = (left: number) => writeTimespec(memory, timeoutVa, left);
  return tellingTimeLeft(thread, timeout, write, () =>
    underMask(thread, mask, bytes, () => select(thread, int(count), sets, timeout)),
  );
}

export const pollSyscalls: SyscallTopic = {
  poll: { handler: (thread, va, count, timeout) => poll(thread, va, count, int(timeout) * 1e6), note: 'complete' },
  ppoll: { handler: ppoll, note: 'complete' },
  select: { handler: selectTimeval, note: 'complete' },
  pselect6: { handler: pselect, note: 'complete' },
};
