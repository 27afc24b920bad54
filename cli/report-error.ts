import pc from 'picocolors';
import { UsageError } from '../base/arguments.ts';
import { MelfError } from '../base/errors.ts';

const indented = (text: string): string => text.split('\n').join('\n    ');

/** The stack of an error and of what caused it. */
function stacks(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.stack ?? error.message;
  return error.cause === undefined ? own : `${own}\ncaused by: ${stacks(error.cause)}`;
}

/** An error as a user reads it: what, the facts, what to do; with `debug` the stack trace too. */
export function formatError(error: unknown, debug: boolean): string {
  const lines: string[] = [];
  if (error instanceof MelfError) {
    lines.push(`${pc.red('error:')} ${error.message} ${pc.dim(`[${error.code}]`)}`);
    for (const [name, value] of Object.entries(error.facts)) {
      if (value !== undefined && value !== '') lines.push(`  ${name}: ${indented(String(value))}`);
    }
    if (error.hint !== undefined) lines.push(`${pc.cyan('hint:')} ${error.hint}`);
  } else {
    lines.push(`${pc.red('internal error:')} ${error instanceof Error ? error.message : String(error)}`);
    if (!debug)
      lines.push(
        `${pc.cyan('hint:')} This is a defect of melf-sandbox. Run the same command with --debug for its stack trace.`,
      );
  }
  if (debug) lines.push(stacks(error));
  return lines.join('\n');
}

/** 2 for a wrong command line, 1 for everything else. */
export function exitCodeOf(error: unknown): number {
  return error instanceof UsageError ? 2 : 1;
}

/** Shows an error and ends the process as it asks for. */
export function reportAndLeave(error: unknown, debug: boolean): never {
  process.stderr.write(`${formatError(error, debug)}\n`);
  process.exit(exitCodeOf(error));
}
