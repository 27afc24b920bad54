// The paper's fourth case study: which variants on which CPUs, and what it is worth to know.

import { join } from 'node:path';
import { ensureEngine } from '../../setup/engine.ts';
import { note, seconds } from '../../setup/progress.ts';
import type { Isa } from '../../setup/toolchain.ts';
import { endInOrder } from '../runner/interruption.ts';
import { type Job, type JobFailure, type JobOutcome, runJobs } from '../runner/jobs.ts';
import { ResultFolder } from '../runner/results.ts';
import { terminalTable } from '../runner/terminal.ts';
import { type Check, checkRepeat, checkRuns } from './checks.ts';
import type { Mix, Ratio } from './configurations.ts';
import { type Executables, ensureExecutables } from './executable.ts';
import { calibrationJobs, machineFor, makeJobs, type Rounds, roundsFor } from './load.ts';
import { readOptions, type ScenarioOptions } from './options.ts';
import { buildReport, type Report } from './report.ts';
import { reportPage } from './report-page.ts';
import type { BatchInput, BatchOutput, PoolJob } from './run-record.ts';
import { type Measured, summariseAll } from './summary.ts';
import { makespanTable, overviewTable, slidesTable } from './tables.ts';

const name = 'hetero-pool';
const runModule = join(import.meta.dirname, 'run.ts');

type ExecutablesOf = ReadonlyMap<Isa, Executables>;

/** Which mix and machine is drawn, traced and repeated: the most even ones. */
function showcase({ mixes, ratios }: ScenarioOptions): { mix: Mix; ratio: Ratio } {
  const evenest = <Item>(items: readonly Item[], difference: (item: Item) => number): Item =>
    [...items].sort((a, b) => difference(a) - difference(b))[0]!;
  return {
    mix: evenest(mixes, ({ f, m }) => Math.abs(f - m) / (f + m)),
    ratio: evenest(ratios, ({ plain, extended }) => Math.abs(plain - extended) / (plain + extended)),
  };
}

const batchInput = (
  options: ScenarioOptions,
  executables: ExecutablesOf,
  isa: Isa,
  parts: Pick<BatchInput, 'jobs' | 'machine' | 'configurations' | 'seed' | 'traces'>,
): BatchInput => ({
  isa,
  executables: executables.get(isa)!.paths,
  costModel: options.costModel,
  recording: true,
  ...parts,
});

/** How long rounds of both kernels take on the common ISA: decides how many make a job. */
async function calibrate(options: ScenarioOptions, executables: ExecutablesOf): Promise<Map<Isa, Rounds>> {
  const jobs = options.isas.map((isa): Job<BatchInput> => {
    const parts = { machine: machineFor(isa, { id: '1:1', plain: 1, extended: 1 }), configurations: ['common'] };
    const load = { jobs: calibrationJobs(options.kernels[isa]), seed: options.seeds[0]!, traces: {} };
    return {
      label: `how long a round takes, ${isa}`,
      input: batchInput(options, executables, isa, { ...parts, ...load }),
    };
  });
  const outcomes = await runJobs<BatchInput, BatchOutput>(runModule, jobs, options.width);
  return new Map(
    options.isas.map((isa, index) => {
      const outcome = outcomes[index]!;
      if ('failure' in outcome) throw new Error(`${outcome.failure.label}: ${outcome.failure.message}`);
      const [run] = outcome.output.runs;
      if (run === undefined) throw new Error(outcome.output.failures[0]?.message);
      return [isa, roundsFor(options.jobTime, run.done)];
    }),
  );
}

/** A batch with what its runs are told apart by. */
interface Batch {
  readonly isa: Isa;
  readonly mix: Mix;
  readonly ratio: Ratio;
  readonly seed: number;
  readonly jobs: readonly PoolJob[];
  readonly label: string;
  readonly input: BatchInput;
}

function planBatches(
  options: ScenarioOptions,
  executables: ExecutablesOf,
  rounds: ReadonlyMap<Isa, Rounds>,
  folder: ResultFolder,
): Batch[] {
  const shown = showcase(options);
  const batches: Batch[] = [];
  for (const seed of options.seeds) {
    for (const isa of options.isas) {
      for (const mix of options.mixes) {
        for (const ratio of options.ratios) {
          const jobs = makeJobs(mix, options.count, rounds.get(isa)!, options.kernels[isa], seed);
          const ids = options.configurations.map(({ id }) => id);
          const traced = mix === shown.mix && ratio === shown.ratio && seed === options.seeds[0];
          const traces = traced
            ? Object.fromEntries(ids.map((id) => [id, folder.file(`trace-${isa}-${id}.json`)]))
            : {};
          const parts = { jobs, machine: machineFor(isa, ratio), configurations: ids, seed, traces };
          const label = `${isa}, F:M ${mix.id}, CPUs ${ratio.id}, seed ${seed}`;
          batches.push({ isa, mix, ratio, seed, jobs, label, input: batchInput(options, executables, isa, parts) });
        }
      }
    }
  }
  return batches;
}

interface Finished {
  readonly measured: readonly Measured[];
  /** Runs of the showcase for a second time, with the first ones. */
  readonly repeats: readonly { readonly first: Measured; readonly again: Measured }[];
  readonly failures: readonly JobFailure[];
}

const failuresOf = ({ label }: Batch, outcome: JobOutcome<BatchOutput>): JobFailure[] =>
  'failure' in outcome
    ? [outcome.failure]
    : outcome.output.failures.map(({ configuration, code, message, hint }) => ({
        label: `${configuration}, ${label}`,
        code,
        message,
        hint,
        facts: {},
        stack: undefined,
      }));

