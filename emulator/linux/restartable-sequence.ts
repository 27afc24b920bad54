// Restartable sequences (rseq(2), include/uapi/linux/rseq.h, kernel/rseq.c): a thread learns without a call on which CPU it is, and code that must not be left
// half-way for another CPU is told when it was.

import { Errno } from '../errno.ts';
import { OutOfMemory } from '../memory/physical.ts';
import { TASK_SIZE } from '../memory/range.ts';
import { UserFault } from '../memory/user-memory.ts';
import { Signal, SignalCode } from './signals.ts';
import type { Thread } from './thread.ts';

/** struct rseq of Linux 4.18; later fields are announced by AT_RSEQ_FEATURE_SIZE, which we do not give. */
const AREA_SIZE = 32;
const Area = { cpuIdStart: 0, cpuId: 4, criticalSection: 8 } as const;
const UNREGISTERED_CPU = 0xffff_ffff;
/** struct rseq_cs */
const Section = { version: 0, flags: 4, start: 8, length: 16, abort: 24 } as const;
const SIGNATURE_SIZE = 4;
const FLAG_UNREGISTER = 1;

/** A thread's registration. */
export interface RestartableSequence {
  readonly area: number;
  /** What stands before each abort handler. */
  readonly signature: number;
  /** The thread was off its CPU: the area is to be brought up to date before it goes on. */
  due: boolean;
}

/** rseq(2) */
export function registerSequence(
  thread: Thread,
  area: number,
  length: number,
  flags: number,
  signature: number,
): number {
  const known = thread.sequence;
  const sign = signature >>> 0;
  if (flags === FLAG_UNREGISTER) {
    if (known === undefined || known.area !== area || length !== AREA_SIZE) return -Errno.EINVAL;
    if (known.signature !== sign) return -Errno.EPERM;
    thread.sequence = undefined;
    thread.memory.setU32(area + Area.cpuIdStart, 0);
    thread.memory.setU32(area + Area.cpuId, UNREGISTERED_CPU);
    return 0;
  }
  if (flags !== 0) return -Errno.EINVAL;
  if (known !== undefined) {
    if (known.area !== area || length !== AREA_SIZE) return -Errno.EINVAL;
    return known.signature === sign ? -Errno.EBUSY : -Errno.EPERM;
  }
  if (area % AREA_SIZE !== 0 || length !== AREA_SIZE) return -Errno.EINVAL;
  thread.memory.setU32(area + Area.cpuId, UNREGISTERED_CPU); // refused with EFAULT where it cannot be written
  thread.sequence = { area, signature: sign, due: true };
  thread.attention = true;
  return 0;
}

/** The thread comes onto a CPU after another thread, or from another CPU. */
export function leaveSequence(thread: Thread): void {
  if (thread.sequence === undefined) return;
  thread.sequence.due = true;
  thread.attention = true;
}

/** Writes where the thread is and sends it to the abort handler of the sequence that it is in. Returns whether it goes on. */
export function updateSequence(thread: Thread): boolean {
  const { sequence, memory } = thread;
  if (sequence === undefined) return true;
  sequence.due = false;
  try {
    memory.setU32(sequence.area + Area.cpuIdStart, thread.cpu.id);
    memory.setU32(sequence.area + Area.cpuId, thread.cpu.id);
    if (abortSection(thread, sequence)) return true;
  } catch (error) {
    if (!(error instanceof UserFault || error instanceof OutOfMemory)) throw error;
  }
  thread.sequence = undefined; // the signal's own handler must not come by here again
  return thread.kernel.signals.force(thread, { signo: Signal.SIGSEGV, code: SignalCode.SI_KERNEL, address: 0 });
}

/** Returns false for a sequence that is described wrongly: the process is told by SIGSEGV, as Linux does. */
function abortSection(thread: Thread, { area, signature }: RestartableSequence): boolean {
  const { memory, core } = thread;
  const section = memory.u64(area + Area.criticalSection);
  if (section === 0n) return true;
  const at = Number(section);
  const [start, length, abort] = [Section.start, Section.length, Section.abort].map((field) => memory.word(at + field));
  if (memory.u32(at + Section.version) !== 0 || memory.u32(at + Section.flags) !== 0) return false;
  const end = start! + length!;
  if (length! < 0 || [start!, end, abort!].some((address) => address < 0 || address >= TASK_SIZE)) return false;
  if (abort! >= start! && abort! < end) return false;
  if (memory.u32(abort! - SIGNATURE_SIZE) !== signature) return false;
  const inside = core.pc >= start! && core.pc < end;
  memory.setU64(area + Area.criticalSection, 0n);
  if (inside) core.pc = abort!;
  return true;
}
