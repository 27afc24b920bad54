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

/** What names a run in a check. */
export interface SeededRun {
  readonly configuration: string;
  readonly seed: number;
}

export const runName = ({ configuration, seed }: SeededRun): string => `${configuration}, seed ${seed}`;

/** One check over many runs: fine when there are some and none has a complaint. */
export function checkEachRun<Run extends SeededRun>(
  name: string,
  runs: readonly Run[],
  complaint: (run: Run) => string | undefined,
  fine: string,
): Check {
  const complaints = runs.flatMap((run) => {
    const text = complaint(run);
    return text === undefined ? [] : [`${runName(run)}: ${text}`];
  });
  const ok = complaints.length === 0 && runs.length > 0;
  const detail = runs.length === 0 ? 'no run to look at' : ok ? fine : complaints.slice(0, 5).join('; ');
  return { name, ok, detail };
}

/** As {@link checkEachRun}, for a kind of runs that need not have been asked for: nothing is claimed where there are none. */
export function checkRunsIfAny<Run extends SeededRun>(
  name: string,
  runs: readonly Run[],
  complaint: (run: Run) => string | undefined,
  fine: string,
): Check[] {
  return runs.length === 0 ? [] : [checkEachRun(name, runs, complaint, fine)];
}

interface TracedRun extends SeededRun {
  readonly traceHash: string;
  readonly events?: number;
}

/** Two runs of the same configuration and seed must have done the same at the same virtual times. */
export function checkRepeat(first: TracedRun, second: TracedRun): Check {
  const over = first.events === undefined ? '' : ` over ${first.events} and ${second.events} events`;
  return {
    name: 'the same seed gives the same trace',
    ok: first.traceHash === second.traceHash,
    detail: `${runName(first)}, run twice: ${first.traceHash} and ${second.traceHash}${over}`,
  };
}
