import { spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { MelfError } from '../../base/errors.ts';

/** What a program did. */
export interface Outcome {
  /** Exit code; 128 and the signal's number for one that a signal ended, as a shell has it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Its standard input; absent: this process's. */
  readonly input?: Uint8Array;
  /** Keep what it writes instead of passing it on. */
  readonly quiet?: boolean;
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs a tool to its end. @throws MelfError when it cannot be started. */
export function runTool(argv: readonly string[], { input, quiet = false, env }: RunOptions = {}): Outcome {
  const output = quiet ? 'pipe' : 'inherit';
  const result = spawnSync(argv[0]!, argv.slice(1), {
    stdio: [input === undefined ? 'inherit' : 'pipe', output, output],
    input,
    env: env ?? process.env,
    maxBuffer: 1 << 28,
  });
  if (result.error !== undefined && result.status === null && result.signal === null) {
    throw new MelfError('cc.no-compiler', `${argv[0]} cannot be started: ${result.error.message}`, {
      hint: 'The wrapped compiler is named in melf.toml ([compiler] c, cxx) or by MELF_CC and MELF_CXX.',
      cause: result.error,
    });
  }
  const code = result.status ?? 128 + constants.signals[result.signal!];
  return { code, stdout: quiet ? result.stdout.toString() : '', stderr: quiet ? result.stderr.toString() : '' };
}
