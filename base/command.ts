import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { appendFileSync, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { MelfError } from './errors.ts';

export interface CommandOptions {
  readonly cwd?: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** A file that the whole output is added to, kept for a look after a failure. */
  readonly log?: string;
  /** Milliseconds; the command is killed after them. */
  readonly timeout?: number;
  /** Gets what the command writes to stdout as it comes. */
  readonly onOutput?: (text: string) => void;
}

const runningChildren = new Set<ChildProcess>();
const endingSignals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

function endChildren(): void {
  for (const child of runningChildren) child.kill('SIGTERM');
}

/** A signal to this process alone must not leave a compiler or a download behind, writing into a folder that the next run clears away. */
function endWith(signal: NodeJS.Signals): void {
  endChildren();
  for (const one of endingSignals) process.off(one, endWith);
  process.kill(process.pid, signal);
}

process.on('exit', endChildren);

/** Listens before there is a child: a signal between its start and the listening would leave it behind. */
function started<T extends ChildProcess>(start: () => T): T {
  if (runningChildren.size === 0) for (const signal of endingSignals) process.on(signal, endWith);
  const child = start();
  runningChildren.add(child);
  return child;
}

function ended(child: ChildProcess): void {
  runningChildren.delete(child);
  if (runningChildren.size === 0) for (const signal of endingSignals) process.off(signal, endWith);
}

/** Messages in the user's language cannot be matched, and sort orders differ: tools run in the C locale. */
const toolEnvironment = { LC_ALL: 'C', LANGUAGE: 'C' };
const tailLines = 12;

/** The last lines of a tool's output, for an error's facts. */
export function tail(text: string, lines: number = tailLines): string {
  return text.trimEnd().split('\n').slice(-lines).join('\n');
}

export class CommandError extends MelfError {
  readonly output: string;
  readonly status: number | undefined;

  constructor(
    argv: readonly string[],
    status: number | undefined,
    output: string,
    log: string | undefined,
    cause?: unknown,
  ) {
    super('command.failed', `${argv[0]} failed${status === undefined ? '' : ` with exit code ${status}`}`, {
      facts: { command: argv.join(' '), output: tail(output), log },
      hint: log === undefined ? undefined : `The whole output is in ${log}.`,
      cause,
    });
    this.output = output;
    this.status = status;
  }
}

/** Runs a tool without a shell and gives what it wrote to stdout. Throws `CommandError` with the tail of its output. */
export function run(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const [program, ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = started(() =>
      spawn(program ?? '', args, {
        cwd: options.cwd,
        env: { ...process.env, ...toolEnvironment, ...options.env },
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: options.timeout,
      }),
    );
    const stdout: Buffer[] = [];
    const all: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => {
      stdout.push(chunk);
      all.push(chunk);
      options.onOutput?.(chunk.toString('utf8'));
    });
    child.stderr.on('data', (chunk: Buffer) => all.push(chunk));
    child.on('error', (error) => {
      ended(child);
      reject(new CommandError(argv, undefined, error.message, options.log, error));
    });
    child.on('close', (status, signal) => {
      ended(child);
      const output = Buffer.concat(all).toString('utf8');
      if (options.log !== undefined) appendFileSync(options.log, `$ ${argv.join(' ')}\n${output}\n`);
      if (status === 0) resolve(Buffer.concat(stdout).toString('utf8'));
      else
        reject(
          new CommandError(
            argv,
            status ?? undefined,
            signal === null ? output : `${output}\nended by ${signal}`,
            options.log,
          ),
        );
    });
  });
}

/** The output of a tool that answers at once (a version, a path), or `undefined` when it is missing or refuses. */
export function ask(argv: readonly string[]): string | undefined {
  const [program, ...args] = argv;
  const result = spawnSync(program ?? '', args, { encoding: 'utf8', env: { ...process.env, ...toolEnvironment } });
  return result.status === 0 ? result.stdout.trim() : undefined;
}

/** Where PATH has `program`, or `undefined`. */
export function findProgram(program: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find((path) => existsSync(path));
}
