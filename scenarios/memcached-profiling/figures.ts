import type { TopLevelSpec } from 'vega-lite';
import type { Timeline } from './run-record.ts';
import { type ConfigurationResult, type ConfigurationRuns, distributions } from './summary.ts';

/** MELF configurations from light to dark with their share; the others in colours of their own. */
const colours: Readonly<Record<string, string>> = {
  plain: '#444444',
  'melf-0': '#9ecae1',
  'melf-25': '#6baed6',
  'melf-50': '#4292c6',
  'melf-75': '#2171b5',
  'melf-100': '#08306b',
  always: '#d7301f',
  branch: '#fd8d3c',
};
const otherColour = '#7a5195';

const colourScale = (ids: readonly string[]): object => ({
  domain: ids,
  range: ids.map((id) => colours[id] ?? otherColour),
});

/** Share of requests answered within a time, for each configuration and group of clients. */
export function distributionFigure(groups: readonly ConfigurationRuns[]): TopLevelSpec {
  const values = groups.flatMap(({ configuration, runs }) =>
    Object.entries(distributions(runs)).flatMap(([clients, points]) =>
      points.map(({ value, share }) => ({
        configuration: configuration.id,
        clients: clients === 'performance' ? 'performance clients' : 'profiled clients',
        latency: value / 1e3,
        share: share * 100,
      })),
    ),
  );
  const ids = groups.filter(({ runs }) => runs.length > 0).map(({ configuration }) => configuration.id);
  return {
    title: 'Latency distribution',
    data: { values },
    facet: { column: { field: 'clients', type: 'nominal', title: null, header: { labelFontSize: 13 } } },
    spec: {
      width: 430,
      height: 320,
      mark: { type: 'line', interpolate: 'step-after', strokeWidth: 2 },
      encoding: {
        x: {
          field: 'latency',
          type: 'quantitative',
          title: 'latency, µs of virtual time',
          scale: { type: 'log', nice: false },
        },
        y: {
          field: 'share',
          type: 'quantitative',
          title: 'requests answered within it, %',
          scale: { domain: [0, 100] },
        },
        color: { field: 'configuration', type: 'nominal', sort: null, scale: colourScale(ids), title: null },
        order: { field: 'share', type: 'quantitative' },
      },
    },
  } as TopLevelSpec;
}

/** Mean latencies of both groups of clients against the share of profiled connections, with the forms that have no share as lines. */
export function shareFigure(results: readonly ConfigurationResult[]): TopLevelSpec {
  const points = results
    .filter(({ id }) => id.startsWith('melf-'))
    .flatMap(({ profiledShare, performance, profiled }) =>
      [
        { clients: 'performance clients', group: performance },
        { clients: 'profiled clients', group: profiled },
      ].flatMap(({ clients, group }) =>
        group === null
          ? []
          : [
              {
                clients,
                share: profiledShare * 100,
                mean: group.mean / 1e3,
                low: (group.meanLow ?? group.mean) / 1e3,
                high: (group.meanHigh ?? group.mean) / 1e3,
              },
            ],
      ),
    );
  const rules = results
    .filter(({ id, performance }) => !id.startsWith('melf-') && performance !== null)
    .map(({ id, performance }) => ({ id, mean: performance!.mean / 1e3 }));
  const x = {
    field: 'share',
    type: 'quantitative',
    title: 'profiled connections, %',
    scale: { domain: [0, 100] },
  } as const;
  const y = { type: 'quantitative', title: 'mean latency, µs of virtual time', scale: { zero: true } } as const;
  const colour = {
    field: 'clients',
    type: 'nominal',
    title: null,
    scale: { domain: ['performance clients', 'profiled clients'], range: ['#2171b5', '#d7301f'] },
  } as const;
  return {
    title: 'Mean latency against the share of profiled connections',
    width: 560,
    height: 340,
    layer: [
      {
        data: { values: points },
        mark: { type: 'line', point: { size: 60 } },
        encoding: { x, y: { ...y, field: 'mean' }, color: colour },
      },
      {
        data: { values: points },
        mark: { type: 'rule', strokeWidth: 2 },
        encoding: { x, y: { ...y, field: 'low' }, y2: { field: 'high' }, color: colour },
      },
      {
        data: { values: rules },
        mark: { type: 'rule', strokeDash: [6, 4], color: '#666666' },
        encoding: { y: { ...y, field: 'mean' } },
      },
      {
        data: { values: rules },
        mark: { type: 'text', align: 'left', dx: 4, dy: -6, color: '#444444' },
        encoding: { y: { ...y, field: 'mean' }, x: { value: 0 }, text: { field: 'id' } },
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
