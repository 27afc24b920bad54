import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { STAGES, type Stage } from './torture.ts';

/** Where a program fails, and why: another stage would be another failure. */
export interface KnownFailure {
  readonly stage: Stage;
  readonly reason: string;
}

/** The lists beside this file: what must work, what does not and why, and what does not always. */
export interface TortureLists {
  readonly expected: readonly string[];
  /** By program. */
  readonly knownFailures: ReadonlyMap<string, KnownFailure>;
  readonly flaky: ReadonlySet<string>;
}

const rows = (name: string): string[] =>
  readFileSync(join(import.meta.dirname, name), 'utf8')
    .split('\n')
    .map((line) => line.replace(/^#.*/, '').trim())
    .filter((line) => line !== '');

const isStage = (word: string): word is Stage => STAGES.some((stage) => stage === word);

/** Reads the lists. @throws Error when a known failure names no stage */
export function readTortureLists(): TortureLists {
  const failures = rows('known-failures.txt').map((line) => {
    const [name = '', stage = '', ...reason] = line.split(/:\s+/);
    if (!isStage(stage)) throw new Error(`known-failures.txt: ${name} has no stage, but "${stage}"`);
    return [name, { stage, reason: reason.join(': ') }] as const;
  });
  return { expected: rows('expected.txt'), knownFailures: new Map(failures), flaky: new Set(rows('flaky.txt')) };
}
