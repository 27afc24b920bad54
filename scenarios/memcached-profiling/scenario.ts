// The paper's first experiment on the real memcached: what do clients that are profiled cost those that are not?

import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MelfError } from '../../base/errors.ts';
import { ensureEngine } from '../../setup/engine.ts';
import { note, seconds } from '../../setup/progress.ts';
import { endInOrder } from '../runner/interruption.ts';
import { type Job, type JobFailure, runJobs } from '../runner/jobs.ts';
import { parseProfile, renderProfile, resolveProfile } from '../runner/profiler/profile.ts';
import { ResultFolder } from '../runner/results.ts';
import { type FunctionTable, readFunctions } from '../runner/symbols.ts';
import { terminalTable } from '../runner/terminal.ts';
import { type Check, checkRepeat, checkRuns, checkShape } from './checks.ts';
import { type Configuration, parseConfiguration } from './configurations.ts';
import { type Executables, ensureExecutables } from './executable.ts';
import { readOptions, type ScenarioOptions } from './options.ts';
import { buildReport, type Report } from './report.ts';
import { drawPlots, reportPage } from './report-page.ts';
import type { RunInput, RunRecord } from './run-record.ts';
import { changeAgainst, groupRuns, summarise } from './summary.ts';
import { latencyTable, machineTable } from './tables.ts';

const name = 'memcached-profiling';
const runModule = join(import.meta.dirname, 'run.ts');

/** Which run is traced and repeated: the one in which most happens, if it is among those asked for. */
function showcase(configurations: readonly Configuration[]): Configuration {
  const rank = ({ form, profiledShare }: Configuration): number =>
    form === 'melf' ? 1 - Math.abs(profiledShare - 0.5) : -1;
  return [...configurations].sort((a, b) => rank(b) - rank(a))[0]!;
}

interface Finished {
  readonly runs: RunRecord[];
  /** The showcase run for a second time. */
  readonly repeat: RunRecord | undefined;
  readonly failures: JobFailure[];
}

async function runAll(options: ScenarioOptions, executables: Executables, folder: ResultFolder): Promise<Finished> {
  const { configurations, seeds, load, machine } = options;
  const shown = showcase(configurations);
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
    runs: first.flatMap((outcome) => ('output' in outcome ? [outcome.output] : [])),
    repeat: again !== undefined && 'output' in again ? again.output : undefined,
    failures: outcomes.flatMap((outcome) => ('failure' in outcome ? [outcome.failure] : [])),
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
  checks.push({
    name: 'every run ends',
    ok: failures.length === 0,
    detail:
      failures.length === 0
        ? `${runs.length} runs`
        : failures.map(({ label, message }) => `${label}: ${message}`).join('; '),
  });
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

function printSummary(report: Report, failures: readonly JobFailure[], out: (text: string) => void): void {
  for (const { head, rows } of [latencyTable(report.results), machineTable(report.results)])
    out(`\n${terminalTable(head, rows)}\n`);
  out('\n');
  for (const { ok, name: what, detail } of report.checks) out(`${ok ? '✓' : '✗'} ${what}${ok ? '' : ` — ${detail}`}\n`);
  for (const { label, message, hint, facts } of failures) {
    out(`\n${label} failed: ${message}\n`);
    for (const [fact, value] of Object.entries(facts))
      if (value !== undefined && value !== '') out(`  ${fact}: ${value}\n`);
    if (hint !== undefined) out(`  ${hint}\n`);
  }
  out('\nLatencies are model cycles as time: they compare configurations, they are not those of any hardware.\n');
}

function noRun([first]: readonly JobFailure[]): MelfError {
  return new MelfError('scenario.no-run', `Not one run came to its end: ${first?.label}: ${first?.message}`, {
    facts: first?.facts,
    hint: first?.hint,
  });
}

/** `npm run scenario memcached-profiling`; the exit code is 0 when every check holds. */
export async function main(argv: string[]): Promise<number> {
  const options = await readOptions(argv);
  if (options === undefined) return 0;
  const started = performance.now();
  endInOrder();
  const folder = ResultFolder.create(name, `seed-${options.seeds[0]}${options.quick ? '-quick' : ''}`, options.out);
  const engine = await ensureEngine();
  const executables = await ensureExecutables(
    options.machine.isa,
    options.configurations.map(({ form }) => form),
  );
  try {
    const finished = await runAll(options, executables, folder);
    if (finished.runs.length === 0) throw noRun(finished.failures);
    const functions = functionTables(executables);
    const groups = groupRuns(
      options.configurations.map(({ id }) => id),
      finished.runs,
    );
    const report = buildReport({
      options,
      results: summarise(groups, 2 * options.machine.networkLatency),
      checks: check(options, finished, functions),
      failures: finished.failures,
      versions: { ...executables.versions, unicorn: engine.unicorn.version },
    });
    const text = `${JSON.stringify(report, undefined, 2)}\n`;
    folder.write('report.json', text);
    writeProfiles(folder, finished.runs, functions);
    if (executables.paths.melf !== undefined) copyFileSync(executables.paths.melf, folder.file('memcached'));
    const timeline = finished.runs.find((run) => run.timeline !== undefined)?.timeline;
    const plots = await drawPlots(report, groups, timeline);
    for (const [plot, svg] of Object.entries(plots)) if (svg !== undefined) folder.write(`${plot}.svg`, svg);
    folder.write('report.html', reportPage(report, plots));
    folder.publish();
    printSummary(report, finished.failures, (line) => process.stderr.write(line));
    note(`results in ${folder.path} (${seconds(performance.now() - started)})`);
    if (options.json) process.stdout.write(text);
    return report.checks.every(({ ok }) => ok) ? 0 : 1;
  } finally {
    folder.discard();
  }
}
