import type { TopLevelSpec } from 'vega-lite';
import type { DistributionPoint } from './latency.ts';

/** One curve: a group of clients in a configuration. */
export interface LatencyCurve {
  readonly configuration: string;
  readonly clients: string;
  readonly points: readonly DistributionPoint[];
}

/** A colour for each configuration of a legend. */
function colourScale(ids: readonly string[], colours: Readonly<Record<string, string>>): object {
  const otherColour = '#7a5195';
  return { domain: ids, range: ids.map((id) => colours[id] ?? otherColour) };
}

/** Share of what was asked that was answered within a time. @param ids the configurations in the legend's order */
export function latencyFigure(
  curves: readonly LatencyCurve[],
  { ids, asked, colours }: { ids: readonly string[]; asked: string; colours: Readonly<Record<string, string>> },
): TopLevelSpec {
  const values = curves.flatMap(({ configuration, clients, points }) =>
    points.map(({ value, share }) => ({ configuration, clients, latency: value / 1e3, share: share * 100 })),
  );
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
          title: `${asked} answered within it, %`,
          scale: { domain: [0, 100] },
        },
        color: {
          field: 'configuration',
          type: 'nominal',
          sort: null,
          scale: colourScale(ids, colours),
          title: null,
          legend: { symbolStrokeWidth: 3, symbolSize: 200 },
        },
        order: { field: 'share', type: 'quantitative' },
      },
    },
  } as TopLevelSpec;
}
