import type { TopLevelSpec } from 'vega-lite';
import { configurationNamed } from './configurations.ts';
import { isPlainCpu, type Measured, type PoolResult } from './summary.ts';

const colours = {
  domain: ['F, base', 'F, ext', 'M, base', 'M, ext'],
  range: ['#abd9e9', '#4575b4', '#fdae61', '#d73027'],
};

/** Which job each CPU did when, by kind and variant; one picture for each configuration. */
export function ganttFigure(measured: readonly Measured[]): TopLevelSpec {
  const first = (one: Measured): number => Math.min(...one.run.done.map(({ start }) => start));
  const longest = Math.max(...measured.map((one) => Math.max(...one.run.done.map(({ end }) => end)) - first(one)));
  return {
    vconcat: measured.map((one) => {
      const { letter, id, title } = configurationNamed(one.run.configuration);
      const zero = first(one);
      return {
        title: `(${letter}) ${id}: ${title}`,
        width: 880,
        height: { step: 18 },
        data: {
          values: one.run.segments.map(({ job, cpu, from, to, variant }) => ({
            cpu: `CPU ${cpu}, ${isPlainCpu(one.ratio, cpu) ? 'plain' : 'extended'}`,
            from: (from - zero) / 1e6,
            to: (to - zero) / 1e6,
            kind: `${one.jobs[job]!.class}, ${variant}`,
          })),
        },
        mark: { type: 'bar', height: 14, stroke: 'white', strokeWidth: 0.6 },
        encoding: {
          x: {
            field: 'from',
            type: 'quantitative',
            title: null,
            scale: { domain: [0, longest / 1e6], nice: false },
          },
          x2: { field: 'to' },
          y: { field: 'cpu', type: 'nominal', title: null },
          color: { field: 'kind', type: 'nominal', title: 'job, variant', scale: colours },
        },
      };
    }),
    resolve: { scale: { x: 'shared', color: 'shared' } },
  } as unknown as TopLevelSpec;
}

/** Would be several times as wide as the others: the tables have it. */
const leftOut = 'melf-strict';

/** Makespans against the common ISA, as measured and as predicted, by mix and group ratio. */
export function changeFigure(results: readonly PoolResult[]): TopLevelSpec {
  const values = results
    .filter(({ id, relativeMakespanPercent }) => id !== 'common' && id !== leftOut && relativeMakespanPercent !== null)
    .map(({ id, mix, ratio, relativeMakespanPercent, predicted }) => ({
      configuration: id,
      mix: `F:M ${mix}`,
      ratio: `plain:extended CPUs ${ratio}`,
      measured: relativeMakespanPercent,
      predicted: predicted?.relativeMakespanPercent ?? null,
    }));
  const x = { type: 'quantitative', title: 'makespan against (a), %' } as const;
  const y = { field: 'configuration', type: 'nominal', sort: null, title: null } as const;
  return {
    data: { values },
    facet: {
      row: { field: 'mix', type: 'nominal', title: null, sort: [...new Set(values.map(({ mix }) => mix))] },
      column: { field: 'ratio', type: 'nominal', title: null, sort: [...new Set(values.map(({ ratio }) => ratio))] },
    },
    spec: {
      width: 230,
      height: { step: 18 },
      layer: [
        { mark: { type: 'bar', color: '#74add1' }, encoding: { x: { ...x, field: 'measured' }, y } },
        {
          mark: { type: 'tick', color: '#222222', thickness: 2, size: 16 },
          encoding: { x: { ...x, field: 'predicted' }, y },
        },
      ],
    },
  } as unknown as TopLevelSpec;
}
