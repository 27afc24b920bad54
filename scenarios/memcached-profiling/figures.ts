import type { TopLevelSpec } from 'vega-lite';
import { latencyFigure } from '../runner/latency-figure.ts';
import { signedPercent } from '../runner/units.ts';
import { baselineId } from './configurations.ts';
import type { Timeline } from './run-record.ts';
import { type ConfigurationResult, type ConfigurationRuns, distributions } from './summary.ts';

/** MELF configurations from green by blue to purple with their share; the others in colours of their own. */
const colours: Readonly<Record<string, string>> = {
  plain: '#444444',
  'melf-0': '#a1d076',
  'melf-25': '#1b9e4b',
  'melf-50': '#41b6c4',
  'melf-75': '#1f78b4',
  'melf-100': '#6a3d9a',
  always: '#d7301f',
  branch: '#fd8d3c',
};
/** Share of requests answered within a time, for each configuration and group of clients. */
export function distributionFigure(groups: readonly ConfigurationRuns[]): TopLevelSpec {
  const curves = groups.flatMap(({ configuration, runs }) =>
    Object.entries(distributions(runs)).map(([clients, points]) => ({
      configuration: configuration.id,
      clients: clients === 'performance' ? 'performance clients' : 'profiled clients',
      points,
    })),
  );
  const ids = groups.filter(({ runs }) => runs.length > 0).map(({ configuration }) => configuration.id);
  return latencyFigure(curves, { ids, asked: 'requests', colours });
}

interface SharePoint {
  readonly clients: string;
  readonly share: number;
  readonly change: number;
  readonly low: number;
  readonly high: number;
}

const clientKinds = ['performance clients', 'profiled clients', 'performance clients, paper'];

/** What the MELF configurations cost their clients, and the paper's figures where it gives any. */
function sharePoints(results: readonly ConfigurationResult[]): SharePoint[] {
  return results
    .filter(({ id }) => id.startsWith('melf-'))
    .flatMap((result) => {
      const changes = [
        [result.relativeMeanPercent, result.relativeMeanLow, result.relativeMeanHigh],
        [result.relativeProfiledPercent, result.relativeProfiledLow, result.relativeProfiledHigh],
        [result.paperPercent, null, null],
      ] as const;
      return changes.flatMap(([change, low, high], kind): SharePoint[] => {
        if (change === null) return [];
        const share = result.profiledShare * 100;
        return [{ clients: clientKinds[kind]!, share, change, low: low ?? change, high: high ?? change }];
      });
    });
}

/** Change of mean latencies against the share of profiled connections; the forms that have no share are lines. */
export function shareFigure(results: readonly ConfigurationResult[]): TopLevelSpec {
  const points = sharePoints(results);
  const rules = results
    .filter(
      ({ id, relativeMeanPercent }) => !id.startsWith('melf-') && id !== baselineId && relativeMeanPercent !== null,
    )
    .map(({ id, relativeMeanPercent, paperPercent }) => ({
      change: relativeMeanPercent!,
      label: `${id}: ${signedPercent(relativeMeanPercent!, 1)}${paperPercent === null ? '' : ` (paper: +${paperPercent} %, beyond this picture)`}`,
    }));
  const x = {
    field: 'share',
    type: 'quantitative',
    title: 'profiled connections, %',
    scale: { domain: [0, 100] },
  } as const;
  const y = { type: 'quantitative', title: 'mean latency against plain, %', scale: { zero: true } } as const;
  const color = {
    field: 'clients',
    type: 'nominal',
    title: null,
    scale: { domain: clientKinds, range: ['#2171b5', '#d7301f', '#000000'] },
    legend: { labelLimit: 300 },
  } as const;
  const shape = {
    field: 'clients',
    type: 'nominal',
    scale: { domain: clientKinds, range: ['circle', 'circle', 'diamond'] },
  };
  const measured = { filter: `datum.clients !== '${clientKinds[2]}'` };
  return {
    title: 'What profiling some clients costs',
    width: 560,
    height: 340,
    data: { values: points },
    layer: [
      {
        data: { values: rules },
        mark: { type: 'rule', strokeDash: [6, 4], color: '#777777' },
        encoding: { y: { ...y, field: 'change' } },
      },
      {
        data: { values: rules },
        mark: { type: 'text', align: 'right', dx: -4, dy: -7, color: '#444444', fontSize: 12 },
        encoding: { y: { ...y, field: 'change' }, x: { value: 'width' }, text: { field: 'label' } },
      },
      {
        transform: [measured],
        mark: { type: 'rule', strokeWidth: 2 },
        encoding: { x, y: { ...y, field: 'low' }, y2: { field: 'high' }, color },
      },
      {
        transform: [measured],
        mark: { type: 'line' },
        encoding: { x, y: { ...y, field: 'change' }, color },
      },
      {
        mark: { type: 'point', filled: true, size: 80, opacity: 1 },
        encoding: { x, y: { ...y, field: 'change' }, color, shape },
      },
    ],
  } as TopLevelSpec;
}

/** When each thread had a CPU, and in which variant. */
export function timelineFigure(
  { from, to, threads, slices }: Timeline,
  variantOfView: readonly string[],
): TopLevelSpec {
  const values = slices.map((slice) => ({
    thread: `${threads[slice.tid] ?? 'thread'} ${slice.tid}`,
    from: (Math.max(slice.from, from) - from) / 1e3,
    to: (Math.min(slice.to, to) - from) / 1e3,
    variant: variantOfView[slice.view] ?? `view ${slice.view}`,
  }));
  return {
    title: 'Threads on CPUs, by the variant they execute',
    width: 900,
    height: { step: 26 },
    data: { values },
    mark: { type: 'bar', height: 16 },
    encoding: {
      x: {
        field: 'from',
        type: 'quantitative',
        title: 'µs of virtual time',
        scale: { domain: [0, (to - from) / 1e3], nice: false },
      },
      x2: { field: 'to' },
      y: { field: 'thread', type: 'nominal', title: null },
      color: {
        field: 'variant',
        type: 'nominal',
        title: null,
        scale: { domain: ['fast', 'prof'], range: ['#74add1', '#d7301f'] },
      },
    },
  } as TopLevelSpec;
}
