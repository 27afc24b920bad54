import { Errno } from '../../errno.ts';
import { PAGE_SIZE } from '../../memory/physical.ts';
import { writeTimeval } from '../clock.ts';
import type { Process } from '../process.ts';
import type { SyscallHandler, SyscallTopic } from '../syscall.ts';
import type { Thread } from '../thread.ts';

const RUSAGE_THREAD = 1;
const RUSAGE_CHILDREN = -1;
const RLIMIT_NOFILE = 7;
const RLIMIT_COUNT = 16;
const MOST_FILES = 1 << 20;
const KEEP = -1; // "leave this id as it is"

/** The process with this id, also one that nobody has waited for; 0 is the caller's. */
const processById = (thread: Thread, pid: number): Process | undefined =>
  pid === 0 ? thread.process : thread.kernel.processes.get(pid);

/** setpgid(2): the caller, or a child of it that executes no other program yet, in its session. */
function setGroup(thread: Thread, pidArgument: number, groupArgument: number): number {
  const { process, kernel } = thread;
  const target = processById(thread, pidArgument | 0);
  if ((groupArgument | 0) < 0) return -Errno.EINVAL;
  if (target === undefined || (target !== process && target.parent !== process)) return -Errno.ESRCH;
  if (target.session !== process.session || target.session === target.pid) return -Errno.EPERM;
  if (target !== process && target.isExecuted !== process.isExecuted) return -Errno.EACCES;
  const group = groupArgument | 0 || target.pid;
  const exists = [...kernel.processes.values()].some((one) => one.group === group && one.session === target.session);
  if (group !== target.pid && !exists) return -Errno.EPERM;
  target.group = group;
  return 0;
}

/** setsid(2). The first process is not the leader of its group as far as this goes: nobody started it from a shell. */
function newSession(thread: Thread): number {
  const { process, kernel } = thread;
  const { pid } = process;
  const leads = [...kernel.processes.values()].some(({ group }) => group === pid);
  if (leads && process.parentPid !== 0) return -Errno.EPERM;
  process.session = process.group = pid;
  return pid;
}

function setIds(change: (process: Process, a: number, b: number, c: number) => void): SyscallHandler {
  return (thread, a, b, c) => {
    change(thread.process, a | 0, b | 0, c | 0);
    return 0;
  };
}

const pick = (wanted: number, old: number): number => (wanted === KEEP ? old : wanted);

function writeIds(thread: Thread, addresses: readonly number[], ids: readonly number[]): number {
  addresses.forEach((va, index) => {
    thread.memory.setU32(va, ids[index]!);
  });
  return 0;
}

function getGroups(thread: Thread, size: number, va: number): number {
  const { groups } = thread.process.credentials;
  if (size === 0) return groups.length;
  if (size < groups.length) return -Errno.EINVAL;
  groups.forEach((group, index) => {
    thread.memory.setU32(va + 4 * index, group);
  });
  return groups.length;
}

function setGroups(thread: Thread, size: number, va: number): number {
  if (size < 0 || size > 65536) return -Errno.EINVAL;
  thread.process.credentials.groups = Array.from({ length: size }, (_, index) => thread.memory.u32(va + 4 * index));
  return 0;
}

function getUsage(thread: Thread, whoArgument: number, va: number): number {
  const who = whoArgument | 0;
  const { process, kernel } = thread;
  if (who !== 0 && who !== RUSAGE_THREAD && who !== RUSAGE_CHILDREN) return -Errno.EINVAL;
  const bytes = new Uint8Array(144);
  thread.memory.write(va, bytes);
  if (who === RUSAGE_CHILDREN) {
    writeTimeval(thread.memory, va, process.childrenCpuTime);
    return 0;
  }
  const threads = who === RUSAGE_THREAD ? [thread] : [...process.threads.values()];
  writeTimeval(thread.memory, va, who === RUSAGE_THREAD ? kernel.scheduler.cpuTimeOf(thread) : process.cpuTime);
  thread.memory.setWord(va + 32, (kernel.physical.framesUsed * PAGE_SIZE) / 1024);
  const sum = (field: 'voluntarySwitches' | 'involuntarySwitches'): number =>
    threads.reduce((total, one) => total + one[field], 0);
  thread.memory.setWord(va + 128, sum('voluntarySwitches'));
  thread.memory.setWord(va + 136, sum('involuntarySwitches'));
  return 0;
}

function limitOf(process: Process, resource: number): readonly [soft: bigint, hard: bigint] {
  return resource === RLIMIT_NOFILE
    ? [BigInt(process.files.limit), process.limits.get(resource)[1]]
    : process.limits.get(resource);
}

