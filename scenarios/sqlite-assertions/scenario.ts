// SQLite's assertions chosen at run time: for a thread, a statement, a session.

import { join } from 'node:path';
import { MelfError } from '../../base/errors.ts';
import { ensureEngine } from '../../setup/engine.ts';
import { note, seconds } from '../../setup/progress.ts';
import { endInOrder } from '../runner/interruption.ts';
import { type Job, type JobFailure, runJobs } from '../runner/jobs.ts';
import { ResultFolder } from '../runner/results.ts';
import { terminalTable } from '../runner/terminal.ts';
import { type Check, checkRefusal, checkRepeat, checkService, checkShape, checkSpeedtest } from './checks.ts';
import { measureCode } from './code-size.ts';
import { type Executables, ensureExecutables } from './executable.ts';
import { forms } from './forms.ts';
import { readOptions, type ScenarioOptions } from './options.ts';
import { buildReport, type Report } from './report.ts';
import { drawPlots, reportPage } from './report-page.ts';
import type { RunInput, RunRecord, ServiceRecord, SpeedtestRecord } from './run-record.ts';
import { groupRuns, summarise } from './summary.ts';
import { codeTables, serviceTable, speedtestTable } from './tables.ts';

const name = 'sqlite-assertions';
const runModule = join(import.meta.dirname, 'run.ts');
/** The configuration that is run for a second time, if it is among those asked for: the one with most switches. */
const repeated = 'middle';

interface Finished {
  readonly service: ServiceRecord[];
  readonly speedtests: SpeedtestRecord[];
  readonly repeat: ServiceRecord | undefined;
  readonly failures: JobFailure[];
}

function serviceJobs(
  { configurations, seeds, load, machine }: ScenarioOptions,
  { paths }: Executables,
): Job<RunInput>[] {
  return seeds.flatMap((seed) =>
    configurations.map(({ id, form }) => ({
      label: `${id}, seed ${seed}`,
      input: { program: 'service', configuration: id, executable: paths.service[form], seed, load, machine },
    })),
  );
}

/** Nothing of speedtest1 depends on a seed. */
function speedtestJobs(
  { machine, seeds, speedtestSize: size }: ScenarioOptions,
  { paths }: Executables,
): Job<RunInput>[] {
  const seed = seeds[0]!;
  return (Object.keys(forms) as (keyof typeof forms)[]).flatMap((form) =>
    forms[form].map((variant) => ({
      label: `speedtest1, ${form}, ${variant}`,
      input: { program: 'speedtest1', form, variant, executable: paths.speedtest1[form], seed, size, machine },
    })),
  );
}

async function runAll(options: ScenarioOptions, executables: Executables): Promise<Finished> {
  const service = options.programs.includes('service') ? serviceJobs(options, executables) : [];
  const speedtests = options.programs.includes('speedtest1') ? speedtestJobs(options, executables) : [];
  const chosen = options.configurations.find(({ id }) => id === repeated) ?? options.configurations[0]!;
  const again = service.find(({ label }) => label === `${chosen.id}, seed ${options.seeds[0]}`);
  // The longest first.
  const jobs = [
    ...speedtests,
    ...service,
    ...(again === undefined ? [] : [{ ...again, label: `${again.label}, again` }]),
  ];
  const outcomes = await runJobs<RunInput, RunRecord>(runModule, jobs, options.jobs);
  const outputs = outcomes.map((outcome) => ('output' in outcome ? outcome.output : undefined));
  const repeat = again === undefined ? undefined : outputs.pop();
  return {
    service: outputs.filter((run) => run?.program === 'service'),
    speedtests: outputs.filter((run) => run?.program === 'speedtest1'),
    repeat: repeat?.program === 'service' ? repeat : undefined,
    failures: outcomes.flatMap((outcome) => ('failure' in outcome ? [outcome.failure] : [])),
  };
}

function check(options: ScenarioOptions, { service, speedtests, repeat, failures }: Finished, refusal: Check): Check[] {
  const checks = [refusal, ...checkService(service, options.load.clients), ...checkSpeedtest(speedtests)];
  const first = service.find((run) => run.configuration === repeat?.configuration && run.seed === repeat.seed);
  if (repeat !== undefined && first !== undefined) checks.push(checkRepeat(first, repeat));
  const ended = service.length + speedtests.length;
  const detail =
    failures.length === 0 ? `${ended} runs` : failures.map(({ label, message }) => `${label}: ${message}`).join('; ');
  checks.push({ name: 'every run ends', ok: failures.length === 0, detail });
  return checks;
}

function printSummary(report: Report, failures: readonly JobFailure[], out: (text: string) => void): void {
  const tables = [serviceTable(report.service), speedtestTable(report.speedtest1), ...codeTables(report.code)];
  for (const { head, rows } of tables) if (rows.length > 0) out(`\n${terminalTable(head, rows)}\n`);
  out('\n');
  for (const { ok, name: what, detail } of report.checks) out(`${ok ? '✓' : '✗'} ${what}${ok ? '' : ` — ${detail}`}\n`);
  for (const { label, message, hint, facts } of failures) {
    out(`\n${label} failed: ${message}\n`);
    for (const [fact, value] of Object.entries(facts))
      if (value !== undefined && value !== '') out(`  ${fact}: ${value}\n`);
    if (hint !== undefined) out(`  ${hint}\n`);
  }
  out('\nTimes are model cycles as time: they compare configurations, they are not those of any hardware.\n');
}

function noRun([first]: readonly JobFailure[]): MelfError {
  return new MelfError('scenario.no-run', `Not one run came to its end: ${first?.label}: ${first?.message}`, {
    facts: first?.facts,
    hint: first?.hint,
  });
}

/** `npm run scenario sqlite-assertions`; the exit code is 0 when every check holds. */
export async function main(argv: string[]): Promise<number> {
  const options = await readOptions(argv);
  if (options === undefined) return 0;
  const started = performance.now();
  endInOrder();
  const engine = await ensureEngine();
  const executables = await ensureExecutables(options.machine.isa);
  const folder = ResultFolder.create(name, `seed-${options.seeds[0]}${options.quick ? '-quick' : ''}`, options.out);
  try {
    const finished = await runAll(options, executables);
    if (finished.service.length + finished.speedtests.length === 0) throw noRun(finished.failures);
    const ids = options.configurations.map(({ id }) => id);
    const service = summarise(groupRuns(ids, finished.service));
    const report = buildReport({
      options,
      service,
      serviceRuns: finished.service,
      speedtests: finished.speedtests,
      code: measureCode(executables),
      checks: [...check(options, finished, checkRefusal(executables.refusal)), ...checkShape(service)],
      failures: finished.failures,
      versions: { ...executables.versions, unicorn: engine.unicorn.version },
    });
    const text = `${JSON.stringify(report, undefined, 2)}\n`;
    folder.write('report.json', text);
    const plots = service.length > 0 ? await drawPlots(report) : undefined;
    for (const [plot, svg] of Object.entries(plots ?? {})) folder.write(`${plot}.svg`, svg);
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
