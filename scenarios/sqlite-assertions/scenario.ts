// SQLite's assertions chosen at run time: for a thread, a statement, a session.

import { join } from 'node:path';
import { ensureEngine } from '../../setup/engine.ts';
import { type Check, checkNoRunFailed, checkRepeat } from '../runner/checks.ts';
import { conduct, type Findings } from '../runner/experiment.ts';
import { failuresOf, type Job, type JobFailure, noRun, runJobs } from '../runner/jobs.ts';
import { modelCaveat } from '../runner/provenance.ts';
import type { ResultFolder } from '../runner/results.ts';
import { terminalTable } from '../runner/terminal.ts';
import { checkRefusal, checkService, checkShape, checkSpeedtest } from './checks.ts';
import { measureCode } from './code-size.ts';
import { type Executables, ensureExecutables } from './executable.ts';
import { forms } from './forms.ts';
import { checkLedgers } from './ledger-checks.ts';
import { ledgerModes } from './ledger-modes.ts';
import { readOptions, type ScenarioOptions } from './options.ts';
import { buildReport } from './report.ts';
import { drawPlots, reportPage } from './report-page.ts';
import type { LedgerRecord, RunInput, RunRecord, ServiceRecord, SpeedtestRecord } from './run-record.ts';
import { groupRuns, summarise } from './summary.ts';
import { codeTables, groupTable, ledgerTable, serviceTable, speedtestTable } from './tables.ts';

const name = 'sqlite-assertions';
const runModule = join(import.meta.dirname, 'run.ts');
/** The configuration that is run for a second time, if it is among those asked for: the one with most switches. */
const repeated = 'middle';

interface Finished {
  readonly service: ServiceRecord[];
  readonly speedtests: SpeedtestRecord[];
  readonly ledgers: LedgerRecord[];
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

function ledgerJobs({ machine, seeds, powerFailures }: ScenarioOptions, { paths }: Executables): Job<RunInput>[] {
  const executable = paths.ledger.melf;
  return seeds.flatMap((seed) =>
    ledgerModes.map(({ id: mode }) => ({
      label: `ledger, ${mode}, seed ${seed}`,
      input: { program: 'ledger', mode, executable, seed, failures: powerFailures, machine },
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
    ...(options.programs.includes('ledger') ? ledgerJobs(options, executables) : []),
    ...(again === undefined ? [] : [{ ...again, label: `${again.label}, again` }]),
  ];
  const outcomes = await runJobs<RunInput, RunRecord>(runModule, jobs, options.jobs);
  const outputs = outcomes.map((outcome) => ('output' in outcome ? outcome.output : undefined));
  const repeat = again === undefined ? undefined : outputs.pop();
  return {
    service: outputs.filter((run) => run?.program === 'service'),
    speedtests: outputs.filter((run) => run?.program === 'speedtest1'),
    ledgers: outputs.filter((run) => run?.program === 'ledger'),
    repeat: repeat?.program === 'service' ? repeat : undefined,
    failures: failuresOf(outcomes),
  };
}

function check(options: ScenarioOptions, finished: Finished, refusal: Check): Check[] {
  const { service, speedtests, ledgers, repeat, failures } = finished;
  const checks = [
    refusal,
    ...checkService(service, options.load.clients),
    ...checkSpeedtest(speedtests),
    ...checkLedgers(ledgers),
  ];
  const first = service.find((run) => run.configuration === repeat?.configuration && run.seed === repeat.seed);
  if (repeat !== undefined && first !== undefined) checks.push(checkRepeat(first, repeat));
  checks.push(checkNoRunFailed(service.length + speedtests.length + ledgers.length, failures));
  return checks;
}

/** Runs, and writes all but the report into the folder. */
async function measure(options: ScenarioOptions, folder: ResultFolder): Promise<Findings> {
  const engine = await ensureEngine();
  const executables = await ensureExecutables(options.machine.isa);
  const finished = await runAll(options, executables);
  const { service: serviceRuns, speedtests, ledgers, failures } = finished;
  if (serviceRuns.length + speedtests.length + ledgers.length === 0) throw noRun(failures);
  const ids = options.configurations.map(({ id }) => id);
  const service = summarise(groupRuns(ids, serviceRuns));
  const report = buildReport({
    options,
    service,
    serviceRuns,
    speedtests,
    ledgers,
    code: measureCode(executables),
    checks: [...check(options, finished, checkRefusal(executables.refusal)), ...checkShape(service)],
    failures,
    versions: { ...executables.versions, unicorn: engine.unicorn.version },
  });
  const plots = service.length > 0 ? await drawPlots(report) : undefined;
  for (const [plot, svg] of Object.entries(plots ?? {})) folder.write(`${plot}.svg`, svg);
  const tables = [
    serviceTable(report.service),
    groupTable(report.service),
    speedtestTable(report.speedtest1),
    ledgerTable(report.ledger),
    ...codeTables(report.code),
  ];
  return {
    report,
    page: reportPage(report, plots),
    summary: tables.filter(({ rows }) => rows.length > 0).map(terminalTable),
    failures,
    caveat: modelCaveat,
  };
}

/** `npm run scenario sqlite-assertions`; the exit code is 0 when every check holds. */
export async function main(argv: string[]): Promise<number> {
  const options = await readOptions(argv);
  if (options === undefined) return 0;
  const label = `seed-${options.seeds[0]}${options.quick ? '-quick' : ''}`;
  return conduct({ name, label, out: options.out, json: options.json }, (folder) => measure(options, folder));
}
