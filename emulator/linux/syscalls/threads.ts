import { Errno } from '../../errno.ts';
import { X86 } from '../../isa/x86-64/registers.ts';
import { Clone, forkProcess, requireRoom, startCopy } from '../fork.ts';
import { registerSequence } from '../restartable-sequence.ts';
import { ROBUST_HEAD_SIZE } from '../robust-list.ts';
import type { Blocking, SyscallTopic } from '../syscall.ts';
import type { Thread } from '../thread.ts';

/** All of these make a thread. */
const THREAD_FLAGS = Clone.VM | Clone.FS | Clone.FILES | Clone.SIGHAND | Clone.THREAD;

const ArchPrctl = { SET_GS: 0x1001, SET_FS: 0x1002, GET_FS: 0x1003, GET_GS: 0x1004 } as const;

/** A copy of the caller, in the same process or in a new one. It starts in the caller's view. */
function clone(
  thread: Thread,
  flagsArgument: number,
  stack: number,
  parentTid: number,
  a3: number,
  a4: number,
): number | Blocking {
  const { kernel, process } = thread;
  const flags = flagsArgument | 0;
  const [tls, childTid] = kernel.abi.cloneArguments(a3, a4);
  const request = { flags, stack, parentTid, childTid, tls };
  if (flags & Clone.THREAD && (flags & THREAD_FLAGS) !== THREAD_FLAGS) return -Errno.EINVAL;
  if (flags & Clone.SIGHAND && !(flags & Clone.VM)) return -Errno.EINVAL;
  if (flags & Clone.namespaces) return kernel.dispatcher.refuse(thread, 'clone with namespaces', 'namespaces');
  if (flags & Clone.PIDFD) return kernel.dispatcher.refuse(thread, 'clone with CLONE_PIDFD');
  if (!(flags & Clone.THREAD)) return forkProcess(thread, request);
  requireRoom(thread);
  const child = kernel.newThread(process, { view: thread.view, comm: thread.comm, affinity: thread.affinity });
  startCopy(thread, child, request);
  return child.tid;
}

function archPrctl(thread: Thread, code: number, address: number): number {
  const { core, memory } = thread;
  switch (code) {
    case ArchPrctl.SET_FS:
    case ArchPrctl.SET_GS:
      if (address < 0) return -Errno.EPERM;
      core.setReg(code === ArchPrctl.SET_FS ? X86.fsBase : X86.gsBase, BigInt(address));
      return 0;
    case ArchPrctl.GET_FS:
    case ArchPrctl.GET_GS:
      memory.setU64(address, core.reg(code === ArchPrctl.GET_FS ? X86.fsBase : X86.gsBase));
      return 0;
    default:
      return -Errno.EINVAL;
  }
}

/** The thread of the caller's process with this id; 0 is the caller. */
const threadOf = (thread: Thread, tid: number): Thread | undefined =>
  tid === 0 ? thread : thread.process.threads.get(tid);

/** A thread of any process; everybody is the same user. 0 is the caller. */
const anyThread = (thread: Thread, tid: number): Thread | undefined =>
  tid === 0 ? thread : thread.kernel.threadById(tid);

function setAffinity(thread: Thread, tid: number, length: number, va: number): number {
  const target = anyThread(thread, tid);
  if (target === undefined) return -Errno.ESRCH;
  const bytes = thread.memory.read(va, Math.min(Math.max(0, length), 128));
  const wanted = new Set<number>();
  for (const { id } of thread.kernel.scheduler.cpus) if ((bytes[id >> 3] ?? 0) & (1 << (id & 7))) wanted.add(id);
  if (wanted.size === 0) return -Errno.EINVAL;
  thread.kernel.scheduler.setAffinity(target, wanted);
  return 0;
}

