import type { SyscallTopic } from '../syscall.ts';
import { childSyscalls } from './children.ts';
import { futexSyscalls } from './futex.ts';
import { ioTopics } from './io-topics.ts';
import { memorySyscalls } from './memory.ts';
import { memoryLockSyscalls } from './memory-locks.ts';
import { miscSyscalls } from './misc.ts';
import { processSyscalls } from './process.ts';
import { signalSyscalls } from './signals.ts';
import { threadSyscalls } from './threads.ts';
import { timeSyscalls } from './time.ts';

/** Every implemented system call, by topic. */
export const topics: Readonly<Record<string, SyscallTopic>> = {
  Threads: threadSyscalls,
  Futexes: futexSyscalls,
  Signals: signalSyscalls,
  Time: timeSyscalls,
  Processes: { ...processSyscalls, ...childSyscalls },
  Memory: { ...memorySyscalls, ...memoryLockSyscalls },
  ...ioTopics,
  Miscellaneous: miscSyscalls,
};
