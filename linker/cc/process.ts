import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { MelfError } from '../../base/errors.ts';
import { cleanups } from './cleanups.ts';
import { handedOn } from './raw-words.ts';
import { tell } from './tell.ts';

/** What a program did. */
export interface Outcome {
  /** Exit code; 128 and the signal's number for one that a signal ended, as a shell has it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Its standard input. */
  readonly input?: Uint8Array;
  /** Keep what it writes, or what it writes to its standard output, instead of passing it on. */
  readonly quiet?: boolean | 'stdout';
  /** Keep what it writes to its standard error and pass it on, too. */
  readonly echo?: boolean;
  readonly env?: NodeJS.ProcessEnv;
}

const notStarted = (program: string, cause: Error): MelfError =>
  new MelfError('cc.no-compiler', `${program} cannot be started: ${cause.message}`, {
    hint: 'The wrapped compiler is named in melf.toml ([compiler] c, cxx) or by MELF_CC and MELF_CXX.',
    cause,
  });

/** Runs a tool that answers at once, to its end; without `input` it reads this process's. @throws MelfError when it cannot be started. */
export function runTool(argv: readonly string[], { input, quiet = false, env }: RunOptions = {}): Outcome {
  const result = spawnSync(argv[0]!, handedOn(argv.slice(1)), {
    stdio: [
      input === undefined ? 'inherit' : 'pipe',
      quiet === false ? 'inherit' : 'pipe',
      quiet === true ? 'pipe' : 'inherit',
    ],
    input,
    env: env ?? process.env,
    maxBuffer: 1 << 28,
  });
  if (result.error !== undefined && result.status === null && result.signal === null) {
    throw notStarted(argv[0]!, result.error);
  }
  const code = result.status ?? 128 + constants.signals[result.signal!];
  // `null` for what was passed on.
  return { code, stdout: result.stdout?.toString() ?? '', stderr: result.stderr?.toString() ?? '' };
}

/** A compiler at work. */
export interface RunningTool {
  /** Rejects with a MelfError when it cannot be started. */
  readonly outcome: Promise<Outcome>;
  /** Ends it and all that it started. */
  stop(signal?: NodeJS.Signals): void;
}

const running = new Set<RunningTool>();
const SIGNALS: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP'];

function end(signal: NodeJS.Signals): void {
  for (const one of running) one.stop(signal);
  for (const clean of cleanups) clean();
  for (const one of SIGNALS) process.off(one, end);
  // So that the caller sees what ended this process.
  process.kill(process.pid, signal);
}

/**
 * Starts a compiler. It leads a session of its own: gcc starts the programs that do the work and leaves them running when a signal ends it
 * alone. Without `input` it has no standard input.
 */
export function startTool(
  argv: readonly string[],
  { input, quiet = false, echo = false, env }: RunOptions = {},
): RunningTool {
  const output = quiet === false ? 'inherit' : 'pipe';
  // While nothing runs a signal ends this process by itself, also in the middle of a link. Between a compiler's start and the listening it
  // would leave that compiler behind.
  if (running.size === 0) for (const one of SIGNALS) process.on(one, end);
  const child = spawn(argv[0]!, handedOn(argv.slice(1)), {
    stdio: [input === undefined ? 'ignore' : 'pipe', output, echo ? 'pipe' : output],
    env: env ?? process.env,
    detached: true,
  });
  if (echo) child.stderr?.on('data', (part: Buffer) => tell(part));
  const tool: RunningTool = {
    outcome: outcomeOf(child, argv[0]!).finally(() => {
      running.delete(tool);
      if (running.size === 0) for (const one of SIGNALS) process.off(one, end);
    }),
    stop: (signal = 'SIGTERM') => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, signal);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    },
  };
  running.add(tool);
  if (input !== undefined && child.stdin !== null) {
    // A compiler that gave up early has closed it; its exit code tells.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  }
  return tool;
}

function outcomeOf(child: ChildProcess, program: string): Promise<Outcome> {
  const texts: [Buffer[], Buffer[]] = [[], []];
  child.stdout?.on('data', (part: Buffer) => texts[0].push(part));
  child.stderr?.on('data', (part: Buffer) => texts[1].push(part));
  return new Promise((resolve, reject) => {
    child.on('error', (cause) => reject(notStarted(program, cause)));
    child.on('close', (status, signal) => {
      const [stdout, stderr] = texts.map((parts) => Buffer.concat(parts).toString()) as [string, string];
      resolve({ code: status ?? 128 + constants.signals[signal!], stdout, stderr });
    });
  });
}
