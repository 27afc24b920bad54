import { Errno } from '../../errno.ts';
import { encodeSigInfo, SIGINFO_SIZE } from '../abi/abi.ts';
import { awaitChild, childInfo, WaitOption, waitStatus } from '../children.ts';
import { writeTimeval } from '../clock.ts';
import { execute } from '../exec.ts';
import { AT_FDCWD } from '../files/vfs.ts';
import { Clone, forkProcess, plainRequest } from '../fork.ts';
import type { Process } from '../process.ts';
import type { Blocking, SyscallTopic } from '../syscall.ts';
import type { Thread } from '../thread.ts';
import { int, pathAt } from './arguments.ts';

const WAIT4_OPTIONS =
  WaitOption.NOHANG |
  WaitOption.UNTRACED |
  WaitOption.CONTINUED |
  WaitOption.NOTHREAD |
  WaitOption.ALL |
  WaitOption.CLONE;
/** Kinds of id of waitid(2). */
const IdType = { ALL: 0, PID: 1, PGID: 2 } as const;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
const RUSAGE_SIZE = 144;
/** MAX_ARG_STRLEN of execve(2). */
const LONGEST_ARGUMENT = 32 * 4096;
/** No argument list is longer than what fits a quarter of the stack: the loader counts the bytes. */
const MOST_ARGUMENTS = 2 ** 20;

/** rusage of an ended child: CPU time, its own and that of the children that it waited for. */
function writeUsage(thread: Thread, va: number, { cpuTime, childrenCpuTime }: Process): void {
  thread.memory.write(va, new Uint8Array(RUSAGE_SIZE));
  writeTimeval(thread.memory, va, cpuTime + childrenCpuTime);
}

function wait4(
  thread: Thread,
  pidArgument: number,
  statusVa: number,
  options: number,
  usageVa: number,
): number | Blocking {
  const pid = int(pidArgument);
  if (options & ~WAIT4_OPTIONS) return -Errno.EINVAL;
  const own = thread.process.group;
  const wanted = (child: Process): boolean =>
    pid === -1 || (pid > 0 ? child.pid === pid : child.group === (pid === 0 ? own : -pid));
  return awaitChild(thread, wanted, options | WaitOption.EXITED, (child) => {
    if (statusVa !== 0) thread.memory.setI32(statusVa, waitStatus(child));
    if (usageVa !== 0) writeUsage(thread, usageVa, child);
    return child.pid;
  });
}

function waitid(
  thread: Thread,
  type: number,
  idArgument: number,
  infoVa: number,
  options: number,
  usageVa: number,
): number | Blocking {
  const id = int(idArgument);
  const known = WAIT4_OPTIONS | WaitOption.EXITED | WaitOption.NOWAIT;
  const some = WaitOption.EXITED | WaitOption.UNTRACED | WaitOption.CONTINUED;
  if (options & ~known || !(options & some)) return -Errno.EINVAL;
  if (type !== IdType.ALL && type !== IdType.PID && type !== IdType.PGID) return -Errno.EINVAL;
  const group = id === 0 ? thread.process.group : id;
  const wanted = (child: Process): boolean =>
    type === IdType.ALL || (type === IdType.PID ? child.pid === id : child.group === group);
  if (infoVa !== 0) thread.memory.write(infoVa, new Uint8Array(SIGINFO_SIZE));
  return awaitChild(thread, wanted, options, (child) => {
    const bytes = new Uint8Array(SIGINFO_SIZE);
    encodeSigInfo(new DataView(bytes.buffer), 0, childInfo(child));
    if (infoVa !== 0) thread.memory.write(infoVa, bytes);
    if (usageVa !== 0) writeUsage(thread, usageVa, child);
    return 0;
  });
}

/** A NULL-terminated array of strings; a null pointer is an empty one, as Linux allows. */
function strings(thread: Thread, va: number): string[] | number {
  const list: string[] = [];
  if (va === 0) return list;
  for (let at = va; ; at += 8) {
    const pointer = thread.memory.pointer(at);
    if (pointer === 0) return list;
    if (list.length >= MOST_ARGUMENTS) return -Errno.E2BIG;
    list.push(thread.memory.cString(pointer, LONGEST_ARGUMENT));
  }
}

function executeAt(thread: Thread, at: number, pathVa: number, argvVa: number, envVa: number, flags: number): number {
  if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) return -Errno.EINVAL;
  const path = pathAt(thread, pathVa);
  const argv = strings(thread, argvVa);
  if (typeof argv === 'number') return argv;
  const env = strings(thread, envVa);
  if (typeof env === 'number') return env;
  const allowEmpty = (flags & AT_EMPTY_PATH) !== 0;
  if (path === '' && !allowEmpty) return -Errno.ENOENT;
  return execute(thread, { at: int(at), path, argv, env, follow: (flags & AT_SYMLINK_NOFOLLOW) === 0, allowEmpty });
}

export const childSyscalls: SyscallTopic = {
  fork: {
    handler: (thread) => forkProcess(thread, plainRequest(0)),
    note: 'copy-on-write; the child has the caller’s view alone, as its base view',
  },
  vfork: {
    handler: (thread) => forkProcess(thread, plainRequest(Clone.VM | Clone.VFORK)),
    note: 'the child runs in the caller’s memory and view until it executes a program or ends',
  },
  execve: {
    handler: (thread, pathVa, argvVa, envVa) => executeAt(thread, AT_FDCWD, pathVa, argvVa, envVa, 0),
    note: 'static programs and scripts (#!); set-user-ID bits are ignored; a dynamic program is ENOEXEC',
  },
  execveat: { handler: executeAt, note: 'see execve; with AT_EMPTY_PATH' },
  wait4: { handler: wait4, note: 'ended children; nothing is ever stopped, nothing dumps core' },
  waitid: { handler: waitid, note: 'as wait4; no P_PIDFD' },
};
