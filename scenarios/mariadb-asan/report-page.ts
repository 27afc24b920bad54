import { escapeHtml, htmlChecks, htmlFacts, htmlPage, htmlTable, type PageSection } from '../runner/page.ts';
import { drawSvg } from '../runner/plots.ts';
import { microseconds } from '../runner/units.ts';
import { distributionFigure, shareFigure } from './figures.ts';
import type { Report } from './report.ts';
import type { ConfigurationRuns } from './summary.ts';
import { latencyTable, machineTable } from './tables.ts';

const lead = `<p>MariaDB with the variants <b>plain</b> and <b>asan</b> (a call of AddressSanitizer's checks before each access to memory) in one executable.
The variant of a connection is chosen by its user's name. <b>plain</b> is the server without variants and with glibc's malloc, <b>plain-allocator</b> the same with the malloc of the
sanitiser's runtime, <b>melf-P</b> has P&nbsp;% of its connections sanitised, in <b>always</b> all code is checked for everybody.</p>
<p class="note">Times are model cycles as time, not those of any hardware: compare configurations, and look at the counts beside them.</p>`;

const handling = (threads: Report['machine']['threads']): string =>
  threads === 'one-per-connection' ? 'a thread for each connection' : `a pool of ${threads.groups} groups of threads`;

function settings({ load, machine, seeds, costModel, versions, traceHash, paper }: Report): string {
  const rows: [string, string][] = [
    ['machine', `${machine.description}, ${machine.isa}, ${handling(machine.threads)}`],
    ['cost model', costModel],
    ['network', `${microseconds(machine.networkLatency)} µs one way`],
    ['clients', `${load.connections}, closed loop, exponential think time of ${microseconds(load.think)} µs`],
    [
      'tables',
      `Aria and MyISAM, ${load.connections * load.rows} rows each; ${load.writes ? 'reads and changes' : 'reads only'}`,
    ],
    ['measured', `${load.window / 1e6} ms after ${load.warmUp / 1e6} ms of warm-up, seeds ${seeds.join(', ')}`],
    ['trace', traceHash],
    ...Object.entries(versions),
    ['paper', `${paper.source}: ${paper.note}`],
  ];
  return htmlFacts(rows);
}

/** The plots as SVG, by name. */
export interface Plots {
  readonly share: string;
  readonly distribution: string;
}

export async function drawPlots(report: Report, groups: readonly ConfigurationRuns[]): Promise<Plots> {
  return {
    share: await drawSvg(shareFigure(report.results)),
    distribution: await drawSvg(distributionFigure(groups)),
  };
}

/** report.html: everything of the report and its plots. */
export function reportPage(report: Report, plots: Plots): string {
  const sections: PageSection[] = [
    {
      title: 'Result',
      body: `${htmlTable(latencyTable(report.results))}<p class="note">In brackets: 95 % confidence interval over the seeds, runs paired by seed.</p>${htmlTable(machineTable(report.results))}`,
    },
    { title: 'Checks', body: htmlChecks(report.checks, report.failures) },
    { title: 'Cost against share', body: plots.share },
    { title: 'Distribution', body: `<div class="scroll">${plots.distribution}</div>` },
  ];
  if (report.planted !== null) {
    const rows = report.planted.errors.map(({ kind, access, stack }) => [kind, access, stack[0] ?? '', stack[1] ?? '']);
    const found = htmlTable({
      head: ['what one sanitised connection’s mistakes led to', 'access', 'in', 'called by'],
      rows,
    });
    sections.push({ title: 'Planted mistakes', body: `${found}<pre>${escapeHtml(report.planted.example)}</pre>` });
  }
  sections.push({ title: 'Settings', body: settings(report) });
  return htmlPage('MariaDB, sanitised for some of its connections', lead, sections);
}
