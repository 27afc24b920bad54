import { rootCredentials } from '../linux/credentials.ts';
import { FileTable } from '../linux/files/file-table.ts';
import type { Vfs } from '../linux/files/vfs.ts';
import type { Thread } from '../linux/thread.ts';

/** For tests: as much of a thread as the file system looks at. */
export function fakeCaller(vfs: Vfs): Thread {
  const process = { pid: 1, fs: vfs.context(), files: new FileTable(), credentials: rootCredentials() };
  return { tid: 1, process, kernel: { files: vfs }, now: () => 0 } as unknown as Thread;
}