function limits(thread: Thread, pid: number, resource: number, newVa: number, oldVa: number): number {
  const { memory } = thread;
  const process = processById(thread, pid);
  if (process === undefined) return -Errno.ESRCH;
  if (resource < 0 || resource >= RLIMIT_COUNT) return -Errno.EINVAL;
  const old = limitOf(process, resource);
  if (newVa !== 0) {
    const [soft, hard] = [memory.u64(newVa), memory.u64(newVa + 8)];
    if (soft > hard) return -Errno.EINVAL;
    if (resource === RLIMIT_NOFILE) {
      if (hard > MOST_FILES) return -Errno.EPERM;
      process.files.limit = Number(soft);
    }
    process.limits.set(resource, soft, hard);
  }
  if (oldVa !== 0) {
    memory.setU64(oldVa, old[0]);
    memory.setU64(oldVa + 8, old[1]);
  }
  return 0;
}

export const processSyscalls: SyscallTopic = {
  exit_group: {
    handler: (thread, code) => {
      thread.kernel.exits.process(thread.process, { code: code & 0xff });
      return 0;
    },
    note: 'complete',
  },
  getpid: { handler: (thread) => thread.process.pid, note: 'complete' },
  getppid: {
    handler: (thread) => thread.process.parentPid,
    note: 'processes that the machine was started with have none: 0; orphans: 1',
  },
  getpgrp: { handler: (thread) => thread.process.group, note: 'complete' },
  getpgid: { handler: (thread, pid) => processById(thread, pid)?.group ?? -Errno.ESRCH, note: 'complete' },
  setpgid: { handler: setGroup, note: 'complete' },
  getsid: { handler: (thread, pid) => processById(thread, pid)?.session ?? -Errno.ESRCH, note: 'complete' },
  setsid: { handler: newSession, note: 'complete' },
  getuid: { handler: (thread) => thread.process.credentials.uid, note: 'complete' },
  geteuid: { handler: (thread) => thread.process.credentials.euid, note: 'complete' },
  getgid: { handler: (thread) => thread.process.credentials.gid, note: 'complete' },
  getegid: { handler: (thread) => thread.process.credentials.egid, note: 'complete' },
  setuid: {
    handler: setIds(({ credentials }, uid) => {
      credentials.uid = credentials.euid = credentials.suid = uid;
    }),
    note: 'always allowed',
  },
  setgid: {
    handler: setIds(({ credentials }, gid) => {
      credentials.gid = credentials.egid = credentials.sgid = gid;
    }),
    note: 'always allowed',
  },
  setreuid: {
    handler: setIds(({ credentials }, real, effective) => {
      credentials.uid = pick(real, credentials.uid);
      credentials.euid = pick(effective, credentials.euid);
    }),
    note: 'always allowed',
  },
  setregid: {
    handler: setIds(({ credentials }, real, effective) => {
      credentials.gid = pick(real, credentials.gid);
      credentials.egid = pick(effective, credentials.egid);
    }),
    note: 'always allowed',
  },
  setresuid: {
    handler: setIds(({ credentials }, real, effective, saved) => {
      credentials.uid = pick(real, credentials.uid);
      credentials.euid = pick(effective, credentials.euid);
      credentials.suid = pick(saved, credentials.suid);
    }),
    note: 'always allowed',
  },
  setresgid: {
    handler: setIds(({ credentials }, real, effective, saved) => {
      credentials.gid = pick(real, credentials.gid);
      credentials.egid = pick(effective, credentials.egid);
      credentials.sgid = pick(saved, credentials.sgid);
    }),
    note: 'always allowed',
  },
  getresuid: {
    handler: (thread, a, b, c) => {
      const { uid, euid, suid } = thread.process.credentials;
      return writeIds(thread, [a, b, c], [uid, euid, suid]);
    },
    note: 'complete',
  },
  getresgid: {
    handler: (thread, a, b, c) => {
      const { gid, egid, sgid } = thread.process.credentials;
      return writeIds(thread, [a, b, c], [gid, egid, sgid]);
    },
    note: 'complete',
  },
  getgroups: { handler: getGroups, note: 'complete' },
  setgroups: { handler: setGroups, note: 'always allowed' },
  getrusage: { handler: getUsage, note: 'CPU time, resident size, context switches' },
  prlimit64: { handler: limits, note: 'kept; RLIMIT_NOFILE and RLIMIT_STACK are enforced' },
  getrlimit: {
    handler: (thread, resource, va) => limits(thread, 0, resource, 0, va),
    note: 'see prlimit64',
  },
  setrlimit: {
    handler: (thread, resource, va) => limits(thread, 0, resource, va, 0),
    note: 'see prlimit64',
  },
  getpriority: { handler: () => 20, note: 'nice value 0' },
  setpriority: {
    handler: (_thread, _which, _who, value) => (value === 0 ? 0 : -Errno.EACCES),
    note: 'nice value 0 only',
  },
};
