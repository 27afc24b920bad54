import type { SyscallTopic } from '../syscall.ts';
import { copyingSyscalls } from './copying.ts';
import { directorySyscalls } from './directories.ts';
import { epollSyscalls } from './epoll.ts';
import { eventfdSyscalls } from './eventfd.ts';
import { fcntlSyscalls } from './fcntl.ts';
import { fileSyscalls } from './files.ts';
import { ioctlSyscalls } from './ioctl.ts';
import { messageSyscalls } from './messages.ts';
import { metadataSyscalls } from './metadata.ts';
import { pipeSyscalls } from './pipes.ts';
import { pollSyscalls } from './poll.ts';
import { readWriteSyscalls } from './read-write.ts';
import { socketOptionSyscalls } from './socket-options.ts';
import { socketSyscalls } from './sockets.ts';
import { syncingSyscalls } from './syncing.ts';
import { timerfdSyscalls } from './timerfd.ts';

/** Calls on files, pipes and sockets, by topic. */
export const ioTopics: Readonly<Record<string, SyscallTopic>> = {
  Files: fileSyscalls,
  'Reading and writing': readWriteSyscalls,
  'Copying between files': copyingSyscalls,
  Directories: directorySyscalls,
  Durability: syncingSyscalls,
  'File metadata': metadataSyscalls,
  'Descriptors and locks': fcntlSyscalls,
  'Device control': ioctlSyscalls,
  Pipes: pipeSyscalls,
  'Event counters': eventfdSyscalls,
  'Timer descriptors': timerfdSyscalls,
  Polling: pollSyscalls,
  Epoll: epollSyscalls,
  Sockets: socketSyscalls,
  Messages: messageSyscalls,
  'Socket options': socketOptionSyscalls,
};
