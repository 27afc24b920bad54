import { link } from '../linker/link.ts';
import { linkOptionsOf } from '../scenarios/memcached-profiling/executable.ts';
import { judged, median, type Row } from './row.ts';

const rounds = 5;

/** Links memcached, libevent and libc in two variants, files read anew each time. */
export async function linkMemcached(): Promise<Row> {
  const options = await linkOptionsOf('melf', 'x86-64');
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const started = performance.now();
    link(options);
    times.push((performance.now() - started) / 1e3);
  }
  return judged('link-memcached', {
    what: `linking memcached, libevent and libc in two variants (first of ${rounds}: ${times[0]!.toFixed(2)} s)`,
    ours: median(times),
    unit: 's',
    below: 1,
  });
}
