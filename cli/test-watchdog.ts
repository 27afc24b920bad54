// Mocha's own limits wait for a test to give way; one that never does (a loop, a child that is waited for) would keep its process, and
// the run, for ever. These root hooks have a thread look on, which ends the process: then Mocha names the file, and the rest goes on.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Context, RootHookObject, Suite } from 'mocha';

/** Something that has to end in time. */
interface Watched {
  readonly what: string;
  readonly milliseconds: number;
}

/** Milliseconds that a test or hook may go on after its own limit, before its process is ended. */
const grace = Number(process.env.MELF_TEST_GRACE ?? 60_000);

/** The longest limit of a suite, of the suites in it and of their tests: hooks have their suite's. */
function longestLimit(suite: Suite): number {
  const own = [suite.timeout(), ...suite.tests.map((test) => test.timeout())];
  return Math.max(...own, ...suite.suites.map(longestLimit));
}

/** The thread, once it answers: it cannot start while the other one is busy. */
async function startedThread(): Promise<Worker> {
  const thread = new Worker(new URL('./test-watchdog-thread.mjs', import.meta.url));
  await once(thread, 'message');
  thread.unref();
  return thread;
}

/** Root hooks that watch every test file of the process that has them. */
export function watchdogHooks(): RootHookObject {
  let thread: Worker | undefined;
  let between: Watched | undefined;
  const watch = (watched: Watched | undefined): void => thread?.postMessage(watched);
  return {
    async beforeAll(this: Context) {
      thread ??= await startedThread();
      const root = this.test!.parent!;
      const file = root.suites[0]?.file ?? 'a test file';
      // Without the root's own limit, which no hook of the file has.
      const limit = Math.max(0, ...root.suites.map(longestLimit));
      between = { what: `a hook in ${file}`, milliseconds: limit + grace };
      watch(between);
    },
    beforeEach(this: Context) {
      const test = this.currentTest!;
      watch({ what: `"${test.fullTitle()}" in ${test.file}`, milliseconds: test.timeout() + grace });
    },
    afterEach: () => watch(between),
    afterAll: () => watch(undefined),
  };
}
