import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { MelfError } from '../base/errors.ts';
import type { Measurement, Task } from './child.ts';

export class BenchError extends MelfError {}

/** Of one measured process, ms. */
export const longest = 600_000;

/** Runs a guest in our machine, in a process of its own. Throws when the guest fails: a wrong program has no speed. */
export function runOurs(task: Task): Measurement {
  const child = spawnSync(
    process.execPath,
    ['--import', import.meta.resolve('tsx'), join(import.meta.dirname, 'child.ts'), JSON.stringify(task)],
    { encoding: 'utf8', timeout: longest, maxBuffer: 1 << 26 },
  );
  if (child.status !== 0) throw failed('The measured run', task.argv, child.stderr, child.error);
  const result = JSON.parse(child.stdout) as Measurement;
  if (task.until === undefined ? result.status !== 0 : result.status !== null) {
    throw failed('The guest', task.argv, `${result.output}\nexit status ${result.status}`);
  }
  return result;
}

/** Runs a program as a host process. Its CPU time comes from the shell that waits for it: bash counts milliseconds, other shells hundredths. */
export function runHost(argv: readonly string[]): { readonly cpu: number; readonly output: string } {
  const child = spawnSync('bash', ['-c', '"$@" && times >&2', 'bash', ...argv], { encoding: 'utf8', timeout: longest });
  const times = [...child.stderr.matchAll(/(\d+)m([\d.]+)s/g)].map(
    ([, minutes, rest]) => Number(minutes) * 60 + Number(rest),
  );
  if (child.status !== 0 || times.length < 4) throw failed('The peer', argv, child.stderr, child.error);
  return { cpu: times[2]! + times[3]!, output: child.stdout }; // the second line is the children's: user, system
}

/** What a measured process that failed leaves. */
export function failed(who: string, argv: readonly string[], output: string, cause?: Error): BenchError {
  return new BenchError('bench.run', `${who} failed: ${argv.join(' ')}`, {
    facts: { output: output.trim().split('\n').slice(-6).join('\n'), reason: cause?.message },
    hint: 'Run the same program with `melf run` to see more.',
    cause,
  });
}
