// What Mocha's parallel mode requires in each of its processes.

import type { RootHookObject } from 'mocha';
import { watchdogHooks } from './test-watchdog.ts';

/**
 * Such a process ends without being taken apart, which can come to a standstill (nodejs/node issue 54918). Mocha waits for it, and the SIGTERM
 * that it sends after a second means nothing to a process in which a test listened for that signal.
 */
const endAtOnce = (): void => void process.kill(process.pid, 'SIGKILL');

const { afterAll, ...hooks } = watchdogHooks();

export const mochaHooks = {
  ...hooks,
  afterAll: [
    afterAll,
    // Again the last of those who listen, after each file that may have added some.
    () => void process.off('exit', endAtOnce).on('exit', endAtOnce),
  ],
} as RootHookObject;
