import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The lists beside this file: what must work, what does not and why, and what does not always. */
export interface TortureLists {
  readonly expected: readonly string[];
  /** Program to the reason. */
  readonly knownFailures: ReadonlyMap<string, string>;
  readonly flaky: ReadonlySet<string>;
}

const rows = (name: string): string[] =>
  readFileSync(join(import.meta.dirname, name), 'utf8')
    .split('\n')
    .map((line) => line.replace(/^#.*/, '').trim())
    .filter((line) => line !== '');

/** Reads the lists. */
export function readTortureLists(): TortureLists {
  const failures = rows('known-failures.txt').map((line) => {
    const [name = '', ...reason] = line.split(/:\s+/);
    return [name, reason.join(': ')] as const;
  });
  return { expected: rows('expected.txt'), knownFailures: new Map(failures), flaky: new Set(rows('flaky.txt')) };
}
