// Runs of a scenario are made by child processes: they use all of the host's CPUs, and one that fails takes no other with it.

import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { extname, join } from 'node:path';
import { type ErrorFacts, MelfError } from '../../base/errors.ts';
import { inParallel } from '../../base/parallel.ts';
import { step } from '../../setup/progress.ts';

/** One run: `module` exports `run(input)`, which gives something that JSON can hold. */
export interface Job<Input> {
  readonly label: string;
  readonly input: Input;
}

/** What a run that failed leaves. */
export interface JobFailure {
  readonly label: string;
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
  readonly facts: ErrorFacts;
  readonly stack: string | undefined;
}

export type JobOutcome<Output> = { readonly output: Output } | { readonly failure: JobFailure };

/** What the runs gave that came to their end. */
export const outputsOf = <Output>(outcomes: readonly JobOutcome<Output>[]): Output[] =>
  outcomes.flatMap((outcome) => ('output' in outcome ? [outcome.output] : []));

export const failuresOf = (outcomes: readonly JobOutcome<unknown>[]): JobFailure[] =>
  outcomes.flatMap((outcome) => ('failure' in outcome ? [outcome.failure] : []));

/** A failure as an error again, for a scenario that cannot do without this run. */
export const failureError = ({ label, message, code, hint, facts }: JobFailure): MelfError =>
  new MelfError(code, `${label}: ${message}`, { facts, hint });

/** What a scenario says of which not one run came to its end. */
export const noRun = ([first]: readonly JobFailure[]): MelfError =>
  new MelfError('scenario.no-run', `Not one run came to its end: ${first?.label}: ${first?.message}`, {
    facts: first?.facts,
    hint: first?.hint,
  });

/** From the child to its parent; `memory`: bytes that it holds. */
export type JobMessage =
  | { readonly result: unknown; readonly memory: number }
  | { readonly error: Omit<JobFailure, 'label'> };

/** An error as it goes through a message and into a report. */
export function describeFailure(error: unknown): Omit<JobFailure, 'label'> {
  if (error instanceof MelfError)
    return { code: error.code, message: error.message, hint: error.hint, facts: error.facts, stack: error.stack };
  const [message, stack] = error instanceof Error ? [error.message, error.stack] : [String(error), undefined];
  return { code: 'internal', message, hint: undefined, facts: {}, stack };
}

const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

const childFile = join(import.meta.dirname, `job-child${extname(import.meta.filename)}`);
/** Of the child's stderr, for a failure that it could not describe itself. */
const keptOutput = 4000;
/** A process that holds more than this after a run makes no other: what runs leave behind goes when the collector gets to it. */
const mostKept = 512 * 2 ** 20;

/** A process that makes one run after the other. Loading and warming up what a run needs takes about as long as a short one. */
class RunProcess {
  readonly #child: ChildProcess;
  #output = '';
  #settle: { resolve(result: unknown): void; reject(error: MelfError): void } | undefined;
  /** Whether it may make another run. */
  fit = true;

  constructor(module: string) {
    const child = fork(childFile, [module], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], serialization: 'advanced' });
    this.#child = child;
    children.add(child);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#output = (this.#output + text).slice(-keptOutput);
    });
    child.on('message', (message) => this.#answer(message as JobMessage));
    child.on('error', (cause) =>
      this.#fail(new MelfError('job.start', 'The process of a run cannot be started', { cause })),
    );
    child.on('close', (status, signal) => {
      children.delete(child);
      const how = signal === null ? `exit code ${status}` : `signal ${signal}`;
      const hint = signal === 'SIGKILL' ? 'Was the machine short of memory?' : undefined;
      const facts = { output: this.#output.trim() };
      this.#fail(new MelfError('job.died', `The run's process ended with ${how}`, { facts, hint }));
    });
  }

  run<Input, Output>(input: Input): Promise<Output> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve: resolve as (result: unknown) => void, reject };
      this.#output = '';
      this.#child.send({ input });
    });
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }

  #answer(answer: JobMessage): void {
    if ('result' in answer) {
      this.fit = answer.memory < mostKept;
      this.#settle?.resolve(answer.result);
      this.#settle = undefined;
      return;
    }
    const { code, message, hint, facts, stack } = answer.error;
    const error = new MelfError(code, message, { facts, hint });
    if (stack !== undefined) error.stack = stack;
    this.#fail(error);
  }

  /** Nothing is known of the state that a failure leaves. */
  #fail(error: MelfError): void {
    this.fit = false;
    this.#settle?.reject(error);
    this.#settle = undefined;
  }
}

/** Runs all jobs, as many at once as the host has CPUs; gives their outcomes in order and never fails itself. */
export async function runJobs<Input, Output>(
  module: string,
  jobs: readonly Job<Input>[],
  width: number = availableParallelism(),
): Promise<JobOutcome<Output>[]> {
  const idle: RunProcess[] = [];
  const tasks = jobs.map(({ label, input }) => async (): Promise<JobOutcome<Output>> => {
    const rested = idle.pop();
    const one = rested?.fit === true ? rested : new RunProcess(module);
    try {
      return { output: await step(label, () => one.run<Input, Output>(input)) };
    } catch (error) {
      return { failure: { label, ...describeFailure(error) } };
    } finally {
      if (one.fit) idle.push(one);
      else one.end();
    }
  });
  try {
    return await inParallel(tasks, Math.max(1, width));
  } finally {
    for (const one of idle) one.end();
  }
}
