import { rootCredentials } from '../credentials.ts';
import type { Thread } from '../thread.ts';
import { FileTable } from './file-table.ts';
import type { Vfs } from './vfs.ts';

/** For tests: as much of a thread as the file system looks at. */
export function fakeCaller(vfs: Vfs): Thread {
  const process = { pid: 1, fs: vfs.context(), files: new FileTable(), credentials: rootCredentials() };
  return { tid: 1, process, kernel: { files: vfs }, now: () => 0 } as unknown as Thread;
}
