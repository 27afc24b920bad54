// Host time of services that TypeScript does for the guest, and of a whole memcached.
import { ensureExecutables } from '../scenarios/memcached-profiling/executable.ts';
import { BenchError, runOurs } from './measure.ts';
import { guestProgram } from './programs.ts';
import { judged, median, type Row } from './row.ts';

const rounds = 3;

async function marked(argv: readonly string[], ramBytes?: number): Promise<number> {
  const program = await guestProgram('calls');
  const { marked: span } = runOurs({ program, argv: ['calls', ...argv], ramBytes });
  if (span === null) throw new BenchError('bench.marks', `calls ${argv.join(' ')} printed no marks`);
  return span.cpu;
}

async function several(measure: () => Promise<number>): Promise<number> {
  const values: number[] = [];
  for (let round = 0; round < rounds; round++) values.push(await measure());
  return median(values);
}

export async function syscalls(): Promise<Row> {
  const count = 1_000_000;
  const seconds = await several(() => marked(['syscalls', `${count}`]));
  return judged('syscalls', {
    what: 'getppid: from the guest to TypeScript and back',
    ours: count / seconds,
    unit: 'calls a CPU second',
    atLeast: 300_000,
  });
}

export async function migrate(): Promise<Row> {
  const count = 200_000;
  const seconds = await several(() => marked(['migrate', `${count}`]));
  return judged('migrate', {
    what: 'mmview migrate to another view and back',
    ours: (seconds / count) * 1e6,
    unit: 'us',
    below: 5,
  });
}

export async function viewCreate(): Promise<Row> {
  const count = 20_000;
  const one = (mebibytes: number): Promise<number> =>
    several(() => marked(['views', `${mebibytes}`, `${count}`], 2 ** 31)).then((seconds) => (seconds / count) * 1e6);
  const small = await one(1);
  const large = await one(1024);
  return judged('view-create', {
    what: 'creating and deleting a view with 1 GiB mapped, against 1 MiB',
    ours: large,
    peer: small,
    ratio: large / small,
    unit: 'us',
    below: 1.2,
  });
}

export async function rssMemcached(): Promise<Row> {
  const { paths } = await ensureExecutables('x86-64', ['melf']);
  const { peakMemory } = runOurs({
    program: paths.melf!,
    argv: ['memcached', '-u', 'root', '-l', '127.0.0.1', '-p', '11211', '-U', '0', '-t', '10'],
    until: 1e9, // a second of virtual time: all threads are up and wait
  });
  return judged('rss-memcached', {
    what: 'host memory of a machine with memcached, 10 worker threads, two variants',
    ours: peakMemory / 2 ** 20,
    unit: 'MiB',
    below: 400,
  });
}