function getAffinity(thread: Thread, tid: number, length: number, va: number): number {
  const target = anyThread(thread, tid);
  if (target === undefined) return -Errno.ESRCH;
  const size = Math.ceil(thread.kernel.scheduler.cpus.length / 64) * 8;
  if (length < size || length % 8 !== 0) return -Errno.EINVAL;
  const bytes = new Uint8Array(size);
  for (const id of target.affinity) bytes[id >> 3]! |= 1 << (id & 7);
  thread.memory.write(va, bytes);
  return size;
}

function setRobustList(thread: Thread, head: number, length: number): number {
  if (length !== ROBUST_HEAD_SIZE) return -Errno.EINVAL;
  thread.robustList = head;
  return 0;
}

function getRobustList(thread: Thread, tid: number, headVa: number, lengthVa: number): number {
  const target = threadOf(thread, tid);
  if (target === undefined) return -Errno.ESRCH;
  thread.memory.setWord(lengthVa, ROBUST_HEAD_SIZE);
  thread.memory.setWord(headVa, target.robustList);
  return 0;
}

export const threadSyscalls: SyscallTopic = {
  clone: {
    handler: clone,
    note: 'threads and processes, with CLONE_VFORK and CLONE_PARENT; no namespaces, no CLONE_PIDFD',
  },
  clone3: { handler: () => -Errno.ENOSYS, note: 'ENOSYS: libc goes on with clone' },
  arch_prctl: { handler: archPrctl, note: 'FS and GS base' },
  set_tid_address: {
    handler: (thread, va) => {
      thread.clearChildTid = va;
      return thread.tid;
    },
    note: 'complete',
  },
  set_robust_list: { handler: setRobustList, note: 'complete' },
  get_robust_list: { handler: getRobustList, note: 'threads of the same process' },
  gettid: { handler: (thread) => thread.tid, note: 'complete' },
  sched_yield: {
    handler: (thread) => {
      thread.yields = true;
      thread.kernel.scheduler.reconsider();
      return 0;
    },
    note: 'complete',
  },
  sched_setaffinity: { handler: setAffinity, note: 'complete' },
  sched_getaffinity: { handler: getAffinity, note: 'complete' },
  getcpu: {
    handler: (thread, cpuVa, nodeVa) => {
      if (cpuVa !== 0) thread.memory.setU32(cpuVa, thread.cpu.id);
      if (nodeVa !== 0) thread.memory.setU32(nodeVa, 0);
      return 0;
    },
    note: 'one node',
  },
  sched_getscheduler: { handler: () => 0, note: 'always SCHED_OTHER' },
  sched_setscheduler: {
    handler: (_thread, _tid, policy) => (policy === 0 || policy === 3 || policy === 5 ? 0 : -Errno.EPERM),
    note: 'accepts SCHED_OTHER, BATCH and IDLE, which are treated alike; real-time policies are EPERM',
  },
  sched_getparam: {
    handler: (thread, _tid, va) => {
      thread.memory.setU32(va, 0);
      return 0;
    },
    note: 'priority 0',
  },
  sched_setparam: {
    handler: (thread, _tid, va) => (thread.memory.u32(va) === 0 ? 0 : -Errno.EINVAL),
    note: 'priority 0 only',
  },
  sched_get_priority_max: { handler: (_thread, policy) => (policy === 1 || policy === 2 ? 99 : 0), note: 'complete' },
  sched_get_priority_min: { handler: (_thread, policy) => (policy === 1 || policy === 2 ? 1 : 0), note: 'complete' },
  membarrier: {
    handler: (_thread, command) => (command === 0 ? 0x7f : command > 0 && command <= 0x40 ? 0 : -Errno.EINVAL),
    note: 'nothing to do: every store is seen at once',
  },
  rseq: { handler: registerSequence, note: 'cpu_id and critical sections, as in Linux 4.18' },
  exit: {
    handler: (thread, code) => {
      thread.kernel.exits.thread(thread, code);
      return 0;
    },
    note: 'complete, with robust futexes and the clear-child-tid word',
  },
};
