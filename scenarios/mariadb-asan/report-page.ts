import { demangled } from '../../base/demangle.ts';
import { escapeHtml, htmlChecks, htmlFacts, htmlPage, htmlTable, type PageSection } from '../runner/page.ts';
import { drawSvg } from '../runner/plots.ts';
import { microseconds } from '../runner/units.ts';
import { distributionFigure, shareFigure } from './figures.ts';
import { plants } from './plants.ts';
import type { Report } from './report.ts';
import type { ConfigurationRuns } from './summary.ts';
import { checkedTable, latencyTable, leastForP99, machineTable } from './tables.ts';

const lead = `<p>MariaDB with the variants <b>plain</b> and <b>asan</b> (a call of AddressSanitizer's checks before each access to memory) in one executable.
The variant of a connection is chosen by its user's name; the login itself is always executed by <b>plain</b>. <b>plain</b> is that variant alone with glibc's malloc, compiled with the
flags and the patch of the multivariant server and not as a distribution would; <b>plain-allocator</b> the same with the malloc of the sanitiser's runtime, <b>melf-P</b> has P&nbsp;% of its connections
sanitised, in <b>always</b> all code is checked for everybody.</p>
<p class="note">Times are model cycles as time, not those of any hardware: compare configurations, and look at the counts beside them.</p>`;

const handling = (threads: Report['machine']['threads']): string =>
  threads === 'one-per-connection' ? 'a thread for each connection' : `a pool of ${threads.groups} groups of threads`;

/** Until the server listens, in the configuration that starts slowest. */
function startText(results: Report['results']): string {
  const { id, startTime } = results.reduce((a, b) => (b.startTime > a.startTime ? b : a));
  return `${(startTime / 1e6).toFixed(1)} ms of virtual time until the server listened, in ${id}, the slowest`;
}

const machineNotes = `<p class="note">Switches are those from the start of the server to its end: a thread that serves one connection switches once, when it is known who it is, which is before
the measurement. What happens when threads serve several connections, and when a connection changes its mind, is below under <i>only checked</i>. The clients wait for each answer and think before the next
statement, so the throughput of all together has a limit that no server can pass.</p>`;

function resultSection({ results, seeds }: Report): string {
  const note =
    seeds.length > 1
      ? 'In brackets: 95 % confidence interval over the seeds, runs paired by seed.'
      : 'One seed: no confidence intervals.';
  return `${htmlTable(latencyTable(results))}<p class="note">${note} No p99 is given of fewer than ${leastForP99} statements.</p>${htmlTable(machineTable(results))}${machineNotes}`;
}

const checkedNotes = `<p class="note">Short runs of which nothing is measured. <b>planted</b>: each connection makes ${plants.length} mistakes with the heap, in a server with half of its connections sanitised, in <b>always</b>
and in <b>plain-allocator</b>. <b>pool</b>: two groups of threads serve all connections. <b>command</b>: each connection says <code>SET melf_sanitize = ON</code>, <code>OFF</code> and <code>USER</code> in turns.
<i>Executed</i>: entries of <code>dispatch_command</code> as the machine counts them by view.</p>`;

function plantedSection({ planted }: Report): PageSection[] {
  if (planted === null) return [];
  const rows = planted.errors.map(({ kind, access, stack }) => [kind, access, stack[0] ?? '', stack[1] ?? '']);
  const found = htmlTable({
    head: ['what one sanitised connection’s mistakes led to', 'access', 'in', 'called by'],
    rows,
  });
  const body = `${found}<pre>${escapeHtml(planted.example)}</pre>`;
  const named = demangled(body);
  const note =
    named === undefined ? '<p class="note">C++ names as the linker knows them: there is no c++filt here.</p>' : '';
  return [{ title: 'Planted mistakes', body: `${named ?? body}${note}` }];
}

function settings({ results, load, machine, seeds, costModel, versions, traceHash, paper }: Report): string {
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
    ['files', 'in memory: what waits for a disk (fsync) waits for nothing'],
    ['start', startText(results)],
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
      body: resultSection(report),
    },
    { title: 'Checks', body: htmlChecks(report.checks, report.failures) },
    { title: 'Cost against share', body: plots.share },
    { title: 'Distribution', body: `<div class="scroll">${plots.distribution}</div>` },
  ];
  if (report.checked.length > 0)
    sections.push({ title: 'Only checked', body: `${htmlTable(checkedTable(report.checked))}${checkedNotes}` });
  sections.push(...plantedSection(report));
  sections.push({ title: 'Settings', body: settings(report) });
  return htmlPage('MariaDB, sanitised for some of its connections', lead, sections);
}
