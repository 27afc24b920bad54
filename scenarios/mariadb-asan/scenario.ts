// The paper's third case on the real MariaDB: what do connections that are address-sanitised cost those that are not, and are mistakes
// found in them and nowhere else?

import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { readableNames } from '../../base/demangle.ts';
import { ensureEngine } from '../../setup/engine.ts';
import { note } from '../../setup/progress.ts';
import { type Check, checkNoRunFailed, checkRepeat } from '../runner/checks.ts';
import { conduct, type Findings, showcase } from '../runner/experiment.ts';
import { failuresOf, type Job, type JobFailure, noRun, outputsOf, runJobs } from '../runner/jobs.ts';
import { modelCaveat } from '../runner/provenance.ts';
import type { ResultFolder } from '../runner/results.ts';
import { terminalTable } from '../runner/terminal.ts';
import { checkRuns, checkShape } from './checks.ts';
import { baselineId, type Configuration, configurationOfRun, contextIds, plantedIds } from './configurations.ts';
import { type Executables, ensureExecutables } from './executable.ts';
import { checkedOnlyLoad, type Load } from './load.ts';
import { readOptions, type ScenarioOptions } from './options.ts';
import { buildReport } from './report.ts';
import { drawPlots, reportPage } from './report-page.ts';
import type { RunInput, RunRecord } from './run-record.ts';
import { serve } from './serve.ts';
import { changeAgainst, groupRuns, summarise } from './summary.ts';
import { checkedTable, latencyTable, machineTable } from './tables.ts';

const name = 'mariadb-asan';
const runModule = join(import.meta.dirname, 'run.ts');

interface Finished {
  readonly runs: RunRecord[];
  /** Those that are only checked. */
  readonly checked: RunRecord[];
  /** The showcase run for a second time. */
  readonly repeat: RunRecord | undefined;
  readonly failures: JobFailure[];
}

async function runAll(options: ScenarioOptions, executables: Executables, folder: ResultFolder): Promise<Finished> {
  const { configurations, seeds, load, machine } = options;
  const shown = showcase(configurations, ({ form, sanitisedShare }) => (form === 'melf' ? sanitisedShare : undefined));
  const first = seeds[0]!;
  const job = (one: Configuration, seed: number, what = '', trace?: string, of: Load = load): Job<RunInput> => ({
    label: `${one.id}, seed ${seed}${what}`,
    input: {
      configuration: one.id,
      executable: executables.paths[one.form],
      files: executables.files,
      seed,
      load: of,
      machine: one.pool === undefined ? machine : { ...machine, threads: { groups: one.pool } },
      trace,
    },
  });
  const checked = [...(options.plant ? plantedIds : []), ...(options.contexts ? contextIds : [])].map(
    configurationOfRun,
  );
  const jobs = [
    job(shown, first, ', again'),
    ...checked.map((one) => job(one, first, '', undefined, checkedOnlyLoad(load))),
    ...seeds.flatMap((seed) =>
      configurations.map((one) =>
        job(one, seed, '', one === shown && seed === first ? folder.file('trace.json') : undefined),
      ),
    ),
  ];
  const outcomes = await runJobs<RunInput, RunRecord>(runModule, jobs, options.jobs);
  const [again, ...others] = outcomes;
  const runs = outputsOf(others);
  return {
    runs: runs.filter(({ configuration }) => configurations.some(({ id }) => id === configuration)),
    checked: runs.filter(({ configuration }) => checked.some(({ id }) => id === configuration)),
    repeat: again !== undefined && 'output' in again ? again.output : undefined,
    failures: failuresOf(outcomes),
  };
}

function check(options: ScenarioOptions, { runs, checked, repeat, failures }: Finished): Check[] {
  const checks = checkRuns([...runs, ...checked]);
  const original = runs.find((run) => run.configuration === repeat?.configuration && run.seed === repeat.seed);
  if (repeat !== undefined && original !== undefined) checks.push(checkRepeat(original, repeat));
  if (options.standard) {
    const of = (id: string): RunRecord[] => runs.filter(({ configuration }) => configuration === id);
    const plain = of(baselineId);
    checks.push(
      ...checkShape(
        new Map([
          ['melf-75', changeAgainst(of('melf-75'), plain)],
          ['always', changeAgainst(of('always'), plain, 'sanitised')],
        ]),
      ),
    );
  }
  checks.push(checkNoRunFailed(runs.length + checked.length, failures));
  return checks;
}

/** For the terminal alone: times of the host are not what makes a report, which repeats. */
function hostStart(runs: readonly RunRecord[]): string {
  const seconds = Math.max(...runs.map(({ hostStartSeconds }) => hostStartSeconds));
  return `The server listened after ${seconds.toFixed(1)} s of the host's time in the slowest of ${runs.length} runs.`;
}

/** Runs, and writes all but the report into the folder. */
async function measure(options: ScenarioOptions, folder: ResultFolder): Promise<Findings> {
  const engine = await ensureEngine();
  const executables = await ensureExecutables(options.machine.isa);
  const finished = await runAll(options, executables, folder);
  const { runs, checked, failures } = finished;
  if (runs.length === 0) throw noRun(failures);
  const groups = groupRuns(
    options.configurations.map(({ id }) => id),
    runs,
  );
  const report = buildReport({
    options,
    results: summarise(groups),
    checked,
    checks: check(options, finished),
    failures,
    versions: { ...executables.versions, unicorn: engine.unicorn.version },
  });
  copyFileSync(executables.paths.melf, folder.file('mariadbd'));
  const example = report.planted?.example ?? '';
  if (example !== '') folder.write('planted-report.txt', readableNames(example));
  const plots = await drawPlots(report, groups);
  for (const [plot, svg] of Object.entries(plots)) folder.write(`${plot}.svg`, svg);
  return {
    report,
    page: reportPage(report, plots),
    summary: [
      ...[latencyTable(report.results), machineTable(report.results), checkedTable(report.checked)]
        .filter(({ rows }) => rows.length > 0)
        .map(terminalTable),
      hostStart(runs),
    ],
    failures,
    caveat: modelCaveat,
  };
}

/** `npm run scenario mariadb-asan`; the exit code is 0 when every check holds. */
export async function main(argv: string[]): Promise<number> {
  const options = await readOptions(argv);
  if (options === undefined) return 0;
  if (options.build) {
    const { paths } = await ensureExecutables(options.machine.isa);
    note(`MariaDB (${options.machine.isa}) is built and linked in every form: ${Object.keys(paths).join(', ')}`);
    return 0;
  }
  if (options.publish !== undefined) {
    await ensureEngine();
    return serve(options.publish, await ensureExecutables(options.machine.isa), options.machine);
  }
  const label = `seed-${options.seeds[0]}${options.quick ? '-quick' : ''}`;
  return conduct({ name, label, out: options.out, json: options.json }, (folder) => measure(options, folder));
}
