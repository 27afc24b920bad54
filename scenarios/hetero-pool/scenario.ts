// The paper's fourth case study: which variants on which CPUs, and what it is worth to know.

import { join } from 'node:path';
import { ensureEngine } from '../../setup/engine.ts';
import type { Isa } from '../../setup/toolchain.ts';
import { type Check, checkNoRunFailed } from '../runner/checks.ts';
import { conduct, type Findings } from '../runner/experiment.ts';
import { failureError, type Job, type JobFailure, type JobOutcome, runJobs } from '../runner/jobs.ts';
import { modelCaveat } from '../runner/provenance.ts';
import type { ResultFolder } from '../runner/results.ts';
import { terminalTable } from '../runner/terminal.ts';
import { checkNames } from './check-names.ts';
import { checkRepeat, checkRuns } from './checks.ts';
import type { Mix, Ratio } from './configurations.ts';
import { type Executables, ensureExecutables } from './executable.ts';
import { calibrationJobs, machineFor, makeJobs, type Rounds, roundsFor } from './load.ts';
import { readOptions, type ScenarioOptions } from './options.ts';
import { buildReport, type Report } from './report.ts';
import { reportPage } from './report-page.ts';
import type { BatchInput, BatchOutput, BlockStart, PoolJob } from './run-record.ts';
import { fAlone, fAloneConfigurations, type Measured, summariseAll } from './summary.ts';
import { fAloneText, leftOutText, makespanTable, overviewTable, slidesTable } from './tables.ts';

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
  parts: Pick<BatchInput, 'jobs' | 'machine' | 'configurations' | 'seed' | 'traces'> & Partial<BatchInput>,
): BatchInput => ({
  isa,
  executables: executables.get(isa)!.paths,
  costModel: options.costModel,
  recording: true,
  ...parts,
});

/** What has to be known of an ISA's kernels before its runs. */
interface Calibration {
  /** How many make a job, by the time that they take on the common ISA. */
  readonly rounds: Rounds;
  /** Blocks that hold instructions of the extension. */
  readonly watched: readonly BlockStart[];
}

