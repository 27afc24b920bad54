import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { join } from 'node:path';

/**
 * Runs the command line from its sources in a process of its own, with nothing on stdin and without colours, also where the
 * environment of the tests (a CI, say) asks for them.
 */
export function runMelf(...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, ['--import', 'tsx', 'cli/main.ts', ...args], {
    cwd: join(import.meta.dirname, '../..'),
    encoding: 'utf8',
    input: '',
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined },
  });
}
