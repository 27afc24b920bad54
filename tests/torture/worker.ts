// Tries programs in a process of its own, a new one every so often: a machine's memory is only given back when its process ends.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { projectRoot } from '../../setup/project.ts';
import { type Bench, tryProgram, type Verdict } from './torture.ts';

type Result = Awaited<ReturnType<typeof tryProgram>>;
type Answer = { readonly result: Result } | { readonly error: string };

/** Programs that one process tries. */
const BATCH = 20;

/** Tries programs one after the other. */
export class TortureWorker {
  readonly #bench: Bench;
  #child: ChildProcess | undefined;
  #tried = 0;

  constructor(bench: Bench) {
    this.#bench = bench;
  }

  async tryProgram(path: string): Promise<Result> {
    if (this.#tried++ % BATCH === 0) await this.close();
    this.#child ??= fork(import.meta.filename, ['serve'], { execArgv: ['--import', 'tsx'], cwd: projectRoot });
    const child = this.#child;
    child.send({ bench: this.#bench, path });
    const first = await new Promise<Answer | Verdict>((resolve) => {
      const onEnd = (code: number | null, signal: string | null): void => {
        child.off('message', onAnswer);
        resolve({ stage: 'sandbox', reason: `the process that tried it ended with ${signal ?? code}` });
      };
      const onAnswer = (answer: Answer): void => {
        child.off('exit', onEnd);
        resolve(answer);
      };
      child.once('message', onAnswer).once('exit', onEnd);
    });
    if ('stage' in first) {
      this.#child = undefined;
      return first;
    }
    if ('error' in first) throw new Error(first.error);
    return first.result;
  }

  async close(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    const ended = once(child, 'exit');
    child.disconnect();
    await ended;
  }
}

if (process.argv[2] === 'serve' && process.send !== undefined) {
  // Its parent is gone.
  process.on('disconnect', () => process.exit());
  process.on('message', ({ bench, path }: { bench: Bench; path: string }) => {
    tryProgram(bench, path)
      .then((result): Answer => ({ result }))
      .catch(
        (error: unknown): Answer => ({
          error: error instanceof Error ? (error.stack ?? error.message) : String(error),
        }),
      )
      .then((answer) => process.send?.(answer));
  });
}
