import { escapeHtml, htmlChecks, htmlFacts, htmlPage, htmlTable, type PageSection } from '../runner/page.ts';
import { drawSvg } from '../runner/plots.ts';
import { microseconds } from '../runner/units.ts';
import { shareFigure } from './figures.ts';
import type { Report } from './report.ts';
import {
  codeTables,
  failureText,
  groupTable,
  leastForP99,
  ledgerTable,
  serviceTable,
  speedtestTable,
} from './tables.ts';

const lead = `<p>SQLite with the variants <b>noassert</b> and <b>assert</b> in one executable. They are compiled alike, with the bookkeeping of SQLITE_DEBUG,
but for what <code>assert()</code> does. A service with a thread for each client chooses a variant for each statement. <b>plain</b> is SQLite as users
compile it, <b>noassert</b> and <b>always</b> are one variant alone, in <b>melf-P</b> P&nbsp;% of the statements are under assertion; in <b>threads</b> all of two
clients; in <b>every-5</b> each fifth; in <b>request</b> a single one that its client marked; in <b>session</b> those of the middle third of each open session; in
<b>middle</b> each call of SQLite is in another variant than the one before it, within statements, too.</p>
<p class="note">Times are model cycles as time, not those of any hardware: compare configurations, and look at the counts beside them.</p>`;

function settings({ load, machine, seeds, versions, speedtestSize }: Report): string {
  const rows: [string, string][] = [
    ['machine', `${machine.description}, ${machine.isa}, cost model ${machine.costModel}`],
    ['network', `${microseconds(machine.networkLatency)} µs one way`],
    [
      'clients',
      `${load.clients}, ${load.statements} statements each, exponential think time of ${microseconds(load.think)} µs`,
    ],
    ['speedtest1', `--size ${speedtestSize}`],
    [
      'files',
      'of the service and of speedtest1 in memory: what waits for a disk (fsync) waits for nothing; ledgers are on a disk',
    ],
    ['seeds', seeds.join(', ')],
    ...Object.entries(versions),
  ];
  return htmlFacts(rows);
}

const ledgers = ({
  ledger,
}: Report): string => `${htmlTable(ledgerTable(ledger))}<p class="note">Each row is a journal mode and PRAGMA synchronous.
Power fails at random moments; the next machine goes on with what is on the disk. <i>Damaged</i>: integrity_check complains, or a transaction is there in part; <i>lost</i>:
committed transactions that are missing. Transactions are executed with and without assertions in turns.</p>`;

const codeNote = `<p class="note">Of the program <i>service</i>, libc included. <b>noassert</b> is smaller than <b>plain</b>, though it has more to do: the flags that give both variants the same functions
(melf.toml) forbid to inline small functions and those with one caller. A MELF has its default variant in <i>code</i>; the others have a window of the same size each, padding included.</p>`;

/** The plots as SVG, by name. */
export interface Plots {
  readonly cycles: string;
  readonly latency: string;
}

export async function drawPlots({ service }: Report): Promise<Plots> {
  return {
    cycles: await drawSvg(shareFigure(service, 'cycles')),
    latency: await drawSvg(shareFigure(service, 'latency')),
  };
}

/** report.html: everything of the report and its plots. */
export function reportPage(report: Report, plots: Plots | undefined): string {
  const stacks = report.assertionFailures.map(failureText).join('\n\n');
  const sections: PageSection[] = [
    {
      title: 'Statements of the service',
      body: `${htmlTable(serviceTable(report.service))}<p></p>${htmlTable(groupTable(report.service))}<p class="note">Changes are against the very same statements in noassert alone where nothing else is said;
${report.seeds.length > 1 ? 'in brackets: 95 % confidence interval over the seeds' : 'one seed: no confidence intervals'}. Each client’s first fifth of statements is warm-up and in no figure: so the middle third of all
(<b>session</b>) is 41.7&nbsp;% of those that count. No p99 is given of fewer than ${leastForP99} statements.</p>`,
    },
    ...(plots === undefined ? [] : [{ title: 'Cost against share', body: `${plots.cycles}${plots.latency}` }]),
    ...(report.speedtest1.length === 0
      ? []
      : [{ title: 'speedtest1, whole in one variant', body: htmlTable(speedtestTable(report.speedtest1)) }]),
    ...(report.ledger.length === 0 ? [] : [{ title: 'Databases whose power failed', body: ledgers(report) }]),
    { title: 'Checks', body: htmlChecks(report.checks, report.failures) },
    { title: 'Failed assertions (planted)', body: `<pre>${escapeHtml(stacks)}</pre>` },
    { title: 'Code', body: `${codeTables(report.code).map(htmlTable).join('<p></p>')}${codeNote}` },
    { title: 'Settings', body: settings(report) },
  ];
  return htmlPage('SQLite, with assertions for some of its statements', lead, sections);
}