async function calibrate(options: ScenarioOptions, executables: ExecutablesOf): Promise<Map<Isa, Calibration>> {
  const jobs = options.isas.map((isa): Job<BatchInput> => {
    const parts = {
      machine: machineFor(isa, options.kernels[isa], { id: '1:1', plain: 1, extended: 1 }),
      configurations: ['common', 'melf-aware'],
    };
    const load = { jobs: calibrationJobs(options.kernels[isa]), seed: options.seeds[0]!, traces: {} };
    return {
      label: `how long a round takes, ${isa}`,
      input: batchInput(options, executables, isa, { ...parts, ...load }),
    };
  });
  const outcomes = await runJobs<BatchInput, BatchOutput>(runModule, jobs, options.jobs);
  return new Map(
    options.isas.map((isa, index) => {
      const outcome = outcomes[index]!;
      if ('failure' in outcome) throw failureError(outcome.failure);
      const [common, aware] = outcome.output.runs;
      if (common === undefined || aware === undefined) throw new Error(outcome.output.failures[0]?.message);
      return [isa, { rounds: roundsFor(options.jobTime, common.done), watched: aware.extensionStarts }];
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

/** Beside the mixes that were asked for: what the MELF costs who gains nothing from it. */
const fMix: Mix = { id: 'F alone', f: 1, m: 0 };

const comparesFAlone = ({ configurations }: ScenarioOptions): boolean =>
  fAloneConfigurations.every((id) => configurations.some((one) => one.id === id));

function planBatches(
  options: ScenarioOptions,
  executables: ExecutablesOf,
  calibrations: ReadonlyMap<Isa, Calibration>,
  folder: ResultFolder,
): Batch[] {
  const shown = showcase(options);
  const batches: Batch[] = [];
  for (const seed of options.seeds) {
    for (const isa of options.isas) {
      const { rounds, watched } = calibrations.get(isa)!;
      for (const mix of options.mixes) {
        for (const ratio of options.ratios) {
          const jobs = makeJobs(mix, options.count, rounds, options.kernels[isa], seed);
          const ids = options.configurations.map(({ id }) => id);
          const traced = mix === shown.mix && ratio === shown.ratio && seed === options.seeds[0];
          const traces = traced
            ? Object.fromEntries(ids.map((id) => [id, folder.file(`trace-${isa}-${id}.json`)]))
            : {};
          const parts = {
            jobs,
            machine: machineFor(isa, options.kernels[isa], ratio),
            configurations: ids,
            seed,
            traces,
            watched,
          };
          const label = `${isa}, F:M ${mix.id}, CPUs ${ratio.id}, seed ${seed}`;
          batches.push({ isa, mix, ratio, seed, jobs, label, input: batchInput(options, executables, isa, parts) });
        }
      }
      if (comparesFAlone(options)) {
        const jobs = makeJobs(fMix, options.count, rounds, options.kernels[isa], seed);
        const machine = machineFor(isa, options.kernels[isa], shown.ratio);
        const parts = { jobs, machine, configurations: fAloneConfigurations, seed, traces: {}, watched };
        const label = `${isa}, F alone, CPUs ${shown.ratio.id}, seed ${seed}`;
        const input = batchInput(options, executables, isa, parts);
        batches.push({ isa, mix: fMix, ratio: shown.ratio, seed, jobs, label, input });
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
  const outcomes = await runJobs<BatchInput, BatchOutput>(runModule, jobs, options.jobs);
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
      name: checkNames.repeat,
      ok: bad.length === 0 && differing.length > 0,
      detail: bad.length > 0 ? bad.map(({ detail }) => detail).join('; ') : `${differing.length} runs made twice`,
    },
    checkNoRunFailed(measured.length, failures),
  ];
}

function summaryOf(report: Report, shown: { mix: Mix; ratio: Ratio }): string[] {
  const tables = report.isas.map(({ isa, table, kernel, alone }) => {
    const own = report.results.filter((result) => result.isa === isa);
    const some = own.filter(({ mix, ratio }) => mix === shown.mix.id && ratio === shown.ratio.id);
    return [
      `${isa}: jobs in ms of model time, M is ${kernel}`,
      '',
      `F:M ${shown.mix.id}, CPUs plain:extended ${shown.ratio.id}`,
      ...[slidesTable(table), makespanTable(some), overviewTable(own)].map(terminalTable),
      ...(alone === undefined ? [] : [fAloneText(alone)]),
      ...some.flatMap(({ id, refused }) => (refused === null ? [] : [`${id} died: ${refused}`])),
    ].join('\n');
  });
  const { checksLeftOut } = report;
  return checksLeftOut.length === 0 ? tables : [...tables, leftOutText(checksLeftOut)];
}

/** Runs, and writes all but the report into the folder. */
async function measure(options: ScenarioOptions, folder: ResultFolder): Promise<Findings> {
  const engine = await ensureEngine();
  const executables = new Map<Isa, Executables>();
  for (const isa of options.isas) executables.set(isa, await ensureExecutables(isa));
  const calibrations = await calibrate(options, executables);
  const finished = await runAll(options, planBatches(options, executables, calibrations, folder));
  const { measured, failures } = finished;
  const mixed = measured.filter(({ mix }) => mix !== fMix);
  const toolchains = [...executables].map(([isa, { toolchain }]) => [`toolchain ${isa}`, toolchain]);
  const report = buildReport({
    options,
    rounds: new Map([...calibrations].map(([isa, { rounds }]) => [isa, rounds])),
    measured: mixed,
    fAlone: new Map(options.isas.map((isa) => [isa, fAlone(measured, isa)])),
    results: summariseAll(mixed),
    checks: check(options, finished),
    failures,
    versions: { ...Object.fromEntries(toolchains), unicorn: engine.unicorn.version },
  });
  const shown = showcase(options);
  const drawn = measured.filter(
    ({ mix, ratio, seed, run }) =>
      mix === shown.mix && ratio === shown.ratio && seed === options.seeds[0] && run.done.length > 0,
  );
  return {
    report,
    page: await reportPage(report, drawn),
    summary: summaryOf(report, shown),
    failures,
    caveat: modelCaveat,
  };
}

/** `npm run scenario hetero-pool`; the exit code is 0 when every check holds. */
export async function main(argv: string[]): Promise<number> {
  const options = await readOptions(argv);
  if (options === undefined) return 0;
  const label = `seed-${options.seeds[0]}${options.quick ? '-quick' : ''}`;
  return conduct({ name, label, out: options.out, json: options.json }, (folder) => measure(options, folder));
}
