import type { TopLevelSpec } from 'vega-lite';
import type { ConfigurationResult } from './summary.ts';

const shareOf = (id: string): number | undefined => {
  const match = /^melf-(\d+)$/.exec(id);
  return match === null ? undefined : Number(match[1]);
};

interface Point {
  readonly share: number;
  readonly percent: number;
  readonly whose: string;
}

function points(results: readonly ConfigurationResult[], measure: 'cycles' | 'latency'): Point[] {
  return results.flatMap(({ id, all, others, asserted }) => {
    const share = shareOf(id);
    if (share === undefined) return [];
    const groups = { 'all statements': all, 'not under assertion': others, 'under assertion': asserted };
    return Object.entries(groups).flatMap(([whose, group]) => {
      const percent = group?.against.noassert[measure]?.percent;
      return percent === undefined ? [] : [{ share, percent, whose }];
    });
  });
}

/** Cost of a statement against the share of statements under assertion, with the build in which all are as a line. */
export function shareFigure(results: readonly ConfigurationResult[], measure: 'cycles' | 'latency'): TopLevelSpec {
  const always = results.find(({ id }) => id === 'always')?.all.against.noassert[measure]?.percent;
  const title = measure === 'cycles' ? 'Cycles of a statement' : 'Latency of a statement';
  return {
    title: `${title}, change against noassert alone`,
    width: 520,
    height: 300,
    layer: [
      {
        data: { values: points(results, measure) },
        mark: { type: 'line', point: true },
        encoding: {
          x: {
            field: 'share',
            type: 'quantitative',
            title: 'statements under assertion, %',
            scale: { domain: [0, 100] },
          },
          y: { field: 'percent', type: 'quantitative', title: 'change, %' },
          color: { field: 'whose', type: 'nominal', title: null, legend: { orient: 'bottom', labelLimit: 300 } },
        },
      },
      ...(always === undefined
        ? []
        : [
            {
              data: { values: [{ percent: always }] },
              mark: { type: 'rule' as const, strokeDash: [4, 4] },
              encoding: { y: { field: 'percent', type: 'quantitative' as const } },
            },
            {
              data: { values: [{ percent: always, label: 'always on' }] },
              mark: { type: 'text' as const, align: 'left' as const, baseline: 'middle' as const, dx: 6 },
              encoding: {
                x: { value: 'width' as const },
                y: { field: 'percent', type: 'quantitative' as const },
                text: { field: 'label' },
              },
            },
          ]),
    ],
  };
}
