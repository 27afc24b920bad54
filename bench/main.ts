// `npm run bench`: the sandbox's own speed beside its peers', in one run.
import { defineCommand } from 'citty';
import Table from 'cli-table3';
import { parseCommandLine } from '../base/arguments.ts';
import { ensureEngine } from '../setup/engine.ts';
import { note, step } from '../setup/progress.ts';
import { guestSpeed } from './guest-speed.ts';
import { migrate, rssMemcached, syscalls, viewCreate } from './kernel-services.ts';
import { linkProcesses } from './link-process.ts';
import { linkMemcached } from './link-time.ts';
import { mallocRows } from './malloc-cost.ts';
import { mariadbRows } from './mariadb.ts';
import { BenchError } from './measure.ts';
import { type Row, type RowId, rowIds } from './row.ts';

const command = defineCommand({
  meta: { name: 'bench', description: "Measure the sandbox's own speed beside its peers'" },
  args: {
    json: { type: 'boolean', description: 'print { rows, notMeasured } as JSON on stdout', default: false },
    only: { type: 'string', description: `measure these rows only, separated by commas: ${rowIds.join(', ')}` },
  },
});

const single: Readonly<Partial<Record<RowId, () => Promise<Row>>>> = {
  syscalls,
  migrate,
  'view-create': viewCreate,
  'link-memcached': linkMemcached,
  'rss-memcached': rssMemcached,
};

function wantedRows(only: string | undefined): Set<RowId> {
  const names = only === undefined ? rowIds : only.split(',').map((name) => name.trim());
  for (const name of names) {
    if (!rowIds.some((id) => id === name)) {
      throw new BenchError('bench.unknown-row', `There is no row ${name}`, { hint: `Rows: ${rowIds.join(', ')}.` });
    }
  }
  return new Set(names as RowId[]);
}

const figure = (value: number): string =>
  value >= 1000 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);

/** Rows that were asked for and are not there: those that need MariaDB where it is not built, and those of host programs on another host. */
export const notMeasured = (wanted: ReadonlySet<RowId>, rows: readonly Row[]): RowId[] =>
  [...wanted].filter((id) => !rows.some((row) => row.id === id));

function tableOf(rows: readonly Row[], missing: readonly RowId[]): string {
  const table = new Table({
    head: ['id', 'ours', 'peer', 'ratio', 'bound', 'ok', 'unit'],
    style: { head: [], border: [] },
  });
  for (const { id, ours, peer, ratio, bound, ok, unit } of rows) {
    const orDash = (value: number | null): string => (value === null ? '-' : figure(value));
    table.push([
      id,
      figure(ours),
      orDash(peer),
      orDash(ratio),
      orDash(bound),
      bound === null ? '-' : ok ? 'yes' : 'NO',
      unit,
    ]);
  }
  for (const id of missing) table.push([id, 'not measured', '-', '-', '-', '-', '-']);
  return table.toString();
}

/** Measures; the exit status is 1 when a bound is missed. */
export async function main(args: string[]): Promise<number> {
  const parsed = await parseCommandLine(command, args);
  if (parsed === undefined) return 0;
  const wanted = wantedRows(parsed.args.only);
  await ensureEngine();
  const rows: Row[] = [];
  const speedRows = await step('guest speed', () => guestSpeed(wanted));
  rows.push(...speedRows);
  for (const [id, measure] of Object.entries(single) as [RowId, () => Promise<Row>][]) {
    if (wanted.has(id)) rows.push(await step(id, measure));
  }
  rows.push(...(await step('whole links', () => linkProcesses(wanted))));
  rows.push(...(await mariadbRows(wanted)));
  rows.push(...(await mallocRows(wanted)));
  const missing = notMeasured(wanted, rows);
  if (parsed.args.json) process.stdout.write(`${JSON.stringify({ rows, notMeasured: missing }, null, 2)}\n`);
  else process.stdout.write(`${tableOf(rows, missing)}\n`);
  if (missing.length > 0)
    note(
      `not measured: ${missing.join(', ')} (those of MariaDB are where it is built: npm run scenario mariadb-asan -- --build)`,
    );
  const missed = rows.filter(({ ok }) => !ok);
  for (const { id, what } of missed) note(`missed its bound: ${id} (${what})`);
  return missed.length === 0 ? 0 : 1;
}
