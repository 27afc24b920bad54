// The paper's first experiment on the real memcached: what do clients that are profiled cost those that are not?

import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureEngine } from '../../setup/engine.ts';
import { type Check, checkNoRunFailed, checkRepeat } from '../runner/checks.ts';
import { conduct, type Findings, showcase } from '../runner/experiment.ts';
import { failuresOf, type Job, type JobFailure, noRun, outputsOf, runJobs } from '../runner/jobs.ts';
import { parseProfile, renderProfile, resolveProfile } from '../runner/profiler/profile.ts';
import { modelCaveat } from '../runner/provenance.ts';
import type { ResultFolder } from '../runner/results.ts';
import { type FunctionTable, readFunctions } from '../runner/symbols.ts';
import { terminalTable } from '../runner/terminal.ts';
import { checkRuns, checkShape } from './checks.ts';
import { type Configuration, parseConfiguration } from './configurations.ts';
import { type Executables, ensureExecutables } from './executable.ts';
import { readOptions, type ScenarioOptions } from './options.ts';
import { buildReport } from './report.ts';
import { drawPlots, reportPage } from './report-page.ts';
import type { RunInput, RunRecord } from './run-record.ts';
import { changeAgainst, groupRuns, summarise } from './summary.ts';
import { latencyTable, machineTable } from './tables.ts';

const name = 'memcached-profiling';
const runModule = join(import.meta.dirname, 'run.ts');

interface Finished {
  readonly runs: RunRecord[];
  /** The showcase run for a second time. */
  readonly repeat: RunRecord | undefined;
  readonly failures: JobFailure[];
}

async function runAll(options: ScenarioOptions, executables: Executables, folder: ResultFolder): Promise<Finished> {
  const { configurations, seeds, load, machine } = options;
  const shown = showcase(configurations, ({ form, profiledShare }) => (form === 'melf' ? profiledShare : undefined));
  const input = ({ id, form }: Configuration, seed: number, traced: boolean): RunInput => ({
    configuration: id,
    executable: executables.paths[form]!,
    seed,
    load,
    machine,
    recording: traced,
    trace: traced ? folder.file('trace.json') : undefined,
  });
  const jobs: Job<RunInput>[] = [
    { label: `${shown.id}, seed ${seeds[0]}, again`, input: input(shown, seeds[0]!, false) },
    ...seeds.flatMap((seed) =>
      configurations.map((configuration) => ({
        label: `${configuration.id}, seed ${seed}`,
        input: input(configuration, seed, configuration === shown && seed === seeds[0]),
      })),
    ),
  ];
  const outcomes = await runJobs<RunInput, RunRecord>(runModule, jobs, options.jobs);
  const [again, ...first] = outcomes;
  return {
    runs: outputsOf(first),
    repeat: again !== undefined && 'output' in again ? again.output : undefined,
    failures: failuresOf(outcomes),
  };
}

function check(
  options: ScenarioOptions,
  { runs, repeat, failures }: Finished,
  functions: (id: string) => FunctionTable,
): Check[] {
  const checks = checkRuns(runs, functions);
  const original = runs.find((run) => run.configuration === repeat?.configuration && run.seed === repeat.seed);
  if (repeat !== undefined && original !== undefined) checks.push(checkRepeat(original, repeat));
  if (options.standard) {
    const of = (id: string): RunRecord[] => runs.filter(({ configuration }) => configuration === id);
    checks.push(
      ...checkShape(new Map(['melf-0', 'melf-75', 'always'].map((id) => [id, changeAgainst(of(id), of('plain'))]))),
    );
  }
  checks.push(checkNoRunFailed(runs.length, failures));
  return checks;
}

/** The executables' symbol tables, each read once. */
function functionTables(executables: Executables): (id: string) => FunctionTable {
  const tables = new Map<string, FunctionTable>();
  return (id) => {
    const path = executables.paths[parseConfiguration(id).form]!;
    let table = tables.get(path);
    if (table === undefined) {
      table = readFunctions(readFileSync(path));
      tables.set(path, table);
    }
    return table;
  };
}

/** The first seed's profile of each configuration that has one, as gprof would print it. */
function writeProfiles(
  folder: ResultFolder,
  runs: readonly RunRecord[],
  functions: (id: string) => FunctionTable,
): void {
  const written = new Set<string>();
  for (const { configuration, profile } of runs) {
    if (profile === '' || written.has(configuration)) continue;
    written.add(configuration);
    const resolved = resolveProfile(parseProfile(profile), functions(configuration));
    if (resolved.total > 0) folder.write(`profile-${configuration}.txt`, renderProfile(resolved));
  }
}

/** Runs, and writes all but the report into the folder. */
async function measure(options: ScenarioOptions, folder: ResultFolder): Promise<Findings> {
  const engine = await ensureEngine();
  const executables = await ensureExecutables(
    options.machine.isa,
    options.configurations.map(({ form }) => form),
  );
  const finished = await runAll(options, executables, folder);
  const { runs, failures } = finished;
  if (runs.length === 0) throw noRun(failures);
  const functions = functionTables(executables);
  const ids = options.configurations.map(({ id }) => id);
  const groups = groupRuns(ids, runs);
  const report = buildReport({
    options,
    results: summarise(groups, 2 * options.machine.networkLatency),
    checks: check(options, finished, functions),
    failures,
    versions: { ...executables.versions, unicorn: engine.unicorn.version },
  });
  writeProfiles(folder, runs, functions);
  if (executables.paths.melf !== undefined) copyFileSync(executables.paths.melf, folder.file('memcached'));
  const plots = await drawPlots(report, groups, runs.find((run) => run.timeline !== undefined)?.timeline);
  for (const [plot, svg] of Object.entries(plots)) if (svg !== undefined) folder.write(`${plot}.svg`, svg);
  return {
    report,
    page: reportPage(report, plots),
    summary: [latencyTable(report.results), machineTable(report.results)].map(terminalTable),
    failures,
    caveat: modelCaveat,
  };
}

/** `npm run scenario memcached-profiling`; the exit code is 0 when every check holds. */
export async function main(argv: string[]): Promise<number> {
  const options = await readOptions(argv);
  if (options === undefined) return 0;
  const label = `seed-${options.seeds[0]}${options.quick ? '-quick' : ''}`;
  return conduct({ name, label, out: options.out, json: options.json }, (folder) => measure(options, folder));
}
