// Tries programs in a process of its own, a new one every so often: a machine's memory is only given back when its process ends.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { projectRoot } from '../../setup/project.ts';
import { type ChaosRun, tryInChaos } from './chaos.ts';
import { type Bench, tryProgram, type Verdict } from './torture.ts';

type Tried = Awaited<ReturnType<typeof tryProgram>>;
/** The run in peace, then one with each seed. */
type Chaos = { readonly runs: readonly ChaosRun[] };
type Result = Tried | Chaos;
interface Task {
  readonly bench: Bench;
  readonly path: string;
  /** Of the chaos switch; absent: the program is tried in every variant. */
  readonly seeds?: readonly number[];
}
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

  async tryProgram(path: string): Promise<Tried> {
    return (await this.#give({ bench: this.#bench, path })) as Tried;
  }

  /** Under the chaos switch, see tryInChaos. */
  async tryInChaos(path: string, seeds: readonly number[]): Promise<Chaos | Verdict> {
    return (await this.#give({ bench: this.#bench, path, seeds })) as Chaos | Verdict;
  }

  async #give(task: Task): Promise<Result> {
    if (this.#tried++ % BATCH === 0) await this.close();
    this.#child ??= fork(import.meta.filename, ['serve'], { execArgv: ['--import', 'tsx'], cwd: projectRoot });
    const child = this.#child;
    child.send(task);
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
  process.on('message', ({ bench, path, seeds }: Task) => {
    const attempt: Promise<Result> = seeds === undefined ? tryProgram(bench, path) : tryInChaos(bench, path, seeds);
    attempt
      .then((result): Answer => ({ result }))
      .catch(
        (error: unknown): Answer => ({
          error: error instanceof Error ? (error.stack ?? error.message) : String(error),
        }),
      )
      .then((answer) => process.send?.(answer));
  });
}
