import type { SyscallTopic } from '../syscall.ts';
import { directoryCalls } from './directories.ts';
import { epollCalls } from './epoll.ts';
import { eventfdCalls } from './eventfd.ts';
import { fcntlCalls } from './fcntl.ts';
import { fileCalls } from './files.ts';
import { ioctlCalls } from './ioctl.ts';
import { messageCalls } from './messages.ts';
import { metadataCalls } from './metadata.ts';
import { pipeCalls } from './pipes.ts';
import { pollCalls } from './poll.ts';
import { socketOptionCalls } from './socket-options.ts';
import { socketCalls } from './sockets.ts';
import { timerfdCalls } from './timerfd.ts';

/** Calls on files, pipes and sockets, by topic. */
export const ioTopics: Readonly<Record<string, SyscallTopic>> = {
  Files: fileCalls,
  Directories: directoryCalls,
  'File metadata': metadataCalls,
  'Descriptors and locks': fcntlCalls,
  'Device control': ioctlCalls,
  Pipes: pipeCalls,
  'Event counters': eventfdCalls,
  'Timer descriptors': timerfdCalls,
  Polling: pollCalls,
  Epoll: epollCalls,
  Sockets: socketCalls,
  Messages: messageCalls,
  'Socket options': socketOptionCalls,
};
