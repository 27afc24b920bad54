import { htmlChecks, htmlFacts, htmlPage, htmlTable, type PageSection } from '../runner/page.ts';
import { drawSvg } from '../runner/plots.ts';
import { microseconds } from '../runner/units.ts';
import { distributionFigure, shareFigure, timelineFigure } from './figures.ts';
import type { Report } from './report.ts';
import type { Timeline } from './run-record.ts';
import type { ConfigurationRuns } from './summary.ts';
import { latencyTable, machineTable } from './tables.ts';
import { variantOfView } from './variants.ts';

const lead = `<p>memcached with the variants <b>fast</b> and <b>prof</b> (instrumented for profiling) in one executable. Each event of a connection
is handled in the variant that its client asked for. <b>plain</b> has no variants, <b>melf-P</b> has P&nbsp;% of its clients profiled, in <b>always</b> everything is
instrumented, in <b>branch</b> every function asks first whether its client is profiled.</p>
<p class="note">Times are model cycles as time, not those of any hardware: compare configurations, and look at the counts beside them.</p>`;

function settings({ load, machine, seeds, costModel, versions, traceHash, paper }: Report): string {
  const values = `${load.valueBytes.least} to ${load.valueBytes.most} bytes`;
  const rows: [string, string][] = [
    ['machine', `${machine.description}, ${machine.isa}, ${machine.threads} worker threads`],
    ['cost model', costModel],
    ['network', `${microseconds(machine.networkLatency)} µs one way`],
    [
      'clients',
      `${load.connections}, closed loop, ${load.thinkDistribution} think time of ${microseconds(load.think)} µs`,
    ],
    ['requests', `${load.getShare * 100} % GET, ${load.keys} keys (Zipf ${load.zipf}), values of ${values}`],
    ['measured', `${load.window / 1e6} ms after ${load.warmUp / 1e6} ms of warm-up, seeds ${seeds.join(', ')}`],
    ['trace', traceHash],
    ...Object.entries(versions),
    ['paper', paper.source],
  ];
  return htmlFacts(rows);
}

/** The plots as SVG, by name; the timeline only where a run was recorded. */
export interface Plots {
  readonly share: string;
  readonly distribution: string;
  readonly timeline: string | undefined;
}

export async function drawPlots(
  report: Report,
  groups: readonly ConfigurationRuns[],
  timeline: Timeline | undefined,
): Promise<Plots> {
  return {
    share: await drawSvg(shareFigure(report.results)),
    distribution: await drawSvg(distributionFigure(groups)),
    timeline: timeline === undefined ? undefined : await drawSvg(timelineFigure(timeline, variantOfView)),
  };
}

/** report.html: everything of the report and its plots. */
export function reportPage(report: Report, plots: Plots): string {
  const sections: PageSection[] = [
    {
      title: 'Result',
      body: `${htmlTable(latencyTable(report.results))}<p class="note">In brackets: 95 % confidence interval over the seeds, runs paired by seed.
"In the server": the mean without the network's two ways. The paper's figures are those of its slides, measured on hardware.</p>${htmlTable(machineTable(report.results))}`,
    },
    { title: 'Checks', body: htmlChecks(report.checks, report.failures) },
    { title: 'Cost against share', body: plots.share },
    { title: 'Distribution', body: `<div class="scroll">${plots.distribution}</div>` },
  ];
  if (plots.timeline !== undefined) {
    const note = '<p class="note">trace.json has the same time for Perfetto (ui.perfetto.dev).</p>';
    sections.push({ title: 'Who executes what', body: `<div class="scroll">${plots.timeline}</div>${note}` });
  }
  sections.push({ title: 'Settings', body: settings(report) });
  return htmlPage('memcached, profiled for some of its clients', lead, sections);
}
