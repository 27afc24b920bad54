import type { TopLevelSpec } from 'vega-lite';
import { latencyFigure } from '../runner/latency-figure.ts';
import { baselineId } from './configurations.ts';
import { type ConfigurationResult, type ConfigurationRuns, distributions } from './summary.ts';

/** MELF configurations from light green by blue to dark violet with their share; the others in colours of their own. */
const colours: Readonly<Record<string, string>> = {
  plain: '#444444',
  'plain-allocator': '#999999',
  'melf-0': '#a6d96a',
  'melf-25': '#41b6c4',
  'melf-50': '#1f78b4',
  'melf-75': '#5e3c99',
  'melf-100': '#1b0b3a',
  always: '#d7301f',
};
/** Share of statements answered within a time, for each configuration and group of clients. */
export function distributionFigure(groups: readonly ConfigurationRuns[]): TopLevelSpec {
  const curves = groups.flatMap(({ configuration, runs }) =>
    Object.entries(distributions(runs)).map(([clients, points]) => ({
      configuration: configuration.id,
      clients: clients === 'performance' ? 'plain connections' : 'sanitised connections',
      points,
    })),
  );
  const ids = groups.filter(({ runs }) => runs.length > 0).map(({ configuration }) => configuration.id);
  return latencyFigure(curves, { ids, asked: 'statements', colours });
}

/** Change of both groups' means against the share of sanitised connections, with `always` as a line across. */
export function shareFigure(results: readonly ConfigurationResult[]): TopLevelSpec {
  const points = results
    .filter(({ id }) => id.startsWith('melf-'))
    .flatMap(({ sanitisedShare, performanceChange, sanitisedChange }) =>
      [
        { clients: 'plain', ...performanceChange },
        { clients: 'sanitised', ...sanitisedChange },
      ].flatMap(({ clients, percent, low, high }) =>
        percent === null
          ? []
          : [{ clients, share: sanitisedShare * 100, change: percent, low: low ?? percent, high: high ?? percent }],
      ),
    );
  const lines = results
    .filter(({ id }) => id === 'always' || id === 'plain-allocator')
    .map(({ id, performanceChange, sanitisedChange }) => ({
      name: id,
      change: performanceChange.percent ?? sanitisedChange.percent,
    }));
  return {
    title: `Mean latency against ${baselineId}`,
    width: 560,
    height: 320,
    layer: [
      {
        data: { values: points },
        mark: { type: 'errorbar', ticks: true },
        encoding: {
          x: { field: 'share', type: 'quantitative' },
          y: { field: 'low', type: 'quantitative', title: 'change, %' },
          y2: { field: 'high' },
          color: {
            field: 'clients',
            type: 'nominal',
            title: 'connections',
            legend: { orient: 'bottom', symbolOpacity: 1 },
          },
        },
      },
      {
        data: { values: points },
        mark: { type: 'line', point: true },
        encoding: {
          x: { field: 'share', type: 'quantitative', title: 'sanitised connections, %', scale: { domain: [0, 100] } },
          y: { field: 'change', type: 'quantitative', title: 'change, %' },
          color: { field: 'clients', type: 'nominal' },
        },
      },
      {
        data: { values: lines },
        mark: { type: 'rule', strokeDash: [6, 4], color: '#555' },
        encoding: { y: { field: 'change', type: 'quantitative' } },
      },
      {
        data: { values: lines },
        mark: { type: 'text', align: 'left', baseline: 'middle', dx: 6, color: '#555' },
        encoding: { y: { field: 'change', type: 'quantitative' }, x: { value: 'width' }, text: { field: 'name' } },
      },
    ],
  } as TopLevelSpec;
}
