// What creating, switching and keeping views costs, with shared page tables and as the paper's kernel does it.

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ArgsDef, CommandDef } from 'citty';
import { parseCommandLine } from '../../base/arguments.ts';
import { run } from '../../base/command.ts';
import type { Isa } from '../../emulator/isa/isa.ts';
import { cache, hashOf } from '../../setup/cache.ts';
import { ensureEngine } from '../../setup/engine.ts';
import { ensureToolchain } from '../../setup/toolchain.ts';
import { conduct } from '../runner/experiment.ts';
import { jobsOf } from '../runner/flags.ts';
import { failureError, type Job, runJobs } from '../runner/jobs.ts';
import { terminalTable } from '../runner/terminal.ts';
import { planFor } from './plan.ts';
import { createBySize, source } from './published.ts';
import {
  checksOf,
  costsPage,
  gridTable,
  operationTable,
  othersTable,
  type Results,
  sizeTable,
  viewsTable,
} from './report.ts';
import type { RunInput, RunRecord, Setting } from './run.ts';
import { measureSafety, safetyTable } from './safety.ts';

const name = 'view-costs';
const runModule = join(import.meta.dirname, 'run.ts');

const flags = {
  quick: { type: 'boolean', description: 'Smaller sizes and fewer views: some seconds' },
  out: { type: 'string', description: 'Folder of the results (default: a new one below results/)' },
  json: { type: 'boolean', description: 'Print report.json on stdout, everything else on stderr' },
  isa: {
    type: 'enum',
    options: ['x86-64', 'aarch64', 'both'],
    default: 'x86-64',
    description: 'Instruction set of the guest',
  },
  jobs: { type: 'string', description: 'Runs at the same time (default: as many as the host has CPUs)' },
} as const satisfies ArgsDef;

const command = {
  meta: { name: `npm run scenario ${name} --`, description: 'What views cost: creation, switch, faults, memory' },
  args: flags,
} satisfies CommandDef<typeof flags>;

/** Path of costs.c compiled. */
export async function ensureProgram(isa: Isa): Promise<string> {
  const toolchain = await ensureToolchain(isa);
  const file = join(import.meta.dirname, 'guest/costs.c');
  const all = ['-std=gnu11', '-O2', '-Wall'];
  const folder = await cache.entry(
    'executables',
    hashOf([name, toolchain.hash, ...all, readFileSync(file)]),
    async (at) => {
      mkdirSync(at, { recursive: true });
      await run([toolchain.wrapper, ...all, file, '-pthread', '-o', join(at, 'costs')]);
    },
  );
  return join(folder, 'costs');
}

const label = ({ isa, model, mappedMib, views, others, spread }: Setting): string =>
  `${isa}, ${model}, ${mappedMib} MiB, ${views + 1} views${others > 0 ? `, ${others} other CPUs${spread ? ' in views' : ''}` : ''}`;

/** Runs everything; throws with the first failure. */
export async function measureAll(isa: Isa, quick: boolean, width: number | undefined): Promise<Results> {
  await ensureEngine();
  const executable = await ensureProgram(isa);
  const plan = planFor(isa, quick);
  const settings = [...plan.bySize, ...plan.byViews, ...plan.byOthers, ...plan.grid];
  const jobs: Job<RunInput>[] = settings.map((setting) => ({
    label: label(setting),
    input: { ...setting, executable },
  }));
  const outcomes = await runJobs<RunInput, RunRecord>(runModule, jobs, width);
  const records = outcomes.map((outcome) => {
    if ('output' in outcome) return outcome.output;
    throw failureError(outcome.failure);
  });
  const [sizes, views, others] = [plan.bySize.length, plan.byViews.length, plan.byOthers.length];
  return {
    bySize: records.slice(0, sizes),
    byViews: records.slice(sizes, sizes + views),
    byOthers: records.slice(sizes + views, sizes + views + others),
    grid: records.slice(sizes + views + others),
    safety: await measureSafety(isa),
  };
}

/** `npm run scenario view-costs`; the exit code is 0 when every check holds. */
export async function main(argv: string[]): Promise<number> {
  const parsed = await parseCommandLine(command, argv);
  if (parsed === undefined) return 0;
  const { args } = parsed;
  const quick = args.quick === true;
  const width = jobsOf(args);
  const experiment = { name, label: quick ? 'quick' : 'full', out: args.out, json: args.json === true };
  const isas: readonly Isa[] = args.isa === 'both' ? ['x86-64', 'aarch64'] : [args.isa as Isa];
  return conduct(experiment, async () => {
    const results: Partial<Record<Isa, Results>> = {};
    for (const isa of isas) results[isa] = await measureAll(isa, quick, width);
    const all = isas.map((isa) => ({ isa, own: results[isa]! }));
    const checks = all.flatMap(({ isa, own }) =>
      checksOf(own).map((check) => (isas.length > 1 ? { ...check, name: `${isa}: ${check.name}` } : check)),
    );
    const tables = [sizeTable, viewsTable, gridTable, operationTable, othersTable];
    return {
      report: { scenario: name, checks, published: { source, createBySize }, results },
      page: await costsPage(all, checks),
      summary: all.flatMap(({ isa, own }) => [
        ...(isas.length > 1 ? [isa] : []),
        ...tables.map((table) => terminalTable(table(own))),
        terminalTable(safetyTable(own.safety)),
      ]),
      caveat:
        'Times are model cycles as time; the published ones are of hardware. Host times of looking at stacks are this machine’s, and differ from run to run.',
    };
  });
}
