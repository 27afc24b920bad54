// The lesson as text for the terminal and as a page.

import { readFileSync } from 'node:fs';
import { escapeHtml, htmlChecks, htmlFacts, htmlPage, htmlTable } from '../runner/page.ts';
import type { TextTable } from '../runner/text-table.ts';
import { grouped, signedPercent } from '../runner/units.ts';
import { type BuildName, buildNames, buildTitles, sourceOf } from './builds.ts';
import type { FunctionName } from './code.ts';
import type { BuildResult, Lesson } from './lesson.ts';

const number = (value: number): string => (value >= 1000 ? grouped(value) : value.toFixed(1));

/** What a call costs each client, and what that took. */
export function costTable({ results }: Lesson): TextTable {
  const plain = results.find(({ build }) => build === 'plain')!;
  const cell = (value: number, base: number): string =>
    value === base ? number(value) : `${number(value)} (${signedPercent((value / base - 1) * 100, 1)})`;
  const row = (one: BuildResult): string[] => [
    buildTitles[one.build],
    cell(one.performance.instructions, plain.performance.instructions),
    cell(one.performance.cycles, plain.performance.cycles),
    cell(one.profiled.instructions, plain.profiled.instructions),
    one.codeBytes.join(' + '),
    `${one.changedLines}`,
    grouped(one.counted.validate_query ?? 0),
  ];
  return {
    head: [
      'validate_query, per call',
      'others: instructions',
      'others: model cycles',
      'profiled client: instructions',
      'code bytes',
      'lines changed',
      'calls counted',
    ],
    rows: results.map(row),
  };
}

/** What MELF takes instead: the switch. */
export function switchText({ results }: Lesson): string {
  const melf = results.find(({ build }) => build === 'melf')!;
  const of = ({ instructions, cycles }: BuildResult['firstSwitch']): string =>
    `${grouped(instructions)} instructions and ${grouped(cycles)} model cycles`;
  return `MELF pays when the client changes, not in each call: ${of(melf.laterSwitch)} for a switch; the first one into a variant makes its view: ${of(melf.firstSwitch)}.`;
}

/** Columns of code beside each other, each as wide as its longest line. */
export function sideBySide(code: Lesson['code'], name: FunctionName, columns: readonly string[]): string {
  const texts = columns.map((column) => code[column]!.find((one) => one.function === name)!);
  const heads = texts.map(({ bytes }, i) => `${columns[i]} (${bytes} bytes)`);
  const widths = texts.map(({ lines }, i) => Math.max(heads[i]!.length, ...lines.map((line) => line.length)));
  const height = Math.max(...texts.map(({ lines }) => lines.length));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join(' │ ')
      .trimEnd();
  const body = Array.from({ length: height }, (_, at) => line(texts.map(({ lines }) => lines[at] ?? '')));
  return [line(heads), line(widths.map((width) => '─'.repeat(width))), ...body].join('\n');
}

const htmlCode = (title: string, text: string): string =>
  `<div><h3>${escapeHtml(title)}</h3><pre>${escapeHtml(text)}</pre></div>`;
const grid = (cells: readonly string[]): string =>
  `<div class="scroll" style="display:flex;gap:1rem;align-items:flex-start">${cells.join('')}</div>`;

const lead = `<p>A server validates queries, and some customer's are slow. To find out why, it is compiled with profiling (<code>-pg</code>): now it is slow for
everybody. With <code>if&nbsp;(c-&gt;prof)</code> in every function it counts that customer's calls only, but every function has to ask and to be told who the
client is. A multivariant executable holds both compiles of the unchanged source at the same addresses, and each client is served in the one it asked for.</p>
<p class="note">Instructions are counted; model cycles compare these programs with each other, they are not those of any hardware.</p>`;

/** report.html */
export function lessonPage(lesson: Lesson): string {
  const listing = (name: FunctionName): string =>
    grid(
      Object.entries(lesson.code).map(([column, functions]) => {
        const one = functions.find((f) => f.function === name)!;
        return htmlCode(`${column}, 0x${one.address.toString(16)}, ${one.bytes} bytes`, one.lines.join('\n'));
      }),
    );
  const text = (build: BuildName): string => readFileSync(sourceOf(build), 'utf8');
  return htmlPage('validate_query: one function, several compiles', lead, [
    {
      title: 'What a call costs',
      body: `${htmlTable(costTable(lesson))}<p>${escapeHtml(switchText(lesson))}</p><p class="note">“Others” are clients that nobody wants to profile. Lines changed: those of the
source that validate.c does not have. Code bytes: of the ${lesson.code.plain!.length} functions; of MELF for each variant.</p>`,
    },
    { title: 'Checks', body: htmlChecks(lesson.checks) },
    {
      title: 'The machine code of validate_query',
      body: `${listing('validate_query')}<p>In the MELF both variants begin at the same address: pointers to the function and calls of it are right in either.</p>`,
    },
    { title: 'The machine code of parse_params', body: listing('parse_params') },
    { title: 'The source', body: grid([htmlCode('validate.c', text('plain')), htmlCode('validate-if.c', text('if'))]) },
    {
      title: 'Settings',
      body: htmlFacts([
        ['calls', `${lesson.rounds} rounds of ${lesson.calls} for each client`],
        ['builds', buildNames.map((build) => buildTitles[build]).join(', ')],
        ['tool chain', lesson.toolchain],
      ]),
    },
  ]);
}
