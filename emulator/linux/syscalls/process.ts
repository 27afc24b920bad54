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

const isProcess = (thread: Thread, pid: number): boolean => pid === 0 || pid === thread.process.pid;

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
  if (who === RUSAGE_CHILDREN) return 0;
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
  const { memory, process } = thread;
  if (!isProcess(thread, pid)) return -Errno.ESRCH;
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
  getppid: { handler: (thread) => thread.process.parentPid, note: 'the first process has no parent: 0' },
  getpgrp: { handler: (thread) => thread.process.pid, note: 'every process leads its group' },
  getpgid: {
    handler: (thread, pid) => (isProcess(thread, pid) ? thread.process.pid : -Errno.ESRCH),
    note: 'every process leads its group',
  },
  setpgid: {
    handler: (thread, pid, group) =>
      isProcess(thread, pid) ? (isProcess(thread, group) ? 0 : -Errno.EPERM) : -Errno.ESRCH,
    note: 'every process leads its group',
  },
  getsid: {
    handler: (thread, pid) => (isProcess(thread, pid) ? thread.process.pid : -Errno.ESRCH),
    note: 'every process leads its session',
  },
  setsid: { handler: (thread) => thread.process.pid, note: 'every process leads its session' },
  wait4: { handler: () => -Errno.ECHILD, note: 'ECHILD: there are no child processes' },
  waitid: { handler: () => -Errno.ECHILD, note: 'ECHILD: there are no child processes' },
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
