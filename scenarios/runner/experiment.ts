// What every scenario does around its own measurements.

import { note, seconds } from '../../setup/progress.ts';
import type { Check } from './checks.ts';
import { endInOrder } from './interruption.ts';
import type { JobFailure } from './jobs.ts';
import { ResultFolder } from './results.ts';
import { checkLines, failureLines } from './terminal.ts';

export interface Experiment {
  readonly name: string;
  /** Tells its result folder from those of other calls: "seed-1-quick". */
  readonly label: string;
  /** `--out` */
  readonly out: string | undefined;
  /** `--json` */
  readonly json: boolean;
}

/** What came out. Files beside the report are written into the result folder by who measures. */
export interface Findings {
  /** report.json */
  readonly report: { readonly scenario: string; readonly checks: readonly Check[] };
  /** report.html */
  readonly page: string;
  /** What the terminal shows before the checks: tables, mostly. */
  readonly summary: readonly string[];
  readonly failures?: readonly JobFailure[];
  /** How the numbers are to be taken; the terminal's last line. */
  readonly caveat: string;
}

/**
 * Measures, and writes, shows and publishes what came out. Results appear when all of them are there: a failure or an interruption leaves none.
 *
 * @returns the exit code: 0 when every check holds
 */
export async function conduct(
  { name, label, out, json }: Experiment,
  measure: (folder: ResultFolder) => Promise<Findings>,
): Promise<number> {
  const started = performance.now();
  endInOrder();
  const folder = ResultFolder.create(name, label, out);
  try {
    const { report, page, summary, failures = [], caveat } = await measure(folder);
    const text = `${JSON.stringify(report, undefined, 2)}\n`;
    folder.write('report.json', text);
    folder.write('report.html', page);
    folder.publish();
    for (const part of [...summary, checkLines(report.checks), ...failures.map(failureLines), caveat])
      process.stderr.write(`\n${part}\n`);
    note(`results in ${folder.path} (${seconds(performance.now() - started)})`);
    if (json) process.stdout.write(text);
    return report.checks.every(({ ok }) => ok) ? 0 : 1;
  } finally {
    folder.discard();
  }
}

/**
 * Which configuration is traced and repeated: the one in which most happens, that is the MELF whose share of clients in the other variant is
 * nearest to a half. @param shareOf that share; undefined where there is one variant only
 */
export function showcase<Configuration>(
  configurations: readonly Configuration[],
  shareOf: (configuration: Configuration) => number | undefined,
): Configuration {
  const rank = (one: Configuration): number => {
    const share = shareOf(one);
    return share === undefined ? -1 : 1 - Math.abs(share - 0.5);
  };
  return [...configurations].sort((a, b) => rank(b) - rank(a))[0]!;
}
