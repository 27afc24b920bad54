import type { TopLevelSpec } from 'vega-lite';

/** The look of all plots. */
const theme = {
  font: 'system-ui, sans-serif',
  background: 'white',
  axis: { labelFontSize: 12, titleFontSize: 13, titleFontWeight: 'normal', gridColor: '#e8e8e8' },
  legend: { labelFontSize: 12, titleFontSize: 13, titleFontWeight: 'normal', labelLimit: 260 },
  title: { fontSize: 15, fontWeight: 600, anchor: 'start' },
  view: { stroke: '#cccccc' },
} as const;

/** Draws a Vega-Lite specification as SVG, without a browser. */
export async function drawSvg(spec: TopLevelSpec): Promise<string> {
  const [vega, vegaLite] = await Promise.all([import('vega'), import('vega-lite')]);
  const compiled = vegaLite.compile({ ...spec, config: { ...theme, ...spec.config } } as TopLevelSpec).spec;
  const view = new vega.View(vega.parse(compiled), { renderer: 'none' });
  const svg = await view.toSVG();
  view.finalize();
  return svg;
}
