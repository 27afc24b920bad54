import { escapeHtml, htmlChecks, htmlFacts, htmlPage, htmlTable, type PageSection } from '../runner/page.ts';
import { drawSvg } from '../runner/plots.ts';
import { configurations } from './configurations.ts';
import { changeFigure, ganttFigure } from './figures.ts';
import { kernels } from './kernels.ts';
import type { IsaReport, Report } from './report.ts';
import type { Measured, PoolResult } from './summary.ts';
import { arithmeticTable, fAloneText, leftOutText, makespanTable, overviewTable, slidesTable } from './tables.ts';

const lead = `<p>A thread pool on CPUs with overlapping instruction sets. <b>F</b> jobs gain nothing from the extended CPUs' instructions, <b>M</b> jobs do. The kernels are
compiled twice from one source, as the variants <b>base</b> and <b>ext</b>; they are as large as makes F and M take equal time in <b>base</b>.</p>
<p class="note">Times are model cycles as time, not those of any hardware: compare configurations, and look at the counts beside them.</p>`;

function isaSections(report: Report, { isa, kernel, table, alone, rounds }: IsaReport): string {
  const facts = kernels[kernel as keyof typeof kernels];
  return `<h3>${isa}</h3>${htmlTable(slidesTable(table))}<p class="note">M is ${escapeHtml(kernel)}: ${escapeHtml(facts.what)}. ${rounds.F} rounds of F, ${rounds.M} of M.
ext = ${escapeHtml((report.isas.find((one) => one.isa === isa)?.variants.ext ?? []).join(' '))}. The paper's figures are those of its slides, measured on hardware.</p>${alone === undefined ? '' : `<p>${escapeHtml(fAloneText(alone))}.</p>`}`;
}

async function resultSections(results: readonly PoolResult[], { isa, table }: IsaReport): Promise<PageSection[]> {
  const own = results.filter((result) => result.isa === isa);
  const cases = [...new Set(own.map(({ mix, ratio }) => `${mix} ${ratio}`))];
  const sections: PageSection[] = [
    {
      title: `Makespans, ${isa}`,
      body: `${htmlTable(overviewTable(own))}<p class="note">Against (a), the common ISA everywhere, with the same jobs.</p>
<div class="scroll">${await drawSvg(changeFigure(own))}</div><p class="note">Bars: measured. Marks: by arithmetic from the measured table of job times, without queues and end effects. Left out: melf-strict, which the tables have, and what died of SIGILL.</p>`,
    },
  ];
  for (const one of cases) {
    const [mix, ratio] = one.split(' ') as [string, string];
    const some = own.filter((result) => result.mix === mix && result.ratio === ratio);
    const [f, m] = mix.split(':');
    const [plain, extended] = ratio.split(':');
    const arithmetic = f === m && plain === extended ? htmlTable(arithmeticTable(table, some)) : '';
    const refused = some
      .filter((result) => result.refused !== null)
      .map(({ id, refused: text }) => `<li>${escapeHtml(`${id}: ${text}`)}</li>`);
    const lessons = some.flatMap((result) =>
      result.lessons.map((lesson) => `<li>${escapeHtml(`${result.id} learned: ${lesson}`)}</li>`),
    );
    sections.push({
      title: `${isa}, F:M ${mix}, ${plain} plain and ${extended} extended CPUs`,
      body: `${htmlTable(makespanTable(some))}${arithmetic}<ul class="note">${refused.join('')}${lessons.join('')}</ul>`,
    });
  }
  return sections;
}

function settings({ load, seeds, costModel, versions, traceHash, paper, isas }: Report): string {
  const rows: [string, string][] = [
    ...isas.map(({ isa, machine }): [string, string] => [
      `machine, ${isa}`,
      machine.cpus.map(({ kind, model, hz }) => `${kind}: ${model} at ${hz / 1e9} GHz`).join('; '),
    ]),
    ['cost model', costModel],
    ['load', `${load.jobs} jobs of ${load.jobTimeNs / 1e6} ms in base, seeds ${seeds.join(', ')}`],
    ['trace', traceHash],
    ...Object.entries(versions),
    ['paper', paper.source],
  ];
  return htmlFacts(rows);
}

/** report.html: everything of the report, and the pictures of the `shown` runs. */
export async function reportPage(report: Report, shown: readonly Measured[]): Promise<string> {
  const { checksLeftOut } = report;
  const sections: PageSection[] = [
    {
      title: 'Jobs on CPUs, beside the slides’ table',
      body: report.isas.map((one) => isaSections(report, one)).join(''),
    },
    {
      title: 'Checks',
      body: `${htmlChecks(report.checks, report.failures)}${checksLeftOut.length === 0 ? '' : `<p class="note">${escapeHtml(leftOutText(checksLeftOut))}.</p>`}`,
    },
    {
      title: 'Configurations',
      body: htmlFacts(configurations.map(({ letter, id, title }) => [`(${letter}) ${id}`, title])),
    },
  ];
  for (const one of report.isas) sections.push(...(await resultSections(report.results, one)));
  for (const isa of new Set(shown.map((one) => one.isa))) {
    const runs = shown.filter((one) => one.isa === isa && one.run.segments.length > 0);
    if (runs.length === 0) continue;
    const { mix, ratio, seed } = runs[0]!;
    sections.push({
      title: `Who executes what, ${isa}`,
      body: `<div class="scroll">${await drawSvg(ganttFigure(runs))}</div><p class="note">F:M ${mix.id}, CPUs ${ratio.id}, seed ${seed}; ms of model time. The traces for Perfetto
(ui.perfetto.dev) are beside this page.</p>`,
    });
  }
  sections.push({ title: 'Settings', body: settings(report) });
  return htmlPage('A thread pool on unlike CPUs', lead, sections);
}
