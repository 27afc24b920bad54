// The largest program that we have: linking it, starting it, and asking it. Only where it is built: that takes long.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { libmelfObject } from '../linker/cc/libmelf.ts';
import { builtMariadb, type MariadbBuild } from '../scenarios/mariadb-asan/build.ts';
import { linkCommand, linkedForms } from '../scenarios/mariadb-asan/executable.ts';
import type { SelectMeasurement, SelectTask } from './mariadb-child.ts';
import { failed, longest, runHost } from './measure.ts';
import { judged, median, type Row, type RowId } from './row.ts';

const linkRounds = 3;
const runRounds = 3;
/** In one run. */
const selects = 6000;
const linkRows: readonly RowId[] = ['link-mariadb', 'memory-link-mariadb'];
const runRows: readonly RowId[] = [
  'mariadb-start',
  'mariadb-selects',
  'mariadb-selects-uncounted',
  'mariadb-selects-of-four',
];

/** The same link by our linker, in two variants with the sanitiser's runtime, and by g++ with ld.bfd, which sees the default variant only. */
async function links(build: MariadbBuild): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'melf-bench-'));
  try {
    const { command, environment } = linkCommand('melf', build, folder);
    const output = join(folder, 'mariadbd');
    const memory = join(folder, 'memory');
    const [node = '', ...words] = command;
    const inBuild = (settings: Readonly<Record<string, string>>, argv: readonly string[]): number =>
      runHost([
        'env',
        '-C',
        build.folder,
        ...Object.entries(settings).map(([name, value]) => `${name}=${value}`),
        ...argv,
      ]).cpu;
    const hook = ['--require', join(import.meta.dirname, 'report-memory.cjs')];
    const ours = (): number =>
      inBuild({ ...environment, MELF_BENCH_MEMORY: memory }, [node, ...hook, ...words, '-o', output]);
    // The patched server calls libmelf.
    const whole = [...build.linkWords, libmelfObject([build.compiler])];
    const theirs = (): number => inBuild({}, [build.compiler, ...whole, '-fuse-ld=bfd', '-o', output]);
    ours(); // makes the bundle, and has the host read the objects
    const pairs = Array.from({ length: linkRounds }, () => [ours(), theirs()] as const);
    const what = 'linking MariaDB in two variants';
    return [
      judged('link-mariadb', {
        what: `${what}, the whole process; beside it the default variant by g++ and ld.bfd`,
        ours: median(pairs.map(([own]) => own)),
        peer: median(pairs.map(([, peer]) => peer)),
        unit: 'CPU s',
        below: 15,
      }),
      judged('memory-link-mariadb', {
        what: `${what}: most memory`,
        ours: Number(readFileSync(memory, 'utf8')) / 2 ** 10,
        unit: 'MiB',
        below: 3000,
      }),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function runSelects(task: SelectTask): SelectMeasurement {
  const child = spawnSync(
    process.execPath,
    ['--import', import.meta.resolve('tsx'), join(import.meta.dirname, 'mariadb-child.ts'), JSON.stringify(task)],
    { encoding: 'utf8', timeout: longest },
  );
  if (child.status !== 0) throw failed('MariaDB', [task.program], child.stderr, child.error);
  return JSON.parse(child.stdout) as SelectMeasurement;
}

/** The multivariant server; its connections are those of plain users. */
async function runs(build: MariadbBuild, wanted: ReadonlySet<RowId>): Promise<Row[]> {
  const { paths, files } = await linkedForms(build, ['melf']);
  const several = (connections: number, accounting: boolean): SelectMeasurement[] => {
    const load = { connections, warmUp: 300, selects: selects / connections };
    return Array.from({ length: runRounds }, () => runSelects({ program: paths.melf, files, accounting, ...load }));
  };
  const speed = (list: readonly SelectMeasurement[]): number => median(list.map((one) => selects / one.selects));
  const unit = 'selects a CPU second';
  const rows: Row[] = [];
  if (wanted.has('mariadb-start') || wanted.has('mariadb-selects')) {
    const counted = several(1, true);
    rows.push(
      judged('mariadb-start', {
        what: 'multivariant MariaDB from the start of the process to the answer to its first query',
        ours: median(counted.map(({ start }) => start)),
        unit: 'CPU s',
        below: 15,
      }),
      judged('mariadb-selects', {
        what: 'point selects of one plain connection, its client included, everything counted',
        ours: speed(counted),
        unit,
        atLeast: 2000,
      }),
    );
  }
  if (wanted.has('mariadb-selects-uncounted')) {
    const what = 'point selects of one plain connection, its client included, nothing counted';
    rows.push(judged('mariadb-selects-uncounted', { what, ours: speed(several(1, false)), unit }));
  }
  if (wanted.has('mariadb-selects-of-four')) {
    // Each thread has an engine of its own, whose translations the host's caches do not hold together with the others'.
    const what = 'point selects of four plain connections in turns, their clients included, everything counted';
    rows.push(judged('mariadb-selects-of-four', { what, ours: speed(several(4, true)), unit }));
  }
  return rows.filter(({ id }) => wanted.has(id));
}

/** The rows among `wanted` that need MariaDB; none where it is not built. */
export async function mariadbRows(wanted: ReadonlySet<RowId>): Promise<Row[]> {
  const any = (ids: readonly RowId[]): boolean => ids.some((id) => wanted.has(id));
  if (!any([...linkRows, ...runRows])) return [];
  const build = await builtMariadb('x86-64');
  if (build === undefined) return [];
  const rows = any(linkRows) ? (await links(build)).filter(({ id }) => wanted.has(id)) : [];
  return any(runRows) ? [...rows, ...(await runs(build, wanted))] : rows;
}
