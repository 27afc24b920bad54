import type { JobFailure } from './jobs.ts';

/** A claim about the runs of a scenario, and whether it holds: the scenario's exit code depends on it. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** What was compared, with its numbers. */
  readonly detail: string;
}

/** At most so many failed runs are told in one line. */
const shownFailures = 3;

/** That no run failed. @param ended how many came to their end */
export function checkNoRunFailed(ended: number, failures: readonly JobFailure[]): Check {
  const shown = failures.slice(0, shownFailures).map(({ label, message }) => `${label}: ${message}`);
  const more = failures.length > shownFailures ? ` (${failures.length} in all)` : '';
  const ok = failures.length === 0;
  return { name: 'no run failed', ok, detail: ok ? `${ended} runs` : `${shown.join('; ')}${more}` };
}