const measuredOf = ({ isa, mix, ratio, seed, jobs }: Batch, outcome: JobOutcome<BatchOutput>): Measured[] =>
  'failure' in outcome ? [] : outcome.output.runs.map((run) => ({ isa, mix, ratio, seed, jobs, run }));

async function runAll(options: ScenarioOptions, batches: readonly Batch[]): Promise<Finished> {
  const shown = showcase(options);
  const repeated = batches
    .filter(({ mix, ratio, seed }) => mix === shown.mix && ratio === shown.ratio && seed === options.seeds[0])
    .map((batch): Batch => ({ ...batch, label: `${batch.label}, again`, input: { ...batch.input, traces: {} } }));
  const all = [...batches, ...repeated];
  const jobs = all.map(({ label, input }) => ({ label, input }));
  const outcomes = await runJobs<BatchInput, BatchOutput>(runModule, jobs, options.width);
  const lists = all.map((batch, index) => measuredOf(batch, outcomes[index]!));
  const measured = lists.slice(0, batches.length).flat();
  const again = lists.slice(batches.length).flat();
  const repeats = again.flatMap((second) => {
    const first = measured.find(
      ({ isa, mix, ratio, seed, run }) =>
        isa === second.isa &&
        mix === second.mix &&
        ratio === second.ratio &&
        seed === second.seed &&
        run.configuration === second.run.configuration,
    );
    return first === undefined ? [] : [{ first, again: second }];
  });
  return { measured, repeats, failures: all.flatMap((batch, index) => failuresOf(batch, outcomes[index]!)) };
}

function check(options: ScenarioOptions, { measured, repeats, failures }: Finished): Check[] {
  const differing = repeats.map(({ first, again }) => checkRepeat(first, again.run));
  const bad = differing.filter(({ ok }) => !ok);
  return [
    ...checkRuns(measured, options.standard),
    {
      name: 'the same seed gives the same trace',
      ok: bad.length === 0 && differing.length > 0,
      detail: bad.length > 0 ? bad.map(({ detail }) => detail).join('; ') : `${differing.length} runs made twice`,
    },
    {
      name: 'no run failed',
      ok: failures.length === 0,
      detail:
        failures.length === 0
          ? `${measured.length} runs`
          : `${failures
              .slice(0, 3)
              .map(({ label, message }) => `${label}: ${message}`)
              .join('; ')} (${failures.length})`,
    },
  ];
}

function printSummary(report: Report, shown: { mix: Mix; ratio: Ratio }, out: (text: string) => void): void {
  for (const { isa, table, kernel } of report.isas) {
    const own = report.results.filter((result) => result.isa === isa);
    const some = own.filter(({ mix, ratio }) => mix === shown.mix.id && ratio === shown.ratio.id);
    out(`\n${isa}: jobs in ms of model time, M is ${kernel}\n`);
    out(`\nF:M ${shown.mix.id}, CPUs plain:extended ${shown.ratio.id}\n`);
    for (const { head, rows } of [slidesTable(table), makespanTable(some), overviewTable(own)])
      out(`${terminalTable(head, rows)}\n`);
    for (const { id, refused } of some) if (refused !== null) out(`${id} died: ${refused}\n`);
  }
  out('\n');
  for (const { ok, name: what, detail } of report.checks) out(`${ok ? '✓' : '✗'} ${what}${ok ? '' : ` — ${detail}`}\n`);
  out('\nTimes are model cycles as time: they compare configurations, they are not those of any hardware.\n');
}

/** `npm run scenario hetero-pool`; the exit code is 0 when every check holds. */
export async function main(argv: string[]): Promise<number> {
  const options = await readOptions(argv);
  if (options === undefined) return 0;
  const started = performance.now();
  endInOrder();
  const engine = await ensureEngine();
  const executables = new Map<Isa, Executables>();
  for (const isa of options.isas) executables.set(isa, await ensureExecutables(isa));
  const folder = ResultFolder.create(name, `seed-${options.seeds[0]}${options.quick ? '-quick' : ''}`, options.out);
  try {
    const rounds = await calibrate(options, executables);
    const finished = await runAll(options, planBatches(options, executables, rounds, folder));
    const toolchains = [...executables].map(([isa, { toolchain }]) => [`toolchain ${isa}`, toolchain]);
    const report = buildReport({
      options,
      rounds,
      measured: finished.measured,
      results: summariseAll(finished.measured),
      checks: check(options, finished),
      failures: finished.failures,
      versions: { ...Object.fromEntries(toolchains), unicorn: engine.unicorn.version },
    });
    const text = `${JSON.stringify(report, undefined, 2)}\n`;
    folder.write('report.json', text);
    const shown = showcase(options);
    const drawn = finished.measured.filter(
      ({ mix, ratio, seed, run }) =>
        mix === shown.mix && ratio === shown.ratio && seed === options.seeds[0] && run.done.length > 0,
    );
    folder.write('report.html', await reportPage(report, drawn));
    folder.publish();
    printSummary(report, shown, (line) => process.stderr.write(line));
    note(`results in ${folder.path} (${seconds(performance.now() - started)})`);
    if (options.json) process.stdout.write(text);
    return report.checks.every(({ ok }) => ok) ? 0 : 1;
  } finally {
    folder.discard();
  }
}
