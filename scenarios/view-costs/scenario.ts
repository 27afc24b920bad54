// What creating, switching and keeping views costs, with shared page tables and as the paper's kernel does it.

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ArgsDef, CommandDef } from 'citty';
import { integerValue, parseCommandLine } from '../../base/arguments.ts';
import { run } from '../../base/command.ts';
import { MelfError } from '../../base/errors.ts';
import { cache, hashOf } from '../../setup/cache.ts';
import { ensureEngine } from '../../setup/engine.ts';
import { note, seconds } from '../../setup/progress.ts';
import { ensureToolchain } from '../../setup/toolchain.ts';
import { endInOrder } from '../runner/interruption.ts';
import { type Job, type JobFailure, runJobs } from '../runner/jobs.ts';
import { ResultFolder } from '../runner/results.ts';
import { terminalTable } from '../runner/terminal.ts';
import { planFor } from './plan.ts';
import { createBySize, source } from './published.ts';
import { checksOf, costsPage, operationTable, othersTable, type Results, sizeTable, viewsTable } from './report.ts';
import type { RunInput, RunRecord, Setting } from './run.ts';

const name = 'view-costs';
const runModule = join(import.meta.dirname, 'run.ts');

const flags = {
  quick: { type: 'boolean', description: 'Smaller sizes and fewer views: some seconds' },
  out: { type: 'string', description: 'Folder of the results (default: a new one below results/)' },
  json: { type: 'boolean', description: 'Print report.json on stdout, everything else on stderr' },
  jobs: { type: 'string', description: 'Runs at the same time (default: as many as the host has CPUs)' },
} as const satisfies ArgsDef;

const command = {
  meta: { name: `npm run scenario ${name} --`, description: 'What views cost: creation, switch, faults, memory' },
  args: flags,
} satisfies CommandDef<typeof flags>;

/** Path of costs.c compiled. */
export async function ensureProgram(): Promise<string> {
  const toolchain = await ensureToolchain('x86-64');
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

const label = ({ model, mappedMib, views, others, spread }: Setting): string =>
  `${model}, ${mappedMib} MiB, ${views + 1} views${others > 0 ? `, ${others} other CPUs${spread ? ' in views' : ''}` : ''}`;

/** Runs everything; throws with the first failure. */
export async function measureAll(quick: boolean, width: number | undefined): Promise<Results> {
  await ensureEngine();
  const executable = await ensureProgram();
  const plan = planFor(quick);
  const settings = [...plan.bySize, ...plan.byViews, ...plan.byOthers];
  const jobs: Job<RunInput>[] = settings.map((setting) => ({
    label: label(setting),
    input: { ...setting, executable },
  }));
  const outcomes = await runJobs<RunInput, RunRecord>(runModule, jobs, width);
  const records = outcomes.map((outcome) => {
    if ('output' in outcome) return outcome.output;
    throw asError(outcome.failure);
  });
  const [sizes, views] = [plan.bySize.length, plan.byViews.length];
  return {
    bySize: records.slice(0, sizes),
    byViews: records.slice(sizes, sizes + views),
    byOthers: records.slice(sizes + views),
  };
}

const asError = ({ label: what, message, code, hint, facts }: JobFailure): MelfError =>
  new MelfError(code, `${what}: ${message}`, { facts, hint });

/** `npm run scenario view-costs`; the exit code is 0 when every check holds. */
export async function main(argv: string[]): Promise<number> {
  const parsed = await parseCommandLine(command, argv);
  if (parsed === undefined) return 0;
  const { args } = parsed;
  const quick = args.quick === true;
  const started = performance.now();
  endInOrder();
  const folder = ResultFolder.create(name, quick ? 'quick' : 'full', args.out);
  try {
    const results = await measureAll(
      quick,
      args.jobs === undefined ? undefined : integerValue('--jobs', args.jobs, 1, 256),
    );
    const checks = checksOf(results);
    const published = { source, createBySize };
    const text = `${JSON.stringify({ scenario: name, checks, published, ...results }, undefined, 2)}\n`;
    folder.write('report.json', text);
    folder.write('report.html', await costsPage(results, checks));
    folder.publish();
    const show = (line: string): void => void process.stderr.write(`${line}\n`);
    for (const table of [sizeTable, viewsTable, operationTable, othersTable]) {
      const { head, rows } = table(results);
      show(`\n${terminalTable(head, rows)}`);
    }
    show('');
    for (const { ok, name: what, detail } of checks) show(`${ok ? '✓' : '✗'} ${what}${ok ? '' : ` — ${detail}`}`);
    show('\nTimes are model cycles as time; the published ones are of hardware.');
    note(`results in ${folder.path} (${seconds(performance.now() - started)})`);
    if (args.json === true) process.stdout.write(text);
    return checks.every(({ ok }) => ok) ? 0 : 1;
  } finally {
    folder.discard();
  }
}
