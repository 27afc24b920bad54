import { Errno } from '../../errno.ts';
import { ClockId, readAbsolute, readTimespec } from '../clock.ts';
import { ANY_BIT, futexPlace, waitOnFutex } from '../futex.ts';
import type { Blocking, SyscallTopic } from '../syscall.ts';
import type { Thread } from '../thread.ts';

/** Operations of futex(2). */
const Op = { WAIT: 0, WAKE: 1, REQUEUE: 3, CMP_REQUEUE: 4, WAKE_OP: 5, WAIT_BITSET: 9, WAKE_BITSET: 10 } as const;
const PRIVATE_FLAG = 128;
const CLOCK_REALTIME_FLAG = 256;

function futex(
  thread: Thread,
  va: number,
  op: number,
  value: number,
  a3: number,
  va2: number,
  value3: number,
): number | Blocking {
  if (va < 0 || va % 4 !== 0) return -Errno.EINVAL;
  const isPrivate = (op & PRIVATE_FLAG) !== 0;
  switch (op & ~(PRIVATE_FLAG | CLOCK_REALTIME_FLAG)) {
    case Op.WAIT: {
      const timeout = a3 === 0 ? undefined : readTimespec(thread.memory, a3);
      if (timeout !== undefined && timeout < 0) return timeout;
      return wait(thread, va, value, isPrivate, ANY_BIT, timeout === undefined ? undefined : thread.now() + timeout);
    }
    case Op.WAIT_BITSET: {
      if (value3 >>> 0 === 0) return -Errno.EINVAL;
      const clock = op & CLOCK_REALTIME_FLAG ? ClockId.REALTIME : ClockId.MONOTONIC;
      const deadline = a3 === 0 ? undefined : readAbsolute(thread, a3, clock);
      if (deadline !== undefined && deadline < 0) return deadline;
      return wait(thread, va, value, isPrivate, value3 >>> 0, deadline);
    }
    case Op.WAKE:
      return wake(thread, va, isPrivate, value, ANY_BIT);
    case Op.WAKE_BITSET:
      return value3 >>> 0 === 0 ? -Errno.EINVAL : wake(thread, va, isPrivate, value, value3 >>> 0);
    case Op.REQUEUE:
      return requeue(thread, va, isPrivate, value, a3, va2, undefined);
    case Op.CMP_REQUEUE:
      return requeue(thread, va, isPrivate, value, a3, va2, value3);
    case Op.WAKE_OP:
      return wakeOp(thread, va, isPrivate, value, a3, va2, value3);
    default:
      return -Errno.ENOSYS;
  }
}

function wait(
  thread: Thread,
  va: number,
  expected: number,
  isPrivate: boolean,
  bitset: number,
  deadline: number | undefined,
): number | Blocking {
  if (thread.memory.i32(va) !== (expected | 0)) return -Errno.EAGAIN;
  const { kernel, tid, cpu } = thread;
  if (kernel.events.enabled)
    kernel.events.emit({ type: 'futex:wait', time: thread.now(), tid, cpu: cpu.id, address: va });
  return waitOnFutex(thread, va, isPrivate, bitset, deadline);
}

function wake(thread: Thread, va: number, isPrivate: boolean, count: number, bitset: number): number {
  const { table, key } = futexPlace(thread, va, isPrivate);
  const woken = table.find(key)?.wake(thread, Math.max(1, count | 0), bitset) ?? 0;
  const { kernel, tid, cpu } = thread;
  if (kernel.events.enabled) {
    kernel.events.emit({ type: 'futex:wake', time: thread.now(), tid, cpu: cpu.id, address: va, woken });
  }
  return woken;
}

function requeue(
  thread: Thread,
  va: number,
  isPrivate: boolean,
  toWake: number,
  toMove: number,
  va2: number,
  expected: number | undefined,
): number {
  if (va2 < 0 || va2 % 4 !== 0 || (toWake | 0) < 0 || (toMove | 0) < 0) return -Errno.EINVAL;
  if (expected !== undefined && thread.memory.i32(va) !== (expected | 0)) return -Errno.EAGAIN;
  const from = futexPlace(thread, va, isPrivate);
  const to = futexPlace(thread, va2, isPrivate);
  const queue = from.table.find(from.key);
  if (queue === undefined) return 0;
  const woken = toWake > 0 ? queue.wake(thread, toWake) : 0;
  const sameWord = from.table === to.table && from.key === to.key;
  const moved = sameWord ? Math.min(queue.size, toMove) : queue.requeue(to.table.at(to.key), toMove);
  return expected === undefined ? woken : woken + moved;
}

/** FUTEX_WAKE_OP: changes a second word and wakes its waiters, too, if its old value compares (futex(2)). */
function wakeOp(
  thread: Thread,
  va: number,
  isPrivate: boolean,
  count: number,
  count2: number,
  va2: number,
  encoded: number,
): number {
  if (va2 < 0 || va2 % 4 !== 0) return -Errno.EINVAL;
  const field = (shift: number, bits: number): number => (encoded >>> shift) & ((1 << bits) - 1);
  const signed12 = (value: number): number => (value << 20) >> 20;
  const kind = field(28, 4);
  const shifted = (kind & 8) !== 0;
  const operand = shifted ? 1 << (field(12, 12) & 31) : signed12(field(12, 12));
  const compared = signed12(field(0, 12));
  const old = thread.memory.i32(va2);
  let next: number;
  switch (kind & 7) {
    case 0:
      next = operand;
      break;
    case 1:
      next = old + operand;
      break;
    case 2:
      next = old | operand;
      break;
    case 3:
      next = old & ~operand;
      break;
    case 4:
      next = old ^ operand;
      break;
    default:
      return -Errno.ENOSYS;
  }
  let matches: boolean;
  switch (field(24, 4)) {
    case 0:
      matches = old === compared;
      break;
    case 1:
      matches = old !== compared;
      break;
    case 2:
      matches = old < compared;
      break;
    case 3:
      matches = old <= compared;
      break;
    case 4:
      matches = old > compared;
      break;
    case 5:
      matches = old >= compared;
      break;
    default:
      return -Errno.ENOSYS;
  }
  thread.memory.setI32(va2, next | 0);
  const woken = wake(thread, va, isPrivate, count, ANY_BIT);
  return matches ? woken + wake(thread, va2, isPrivate, count2, ANY_BIT) : woken;
}

export const futexSyscalls: SyscallTopic = {
  futex: {
    handler: futex,
    note: 'WAIT, WAKE, WAIT_BITSET, WAKE_BITSET, REQUEUE, CMP_REQUEUE, WAKE_OP; priority inheritance is ENOSYS',
  },
};
