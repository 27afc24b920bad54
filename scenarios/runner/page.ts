// The report as one HTML file without scripts, which needs nothing else to be looked at.

import type { Check } from './checks.ts';
import type { JobFailure } from './jobs.ts';
import type { TextTable } from './text-table.ts';

export interface PageSection {
  readonly title: string;
  /** HTML. */
  readonly body: string;
}

const style = `
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; } h2 { font-size: 1.25rem; margin-top: 2.5rem; }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.6rem; text-align: right; border-bottom: 1px solid #e4e4e4; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 2px solid #888; white-space: normal; vertical-align: bottom; }
/* A wide table may go on to the right of the text, as far as there is room. */
.scroll { overflow-x: auto; width: max-content; max-width: min(calc(100vw - 3rem), calc(50vw + 33rem)); } svg { max-width: 100%; height: auto; }
.scroll + .scroll { margin-top: 1.2rem; }
.ok::before { content: "✓ "; color: #1a7f37; } .bad::before { content: "✗ "; color: #c62828; } .bad { font-weight: 600; }
pre { background: #f6f6f6; padding: 0.8rem; overflow: auto; max-height: 40rem; font-size: 0.8rem; }
.note { color: #555; font-size: 0.9rem; }
`;

/** Text that is to stand in HTML as it is. */
export function escapeHtml(text: string): string {
  const names: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (character) => names[character]!);
}

/** A table; the cells are text. */
export function htmlTable({ head, rows }: TextTable): string {
  const cells = (row: readonly string[], tag: string): string =>
    `<tr>${row.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join('')}</tr>`;
  const body = rows.map((row) => cells(row, 'td')).join('');
  return `<div class="scroll"><table><thead>${cells(head, 'th')}</thead><tbody>${body}</tbody></table></div>`;
}

/** Names with what they stand for, which may be long. */
export const htmlFacts = (rows: readonly (readonly [string, string])[]): string =>
  htmlTable({ head: ['', ''], rows }).replaceAll('<td>', '<td style="text-align:left;white-space:normal">');

/** The checks, and the runs that failed. */
export function htmlChecks(
  checks: readonly Check[],
  failures: readonly Pick<JobFailure, 'label' | 'message' | 'hint'>[] = [],
): string {
  const item = (ok: boolean, text: string, note: string): string =>
    `<li class="${ok ? 'ok' : 'bad'}">${escapeHtml(text)} <span class="note">${escapeHtml(note)}</span></li>`;
  const items = [
    ...checks.map(({ ok, name, detail }) => item(ok, name, detail)),
    ...failures.map(({ label, message, hint }) => item(false, `${label}: ${message}`, hint ?? '')),
  ];
  return `<ul style="list-style:none;padding:0">${items.join('')}</ul>`;
}

export function htmlPage(title: string, lead: string, sections: readonly PageSection[]): string {
  const parts = sections.map(({ title: heading, body }) => `<section><h2>${escapeHtml(heading)}</h2>${body}</section>`);
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeHtml(title)}</title><style>${style}</style></head><body>`,
    `<h1>${escapeHtml(title)}</h1>${lead}`,
    ...parts,
    '</body></html>\n',
  ].join('\n');
}
